//! Tenants are apart: what a caller may do to its own store, to one of another tenant and to one that is not there.

use futures::StreamExt;
use sendstores_proto::v1::{self as wire, store_service_client::StoreServiceClient, watch_status_response::Event};
use sendstores_tests::{
    redis::RedisServer,
    server::{Server, ServerOptions},
    tokens::{make_token, token_id},
    wait::within,
};
use tonic::{Request, Status, transport::Channel};
use tonic_types::StatusExt;

const OWN: &str = "store-own-one";
const FOREIGN: &str = "store-foreign";
const MISSING: &str = "store-missing";

/// Of each role: what becomes of a method for a store of its own tenant, of another one, and for one that is nowhere. Create
/// is for the own tenant, another one, and none. `ok`, `none` (an empty answer), or the reason of the refusal, shortened.
const TABLE: &str = "
    admin                  Get            ok ok missing
    admin                  List           ok ok none
    admin                  WatchStatus    ok ok none
    admin                  Create         ok ok ok
    admin                  Delete         ok ok missing
    admin                  GetCredentials cluster cluster missing
    operator               Get            ok ok missing
    operator               List           ok ok none
    operator               WatchStatus    ok ok none
    operator               Create         ok ok ok
    operator               Delete         ok ok missing
    operator               GetCredentials cluster cluster missing
    tenant/acme            Get            ok missing missing
    tenant/acme            List           ok none none
    tenant/acme            WatchStatus    ok none none
    tenant/acme            Create         ok invalid ok
    tenant/acme            Delete         ok missing missing
    tenant/acme            GetCredentials cluster missing missing
    reader                 Get            ok ok missing
    reader                 List           ok ok none
    reader                 WatchStatus    ok ok none
    reader                 Create         denied denied denied
    reader                 Delete         denied denied denied
    reader                 GetCredentials denied denied denied
    reader/acme            Get            ok missing missing
    reader/acme            List           ok none none
    reader/acme            WatchStatus    ok none none
    reader/acme            Create         denied denied denied
    reader/acme            Delete         denied denied denied
    reader/acme            GetCredentials denied denied denied
    agent/acme             Get            ok missing missing
    agent/acme             List           ok none none
    agent/acme             WatchStatus    ok none none
    agent/acme             Create         denied denied denied
    agent/acme             Delete         denied denied denied
    agent/acme             GetCredentials denied denied denied
    agent/acme+create+read Get            ok missing missing
    agent/acme+create+read List           ok none none
    agent/acme+create+read WatchStatus    denied denied denied
    agent/acme+create+read Create         ok invalid ok
    agent/acme+create+read Delete         denied denied denied
    agent/acme+create+read GetCredentials denied denied denied
";

/// A caller with a token.
struct Caller {
    grpc: StoreServiceClient<Channel>,
    token: String,
}

impl Caller {
    async fn new(server: &Server, options: &ServerOptions, flags: &str) -> Self {
        let channel = Channel::from_shared(server.url()).expect("a URL").connect().await.expect("connect");
        Self { grpc: StoreServiceClient::new(channel), token: make_token(options, flags) }
    }

    fn signed<Q>(&self, message: Q) -> Request<Q> {
        let mut request = Request::new(message);
        let bearer = format!("Bearer {}", self.token).parse().expect("a header");
        request.metadata_mut().insert("authorization", bearer);
        request
    }

    async fn get(&self, id: &str) -> Result<wire::Store, Status> {
        let request = self.signed(wire::GetRequest { id: id.to_owned(), ..Default::default() });
        Ok(self.grpc.clone().get(request).await?.into_inner().store.expect("a store"))
    }

    async fn create(&self, request: wire::CreateRequest) -> Result<wire::Store, Status> {
        Ok(self.grpc.clone().create(self.signed(request)).await?.into_inner().store.expect("a store"))
    }

    async fn delete(&self, request: wire::DeleteRequest) -> Result<Option<wire::Store>, Status> {
        Ok(self.grpc.clone().delete(self.signed(request)).await?.into_inner().store)
    }

    async fn list(&self, request: wire::ListRequest) -> Result<wire::ListResponse, Status> {
        Ok(self.grpc.clone().list(self.signed(request)).await?.into_inner())
    }

    async fn watch(
        &self,
        request: wire::WatchStatusRequest,
    ) -> Result<tonic::Streaming<wire::WatchStatusResponse>, Status> {
        Ok(self.grpc.clone().watch_status(self.signed(request)).await?.into_inner())
    }

    async fn credentials(&self, id: &str) -> Result<(), Status> {
        let request = self.signed(wire::GetCredentialsRequest { id: id.to_owned() });
        self.grpc.clone().get_credentials(request).await.map(drop)
    }

