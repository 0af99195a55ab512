//! Every role with every method of the port, for what is its own, what is another tenant's, and what is nowhere.
//!
//! The methods come from the table of the contract: a new one does not compile here until it has a request, and then has to
//! appear in the snapshot.

use std::fmt::Write;

use bytes::{Buf, BufMut, Bytes};
use futures::StreamExt;
use http::uri::PathAndQuery;
use prost::Message;
use sendstores_proto::{
    access::{METHODS, Method, MethodAccess},
    v1::{self as wire, store_service_client::StoreServiceClient, tenant_service_client::TenantServiceClient},
};
use sendstores_tests::{
    redis::RedisServer,
    server::{Server, ServerOptions},
    tokens::{make_token, token_id},
    wait::within,
};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};
use tonic_types::StatusExt;

/// The callers: role, tenant and abilities. The first has no token.
const CALLERS: [&str; 8] = [
    "nobody",
    "admin",
    "operator",
    "tenant/acme",
    "reader",
    "reader/acme",
    "agent/acme",
    "agent/acme+stores.read+stores.create",
];

/// The id of no backup.
const NO_BACKUP: &str = "0193b0a0-7c3e-7000-8000-0000000000af/none";

/// What a call is about: of the tenant acme, of bolt, or of nobody.
struct Target {
    store: &'static str,
    tenant: &'static str,
    token: String,
}

/// Messages as they are.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// A request about backups. None is there: which role may ask is in the snapshot, whose backup is whose in `api_backups`.
fn backup_request(method: Method, store: String) -> Vec<u8> {
    let id = NO_BACKUP.to_owned();
    match method {
        Method::CreateBackup => wire::CreateBackupRequest { store, ..Default::default() }.encode_to_vec(),
        Method::GetBackup => wire::GetBackupRequest { id }.encode_to_vec(),
        Method::ListBackups => wire::ListBackupsRequest { store, ..Default::default() }.encode_to_vec(),
        Method::UpdateBackup => {
            let update_mask = Some(prost_types::FieldMask { paths: vec!["labels".to_owned()] });
            wire::UpdateBackupRequest { id, update_mask, ..Default::default() }.encode_to_vec()
        }
        _ => wire::DeleteBackupRequest { id, ..Default::default() }.encode_to_vec(),
    }
}

/// A request of the method about the target, which changes nothing that another request of this test needs.
fn request(method: Method, about: &Target) -> Bytes {
    let (id, tenant, token) = (about.store.to_owned(), about.tenant.to_owned(), about.token.clone());
    let filter = Some(wire::StoreFilter { ids: vec![id.clone()], ..Default::default() });
    // What is declared here is nothing that is asked for elsewhere.
    let declared = if tenant == "nowhere" { "new".to_owned() } else { tenant.clone() };
    let bytes = match method {
        Method::GetPrincipal => wire::GetPrincipalRequest {}.encode_to_vec(),
        Method::Create => {
            let tenant = if tenant == "nowhere" { String::new() } else { tenant };
            wire::CreateRequest { tenant, validate_only: true, ..Default::default() }.encode_to_vec()
        }
        Method::Get => wire::GetRequest { id, ..Default::default() }.encode_to_vec(),
        Method::List => wire::ListRequest { filter, ..Default::default() }.encode_to_vec(),
        Method::GetSummary => wire::GetSummaryRequest { filter, ..Default::default() }.encode_to_vec(),
        Method::ListReleases => wire::ListReleasesRequest {}.encode_to_vec(),
        Method::Delete => wire::DeleteRequest { id, validate_only: true, ..Default::default() }.encode_to_vec(),
        Method::Undelete => wire::UndeleteRequest { id, validate_only: true, ..Default::default() }.encode_to_vec(),
        Method::Update => {
            let update_mask = Some(prost_types::FieldMask { paths: vec!["spec.deletion_protection".to_owned()] });
            wire::UpdateRequest { id, update_mask, validate_only: true, ..Default::default() }.encode_to_vec()
        }
        Method::RetryOperation => {
            wire::RetryOperationRequest { id, validate_only: true, ..Default::default() }.encode_to_vec()
        }
        Method::CancelOperation => {
            wire::CancelOperationRequest { id, validate_only: true, ..Default::default() }.encode_to_vec()
        }
        Method::Suspend => wire::SuspendRequest { id, validate_only: true, ..Default::default() }.encode_to_vec(),
        Method::Resume => wire::ResumeRequest { id, validate_only: true, ..Default::default() }.encode_to_vec(),
        Method::WatchStatus => wire::WatchStatusRequest { filter, ..Default::default() }.encode_to_vec(),
        Method::GetCredentials => wire::GetCredentialsRequest { id }.encode_to_vec(),
        // Entries about others name them, and refusals are entered later: what is there is not the same each time.
        Method::AuditList => {
            let resource = about.store.to_owned();
            let filter = wire::AuditFilter { resource, method: "Create".to_owned(), ..Default::default() };
            wire::AuditServiceListRequest { filter: Some(filter), ..Default::default() }.encode_to_vec()
        }
        Method::CreateBackup
        | Method::GetBackup
        | Method::ListBackups
        | Method::UpdateBackup
        | Method::DeleteBackup => backup_request(method, id),
        Method::TenantCreate => wire::TenantServiceCreateRequest { id: declared, ..Default::default() }.encode_to_vec(),
        Method::TenantGet => wire::TenantServiceGetRequest { id: tenant }.encode_to_vec(),
        Method::TenantList => wire::TenantServiceListRequest::default().encode_to_vec(),
        Method::TenantUpdate => wire::TenantServiceUpdateRequest { id: tenant, ..Default::default() }.encode_to_vec(),
        Method::TenantDelete => wire::TenantServiceDeleteRequest { id: tenant, ..Default::default() }.encode_to_vec(),
        Method::TokenCreate => {
            let tenants = if tenant == "nowhere" { Vec::new() } else { vec![tenant] };
            let (name, role) = ("x".to_owned(), "reader".to_owned());
            wire::TokenServiceCreateRequest { name, role, tenants, ..Default::default() }.encode_to_vec()
        }
        Method::TokenList => wire::TokenServiceListRequest::default().encode_to_vec(),
        Method::TokenRevoke => wire::TokenServiceRevokeRequest { id: token }.encode_to_vec(),
        Method::Health | Method::Reflection => Vec::new(),
    };
    bytes.into()
}

