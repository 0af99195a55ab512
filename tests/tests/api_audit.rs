//! AuditService: who did what, and was refused what.

use std::fmt::Debug;

use sendstores_client::{
    Client, CreateStore, CreateToken, DeleteStore, Error, StoreFilter, UpdateStore,
    v1::{
        AuditEntry, AuditFilter, AuditServiceListRequest, TenantLimits, TenantServiceCreateRequest,
        TenantServiceUpdateRequest, audit_entry::Decision,
    },
};
use sendstores_tests::{
    http,
    redis::RedisServer,
    server::{Server, ServerOptions},
    tokens::{client, make_token, token_id},
    wait::{until, within},
};

async fn start(redis: &RedisServer) -> (ServerOptions, Server, Client) {
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let admin = client(&server, &make_token(&options, "--role admin")).await;
    (options, server, admin)
}

async fn list(client: &Client, filter: AuditFilter) -> Vec<AuditEntry> {
    let request = AuditServiceListRequest { filter: Some(filter), page_size: 500, ..Default::default() };
    client.list_audit_page(request).await.expect("listed").entries
}

fn reason<T: Debug>(said: Result<T, Error>) -> String {
    let error = said.expect_err("it must be refused");
    error.reason().unwrap_or_else(|| panic!("no reason: {error}")).to_owned()
}

/// The methods, without their services.
fn methods(entries: &[AuditEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.method.rsplit_once("sendstores.v1.").map_or("", |(_, method)| method)).collect()
}