    /// What becomes of a call of `method` for the target, in a word.
    async fn outcome(&self, method: &str, id: &str, tenant: &str) -> String {
        let filter = Some(wire::StoreFilter { ids: vec![id.to_owned()], ..Default::default() });
        let said = match method {
            "Get" => self.get(id).await.map(|_| 1),
            "List" => {
                let said = self.list(wire::ListRequest { filter, ..Default::default() }).await;
                said.map(|list| list.stores.len())
            }
            "WatchStatus" => match self.watch(wire::WatchStatusRequest { filter, ..Default::default() }).await {
                Ok(stream) => Ok(before_synced(stream).await),
                Err(status) => Err(status),
            },
            "Create" => {
                let tenant = tenant.to_owned();
                self.create(wire::CreateRequest { tenant, validate_only: true, ..Default::default() }).await.map(|_| 1)
            }
            "Delete" => {
                let request = wire::DeleteRequest { id: id.to_owned(), validate_only: true, ..Default::default() };
                self.delete(request).await.map(|_| 1)
            }
            _ => self.credentials(id).await.map(|()| 1),
        };
        match said.map_err(|status| reason(&status)) {
            Ok(0) => "none".to_owned(),
            Ok(_) => "ok".to_owned(),
            Err(reason) => match reason.as_str() {
                "STORE_NOT_FOUND" => "missing".to_owned(),
                "PERMISSION_DENIED" => "denied".to_owned(),
                "INVALID_FIELD" => "invalid".to_owned(),
                "CLUSTER_UNAVAILABLE" => "cluster".to_owned(),
                other => other.to_owned(),
            },
        }
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map_or_else(|| format!("{status:?}"), |info| info.reason)
}

/// How many stores a watch shows before it says that it has shown all.
async fn before_synced(mut stream: tonic::Streaming<wire::WatchStatusResponse>) -> usize {
    let shown = async {
        let mut shown = 0;
        loop {
            match stream.next().await.expect("no end").expect("a message").event {
                Some(Event::Synced(_)) => return shown,
                Some(Event::Snapshot(_)) => shown += 1,
                other => panic!("{other:?}"),
            }
        }
    };
    within("the snapshot", shown).await
}

fn new_store(id: &str, tenant: &str) -> wire::CreateRequest {
    wire::CreateRequest { store_id: id.to_owned(), tenant: tenant.to_owned(), ..Default::default() }
}

/// A server that asks for tokens, an administrator, and a store of acme and of bolt.
async fn two_tenants(redis: &RedisServer) -> (ServerOptions, Server, Caller) {
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let admin = Caller::new(&server, &options, "--role admin").await;
    admin.create(new_store(OWN, "acme")).await.expect("created");
    admin.create(new_store(FOREIGN, "bolt")).await.expect("created");
    (options, server, admin)
}

fn flags(who: &str) -> String {
    let mut abilities = who.split('+');
    let (role, tenant) = abilities.next().and_then(|who| who.split_once('/')).unwrap_or((who, ""));
    let tenant = if tenant.is_empty() { String::new() } else { format!("--tenant {tenant}") };
    let abilities: String = abilities.map(|ability| format!(" --ability stores.{ability}")).collect();
    format!("--role {role} {tenant}{abilities}")
}

#[tokio::test]
async fn every_role_has_of_every_method_what_this_table_says() {
    let redis = RedisServer::start().await;
    let (options, server, _admin) = two_tenants(&redis).await;
    let mut is = String::from("\n");
    let mut caller: Option<(String, Caller)> = None;
    for row in TABLE.lines().filter(|row| !row.trim().is_empty()) {
        let words: Vec<_> = row.split_whitespace().collect();
        if caller.as_ref().is_none_or(|(who, _)| who != words[0]) {
            caller = Some((words[0].to_owned(), Caller::new(&server, &options, &flags(words[0])).await));
        }
        let (who, caller) = caller.as_ref().expect("a caller");
        let mut outcomes = Vec::new();
        for (id, tenant) in [(OWN, "acme"), (FOREIGN, "bolt"), (MISSING, "")] {
            outcomes.push(caller.outcome(words[1], id, tenant).await);
        }
        is += &format!("    {who:<22} {:<14} {}\n", words[1], outcomes.join(" "));
    }
    assert_eq!(is, TABLE, "{is}");
}

#[tokio::test]
async fn a_foreign_store_is_refused_byte_for_byte_as_a_missing_one() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = two_tenants(&redis).await;
    let acme = Caller::new(&server, &options, "--role tenant --tenant acme").await;
    let shown = |status: Status, id: &str| {
        let details = String::from_utf8_lossy(status.details()).replace(id, MISSING);
        let headers: Vec<_> = status.metadata().keys().map(|key| format!("{key:?}")).collect();
        (status.code(), status.message().replace(id, MISSING), details, headers)
    };
    let delete = |id: &str, request_id: &str, allow_missing| wire::DeleteRequest {
        id: id.to_owned(),
        request_id: request_id.to_owned(),
        allow_missing,
        ..Default::default()
    };
    let refusals = async |id: &str| {
        let request = format!("r-{id}");
        [
            shown(acme.get(id).await.expect_err("refused"), id),
            shown(acme.credentials(id).await.expect_err("refused"), id),
            shown(acme.delete(delete(id, "", false)).await.expect_err("refused"), id),
            shown(acme.delete(delete(id, &request, false)).await.expect_err("refused"), id),
        ]
    };
    assert_eq!(refusals(FOREIGN).await, refusals(MISSING).await);
    for id in [FOREIGN, MISSING] {
        for _ in 0..2 {
            assert_eq!(acme.delete(delete(id, &format!("again-{id}"), true)).await.expect("nothing"), None);
        }
    }
    assert_eq!(admin.get(FOREIGN).await.expect("it is there").state(), wire::store::State::Provisioning);
}