/// `shown` if the response names the target, `ok` if it does not, or the reason of the refusal.
async fn outcome(channel: &Channel, token: &str, access: &MethodAccess, about: &Target) -> String {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.expect("ready");
    let mut call = Request::new(futures::stream::iter([request(access.method, about)]));
    if !token.is_empty() {
        call.metadata_mut().insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    }
    let first = async {
        let mut responses = grpc.streaming(call, PathAndQuery::from_static(access.path), Raw).await?.into_inner();
        responses.next().await.unwrap_or_else(|| Ok(Bytes::new()))
    };
    let named = |response: &Bytes, text: &str| response.windows(text.len()).any(|part| part == text.as_bytes());
    match within("a response", first).await {
        Ok(response) if [about.store, about.token.as_str()].iter().any(|text| named(&response, text)) => "shown".into(),
        Ok(_) => "ok".to_owned(),
        Err(status) => {
            status.get_details_error_info().map_or_else(|| format!("{:?}", status.code()), |info| info.reason)
        }
    }
}

fn flags(caller: &str) -> String {
    let mut parts = caller.split('+');
    let (role, tenant) = parts.next().and_then(|who| who.split_once('/')).unwrap_or((caller, ""));
    let tenant = if tenant.is_empty() { String::new() } else { format!(" --tenant {tenant}") };
    let abilities: String = parts.map(|ability| format!(" --ability {ability}")).collect();
    format!("--role {role}{tenant}{abilities}")
}

/// A store, a tenant and a token each of acme and of bolt, and of nobody.
async fn targets(server: &Server, options: &ServerOptions) -> (Channel, [Target; 3]) {
    let channel = Channel::from_shared(server.url()).expect("a URL").connect().await.expect("connect");
    let admin = make_token(options, "--role admin");
    fn signed<Q>(admin: &str, message: Q) -> Request<Q> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {admin}").parse().expect("a header"));
        request
    }
    let target = |store, tenant, token: &str| Target { store, tenant, token: token.to_owned() };
    let reader = |tenant: &str| make_token(options, &format!("--role reader --tenant {tenant}"));
    let targets = [
        target("store-own-one", "acme", token_id(&reader("acme"))),
        target("store-foreign", "bolt", token_id(&reader("bolt"))),
        target("store-missing", "nowhere", "nonenone00"),
    ];
    for Target { store, tenant, .. } in &targets[..2] {
        let (store_id, tenant) = ((*store).to_owned(), (*tenant).to_owned());
        let create = wire::CreateRequest { store_id, tenant: tenant.clone(), ..Default::default() };
        StoreServiceClient::new(channel.clone()).create(signed(&admin, create)).await.expect("created");
        let declare = wire::TenantServiceCreateRequest { id: tenant, ..Default::default() };
        TenantServiceClient::new(channel.clone()).create(signed(&admin, declare)).await.expect("declared");
    }
    (channel, targets)
}

#[tokio::test]
async fn every_role_has_of_every_method_what_the_snapshot_says() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let (channel, targets) = targets(&server, &options).await;
    let mut matrix = format!("{:<36}  {:<64}  {:<20}  {:<20}  missing\n", "caller", "method", "own", "foreign");
    for caller in CALLERS {
        let token = if caller == "nobody" { String::new() } else { make_token(&options, &flags(caller)) };
        for access in METHODS {
            let mut outcomes = Vec::new();
            for target in &targets {
                outcomes.push(outcome(&channel, &token, access, target).await);
            }
            let [own, foreign, missing] = &outcomes[..] else { unreachable!("three") };
            let path = access.path;
            writeln!(matrix, "{caller:<36}  {path:<64}  {own:<20}  {foreign:<20}  {missing}").expect("a text");
        }
    }
    insta::assert_snapshot!(matrix.trim_end());
}