fn of_tenant(tenant: &str) -> AuditFilter {
    AuditFilter { tenant: tenant.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn every_change_is_entered_once_with_who_did_it() {
    let redis = RedisServer::start().await;
    let (_options, server, admin) = start(&redis).await;
    let tenant = TenantServiceCreateRequest { id: "acme".to_owned(), ..Default::default() };
    admin.create_tenant(tenant).await.expect("declared");
    let limits = Some(TenantLimits { stores: Some(1), creates_per_minute: None, ..TenantLimits::default() });
    let update = TenantServiceUpdateRequest { id: "acme".to_owned(), limits, ..Default::default() };
    admin.update_tenant(update).await.expect("limited");
    let ci = admin.create_token(CreateToken::new("ci", "tenant").tenant("acme")).await.expect("made");
    let acme = client(&server, &ci.text).await;
    let wanted = CreateStore::new().id("store-a").request_id("r-1");
    let store = acme.create(wanted.clone()).await.expect("created");
    assert_eq!(acme.create(wanted).await.expect("again").id, store.id);
    acme.create(CreateStore::new().validate_only(true)).await.expect_err("it would be too many");
    acme.get("store-a").await.expect("shown");
    acme.list(StoreFilter::default()).await.expect("listed");
    acme.delete("store-a").await.expect("deleted");
    acme.delete(DeleteStore::new("store-a").request_id("")).await.expect("again");
    admin.revoke_token(token_id(&ci.text)).await.expect("revoked");
    admin.revoke_token(token_id(&ci.text)).await.expect("again");

    let allowed = AuditFilter { decision: Decision::Allowed.into(), ..Default::default() };
    let entries = list(&admin, allowed).await;
    let done = [
        "TokenService/Revoke",
        "StoreService/Delete",
        "StoreService/Delete",
        "StoreService/Create",
        "TokenService/Create",
        "TenantService/Update",
        "TenantService/Create",
    ];
    assert_eq!(methods(&entries), done);
    let created = &entries[3];
    assert_eq!(created.principal, format!("token:ci#{}", token_id(&ci.text)));
    assert_eq!((created.resource.as_str(), created.uid.as_str()), ("store-a", store.uid.as_str()));
    assert_eq!((created.tenants.join(" ").as_str(), created.via.as_str(), created.count), ("acme", "grpc", 1));
    assert_eq!(
        (created.peer.as_str(), created.request_id.as_str()),
        ("127.0.0.1", store.history[0].request_id.as_str())
    );
    assert!(created.user_agent.contains("tonic"), "{}", created.user_agent);
    assert_eq!((entries[0].resource.as_str(), entries[0].tenants.join(" ")), (token_id(&ci.text), "acme".to_owned()));
    let line = async || {
        let log = server.log();
        let of_audit = log.iter().find(|line| line.contains("StoreService/Create") && line.contains("ALLOWED"))?;
        of_audit.contains("store-a").then_some(())
    };
    until("a line of the log", line).await;
    let everything = redis.cli(["XRANGE", "{sendstores}:audit", "-", "+"]).await;
    assert!(!everything.contains(&ci.text[15..47]), "a secret is in the audit");
}

#[tokio::test]
async fn refusals_are_entered_folded_and_limits_are_told_apart() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = start(&redis).await;
    let limits = Some(TenantLimits { stores: Some(0), creates_per_minute: None, ..TenantLimits::default() });
    admin
        .create_tenant(TenantServiceCreateRequest { id: "acme".to_owned(), limits, ..Default::default() })
        .await
        .expect("ok");
    let reader = make_token(&options, "--role reader");
    let reader_client = client(&server, &reader).await;
    for _ in 0..20 {
        assert_eq!(reason(reader_client.delete("store-a").await), "PERMISSION_DENIED");
    }
    assert_eq!(reason(admin.create(CreateStore::new().tenant("acme")).await), "QUOTA_EXCEEDED");
    assert_eq!(reason(server.client().await.get("store-a").await), "TOKEN_MISSING");
    assert_eq!(reason(reader_client.get("store-a").await), "STORE_NOT_FOUND");
    let all = async || {
        let entries = list(&admin, AuditFilter::default()).await;
        let refused: Vec<_> = entries.into_iter().filter(|entry| entry.decision() != Decision::Allowed).collect();
        let denied: i64 =
            refused.iter().filter(|entry| entry.reason == "PERMISSION_DENIED").map(|entry| entry.count).sum();
        let reasons = ["QUOTA_EXCEEDED", "TOKEN_MISSING"];
        let others = reasons.iter().all(|reason| refused.iter().any(|entry| entry.reason == *reason));
        (denied == 20 && others).then_some(refused)
    };
    let refused = until("the refusals", all).await;
    assert!(refused.len() < 10, "not folded: {refused:?}");
    assert!(refused.iter().all(|entry| entry.reason != "STORE_NOT_FOUND"));
    let of = |reason: &str| refused.iter().find(|entry| entry.reason == reason).expect("an entry").clone();
    let denied = of("PERMISSION_DENIED");
    assert_eq!((denied.decision(), denied.principal), (Decision::Denied, format!("token:test#{}", token_id(&reader))));
    let limited = of("QUOTA_EXCEEDED");
    assert_eq!((limited.decision(), limited.resource.as_str()), (Decision::Limited, "acme"));
    assert_eq!(
        (of("TOKEN_MISSING").principal.as_str(), of("TOKEN_MISSING").method.as_str()),
        ("", "sendstores.v1.StoreService/Get")
    );
    let metrics = http::get(server.admin, "/metrics").await.expect("metrics").1;
    assert!(metrics.contains("\nsendstores_audit_dropped_total 0"), "{metrics}");
}

#[tokio::test]
async fn a_caller_sees_its_own_entries_alone() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = start(&redis).await;
    let make = async |flags: &str| client(&server, &make_token(&options, flags)).await;
    let acme = make("--role tenant --tenant acme").await;
    let bolt = make("--role tenant --tenant bolt").await;
    let agent = make("--role agent --tenant acme --ability stores.create --ability audit.read").await;
    acme.create(CreateStore::new().id("store-acme")).await.expect("created");
    bolt.create(CreateStore::new().id("store-bolt")).await.expect("created");
    agent.create(CreateStore::new().id("store-agent")).await.expect("created");
    admin.create(CreateStore::new().id("store-nobodys")).await.expect("created");
    let seen = async |client: &Client| {
        let entries = list(client, AuditFilter::default()).await;
        entries.into_iter().map(|entry| entry.resource).collect::<Vec<_>>()
    };
    assert_eq!(seen(&admin).await, ["store-nobodys", "store-agent", "store-bolt", "store-acme"]);
    assert_eq!(seen(&acme).await, ["store-agent", "store-acme"]);
    assert_eq!(seen(&bolt).await, ["store-bolt"]);
    assert_eq!(seen(&agent).await, ["store-agent"]);
    assert!(list(&acme, of_tenant("bolt")).await.is_empty());
    assert_eq!(list(&admin, of_tenant("bolt")).await.len(), 1);
    assert_eq!(list(&admin, AuditFilter { resource: "store-acme".to_owned(), ..Default::default() }).await.len(), 1);
    assert_eq!(list(&admin, AuditFilter { method: "Create".to_owned(), ..Default::default() }).await.len(), 4);
    let who = agent.principal().await.expect("a principal").id;
    assert_eq!(list(&admin, AuditFilter { principal: who, ..Default::default() }).await.len(), 1);
}