#[tokio::test]
async fn tokens_of_pages_and_streams_are_the_callers_own() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = two_tenants(&redis).await;
    let acme = Caller::new(&server, &options, "--role tenant --tenant acme").await;
    let page = wire::ListRequest { page_size: 1, ..Default::default() };
    let of_all = admin.list(page.clone()).await.expect("listed");
    assert_eq!((of_all.stores.len(), of_all.next_page_token.is_empty()), (1, false));
    let next = wire::ListRequest { page_token: of_all.next_page_token.clone(), ..page.clone() };
    assert_eq!(acme.list(next.clone()).await.map_err(|status| reason(&status)), Err("PAGE_TOKEN_INVALID".to_owned()));
    admin.list(next).await.expect("its own");
    let of_acme = acme.list(page).await.expect("listed");
    assert_eq!((of_acme.stores.len(), of_acme.next_page_token.as_str()), (1, ""), "no second page");

    let resume =
        |resume_token: &str| wire::WatchStatusRequest { resume_token: resume_token.to_owned(), ..Default::default() };
    for (caller, token) in [(&acme, &of_all.resume_token), (&admin, &of_acme.resume_token)] {
        let refused = caller.watch(resume(token)).await.map(drop).map_err(|status| reason(&status));
        assert_eq!(refused, Err("RESUME_TOKEN_INVALID".to_owned()));
    }
    let mut stream = acme.watch(resume(&of_acme.resume_token)).await.expect("resumed");
    admin.create(new_store("store-other", "bolt")).await.expect("created");
    admin.create(new_store("store-nobodys", "")).await.expect("created");
    admin.create(new_store("store-later", "acme")).await.expect("created");
    let message = within("a change", stream.next()).await.expect("no end").expect("a message");
    assert!(matches!(&message.event, Some(Event::Changed(store)) if store.id == "store-later"), "{message:?}");
    acme.watch(resume(&message.resume_token)).await.expect("resumed");
}

#[tokio::test]
async fn request_ids_of_tenants_are_apart_and_those_of_before_are_remembered() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = two_tenants(&redis).await;
    let acme = Caller::new(&server, &options, "--role tenant --tenant acme").await;
    let bolt = Caller::new(&server, &options, "--role tenant --tenant bolt").await;
    let request = |tenant: &str, id: &str, validate_only| wire::CreateRequest {
        request_id: id.to_owned(),
        tenant: tenant.to_owned(),
        validate_only,
        ..Default::default()
    };
    let (of_acme, of_bolt) =
        (acme.create(request("", "r-1", false)).await, bolt.create(request("", "r-1", false)).await);
    let (of_acme, of_bolt) = (of_acme.expect("created"), of_bolt.expect("created"));
    assert_eq!((of_acme.tenant.as_str(), of_bolt.tenant.as_str()), ("acme", "bolt"));
    assert_ne!(of_acme.id, of_bolt.id);
    for validate_only in [false, true] {
        assert_eq!(acme.create(request("", "r-1", validate_only)).await.expect("repeated").uid, of_acme.uid);
    }
    // A caller of before had no scope: as one who sees all has none.
    let before = admin.create(request("acme", "r-2", false)).await.expect("created");
    for validate_only in [false, true] {
        assert_eq!(acme.create(request("acme", "r-2", validate_only)).await.expect("repeated").uid, before.uid);
    }
    let other = bolt.create(request("bolt", "r-2", false)).await.expect("another tenant's id is no obstacle");
    assert_eq!(other.tenant, "bolt");
    let delete =
        |id: &str| wire::DeleteRequest { id: id.to_owned(), request_id: "r-3".to_owned(), ..Default::default() };
    admin.delete(delete(&before.id)).await.expect("deleted");
    let repeated = acme.delete(delete(&before.id)).await.expect("repeated").expect("a store");
    assert_eq!(repeated.uid, before.uid);
    bolt.delete(delete(&of_bolt.id)).await.expect("deleted");
}

#[tokio::test]
async fn a_history_says_who_did_it() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = two_tenants(&redis).await;
    let acme = Caller::new(&server, &options, "--role tenant --tenant acme").await;
    let store = acme.create(new_store("store-a", "")).await.expect("created");
    let who = |caller: &Caller| format!("token:test#{}", token_id(&caller.token));
    let principals =
        |store: &wire::Store| store.history.iter().map(|entry| entry.principal.clone()).collect::<Vec<_>>();
    assert_eq!(principals(&store), [who(&acme)]);
    let delete = wire::DeleteRequest { id: store.id, ..Default::default() };
    let store = admin.delete(delete).await.expect("deleted").expect("a store");
    assert_eq!(principals(&store), [who(&acme), who(&admin)]);
}