/// The numbers of the stores in all pages of `caller`; `other` cannot continue them.
async fn paged(caller: &Client, other: &Client) -> String {
    let mut request = AuditServiceListRequest { page_size: 2, ..Default::default() };
    let mut seen = String::new();
    loop {
        let page = caller.list_audit_page(request.clone()).await.expect("a page");
        assert!(page.entries.len() <= 2);
        seen.extend(page.entries.iter().map(|entry| entry.resource.trim_start_matches("store-")));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return seen;
        }
        assert_eq!(reason(other.list_audit_page(request.clone()).await), "PAGE_TOKEN_INVALID");
    }
}

#[tokio::test]
async fn the_audit_is_read_in_pages_of_its_callers() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = start(&redis).await;
    for i in 0..7 {
        let tenant = if i % 2 == 0 { "acme" } else { "bolt" };
        admin.create(CreateStore::new().id(format!("store-{i}")).tenant(tenant)).await.expect("created");
    }
    let acme = client(&server, &make_token(&options, "--role tenant --tenant acme")).await;
    for (caller, wanted) in [(&admin, "6543210"), (&acme, "6420")] {
        let other = if std::ptr::eq(caller, &admin) { &acme } else { &admin };
        assert_eq!(within("all pages", paged(caller, other)).await, wanted);
    }
    let operator = client(&server, &make_token(&options, "--role admin --ability stores.read")).await;
    assert_eq!(reason(operator.list_audit_page(AuditServiceListRequest::default()).await), "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_deletion_that_the_protection_refused_is_entered_and_so_is_what_takes_it_off() {
    let redis = RedisServer::start().await;
    let (_options, _server, admin) = start(&redis).await;
    admin.create(CreateStore::new().id("store-a").deletion_protection(true)).await.expect("created");
    assert_eq!(reason(admin.delete(DeleteStore::new("store-a").force(true)).await), "DELETION_PROTECTED");
    admin.update(UpdateStore::new("store-a").deletion_protection(false)).await.expect("updated");
    admin.delete("store-a").await.expect("deleted");
    let refused = async || {
        let entries = list(&admin, AuditFilter { decision: Decision::Denied.into(), ..Default::default() }).await;
        entries.into_iter().find(|entry| entry.reason == "DELETION_PROTECTED")
    };
    // Refusals are entered a moment later.
    let refused = until("the refusal to be entered", refused).await;
    assert_eq!(methods(std::slice::from_ref(&refused)), ["StoreService/Delete"]);
    assert_eq!(refused.resource, "store-a");
    let allowed = AuditFilter { decision: Decision::Allowed.into(), ..Default::default() };
    let done = ["StoreService/Delete", "StoreService/Update", "StoreService/Create"];
    assert_eq!(methods(&list(&admin, allowed).await), done);
}

#[tokio::test]
async fn a_call_about_what_belongs_to_another_tenant_is_for_operators_to_see_and_for_no_tenant() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = start(&redis).await;
    let make = async |flags: &str| client(&server, &make_token(&options, flags)).await;
    let acme = make("--role tenant --tenant acme").await;
    let bolt = make("--role tenant --tenant bolt").await;
    let agent =
        make("--role agent --tenant acme --ability stores.read --ability stores.delete --ability audit.read").await;
    let both = make("--role tenant --tenant acme --tenant bolt").await;
    let store = admin.create(CreateStore::new().id("store-bolt").tenant("bolt")).await.expect("created");
    admin.create(CreateStore::new().id("store-of-none")).await.expect("created");
    let token = make_token(&options, "--role tenant --tenant bolt");
    for id in ["store-bolt", "store-of-none", "store-missing"] {
        assert_eq!(reason(acme.get(id).await), "STORE_NOT_FOUND");
        assert_eq!(reason(acme.delete(id).await), "STORE_NOT_FOUND");
        assert_eq!(reason(acme.credentials(id).await), "STORE_NOT_FOUND");
        acme.delete(DeleteStore::new(id).allow_missing(true)).await.expect("nothing to delete");
        assert_eq!(reason(acme.update(UpdateStore::new(id).deletion_protection(true)).await), "STORE_NOT_FOUND");
        assert_eq!(reason(agent.delete(id).await), "STORE_NOT_FOUND");
    }
    assert_eq!(reason(acme.revoke_token(token_id(&token)).await), "TOKEN_NOT_FOUND");
    let of_others = async |caller: &Client| {
        let entries = list(caller, AuditFilter::default()).await;
        entries.into_iter().filter(|entry| entry.reason == "OTHER_TENANT").collect::<Vec<_>>()
    };
    let all = async || {
        let entries = of_others(&admin).await;
        let calls: i64 = entries.iter().map(|entry| entry.count).sum();
        // Two stores of others, six calls each, and the token.
        (calls == 13).then_some(entries)
    };
    let entries = until("what was tried", all).await;
    let mut tried: Vec<_> = entries.iter().filter(|entry| entry.resource == "store-bolt").collect();
    tried.sort_by_key(|entry| (entry.method.clone(), entry.principal.clone()));
    let verbs: Vec<_> = methods(&tried.iter().map(|entry| (*entry).clone()).collect::<Vec<_>>())
        .into_iter()
        .map(|method| method.trim_start_matches("StoreService/").to_owned())
        .collect();
    assert_eq!(verbs, ["Delete", "Delete", "Get", "GetCredentials", "Update"]);
    for entry in &tried {
        assert_eq!((entry.decision(), entry.tenants.join(" ").as_str()), (Decision::Denied, "bolt acme"), "{entry:?}");
        assert_eq!((entry.uid.as_str(), entry.peer.as_str()), (store.uid.as_str(), "127.0.0.1"));
        assert!(!entry.request_id.is_empty() && entry.user_agent.contains("tonic"), "{entry:?}");
    }
    assert!(entries.iter().all(|entry| entry.resource != "store-missing"), "{entries:?}");
    assert!(entries.iter().any(|entry| entry.resource == token_id(&token)), "{entries:?}");
    for (who, caller) in [("acme", &acme), ("bolt", &bolt), ("agent", &agent), ("both", &both)] {
        assert_eq!(of_others(caller).await, [], "{who} sees what others tried, or learns what it tried");
        assert!(
            list(caller, AuditFilter { resource: "store-of-none".to_owned(), ..Default::default() }).await.is_empty()
        );
    }
    let reader = make("--role reader").await;
    assert_eq!(of_others(&reader).await.len(), entries.len());
}
