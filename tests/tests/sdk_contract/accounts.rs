//! Tokens, tenants and the audit.

use std::{
    fmt::Debug,
    time::{Duration, SystemTime},
};

use futures::TryStreamExt;
use sendstores_client::{
    CreateStore, CreateToken, DeleteStore, Error, State,
    v1::{
        AuditEntry, AuditFilter, AuditServiceListRequest, TenantLimits, TenantServiceCreateRequest,
        TenantServiceListRequest, TenantServiceUpdateRequest, Token, TokenServiceListRequest, audit_entry::Decision,
    },
};

use super::{Subject, sdk_rig::refusal};

fn violations(error: &Error) -> Vec<String> {
    let Error::InvalidArgument { violations, .. } = error else { panic!("{error}") };
    let mut fields: Vec<_> = violations.iter().map(|wrong| wrong.field.clone()).collect();
    fields.sort();
    fields
}

fn reason<T: Debug>(said: Result<T, Error>) -> String {
    refusal(said).reason().unwrap_or_default().to_owned()
}

fn tenant(id: &str) -> TenantServiceCreateRequest {
    TenantServiceCreateRequest { id: id.to_owned(), ..Default::default() }
}

fn at_most(stores: i32) -> Option<TenantLimits> {
    Some(TenantLimits { stores: Some(stores), ..TenantLimits::default() })
}

pub(super) async fn a_token_is_made_once_shown_once_and_revoked(subject: Subject) {
    let client = subject.client();
    let wanted = CreateToken::new("ci", "tenant").tenant("acme").ability("stores.read").request_id("r1");
    let made = client.create_token(wanted.clone()).await.expect("made");
    let token = made.token.expect("a token");
    assert_eq!(
        (token.id.len(), made.text.len()),
        (10, 53),
        "sst_, the id, an underscore, 32 of a secret, 6 of a checksum"
    );
    assert!(made.text.starts_with(&format!("sst_{}_", token.id)));
    assert_eq!((token.name.as_str(), token.role.as_str()), ("ci", "tenant"));
    assert_eq!((token.tenants.join(" "), token.abilities.join(" ")), ("acme".to_owned(), "stores.read".to_owned()));
    assert!(token.creator.starts_with("anonymous"), "{}", token.creator);
    let days = |token: &Token| {
        let at = |time: Option<_>| time.and_then(|time: sendstores_client::Timestamp| SystemTime::try_from(time).ok());
        let life = at(token.expire_time)?.duration_since(at(token.create_time)?).ok()?;
        Some(life.as_secs() / 86_400)
    };
    assert_eq!(days(&token), Some(90));

    let again = client.create_token(wanted.clone()).await.expect("repeated");
    assert_eq!((again.token.expect("a token").id, again.text.as_str()), (token.id.clone(), ""));
    let other = client.create_token(wanted.life(Duration::from_secs(60))).await;
    assert_eq!(reason(other), "REQUEST_ID_REUSED");
    let forever = CreateToken::new("root", "admin").never_expires(true);
    assert_eq!(client.create_token(forever).await.expect("made").token.expect("a token").expire_time, None);

    let listed: Vec<Token> = client.list_tokens().try_collect().await.expect("listed");
    assert_eq!(listed.len(), 2);
    assert!(listed.is_sorted_by_key(|token| &token.id) && listed.iter().any(|one| one.id == token.id));
    let first = TokenServiceListRequest { page_size: 1, ..Default::default() };
    let first = client.list_tokens_page(first).await.expect("a page");
    let next = TokenServiceListRequest { page_size: 1, page_token: first.next_page_token.clone() };
    let next = client.list_tokens_page(next).await.expect("a page");
    assert_eq!([first.tokens, next.tokens].concat(), listed);
    assert_eq!(next.next_page_token, "");

    let revoked = client.revoke_token(&token.id).await.expect("revoked");
    assert!(revoked.revoke_time.is_some());
    assert_eq!(client.revoke_token(&token.id).await.expect("again").revoke_time, revoked.revoke_time);
    assert_eq!(reason(client.revoke_token("0000000000").await), "TOKEN_NOT_FOUND");
    assert_eq!(violations(&client.revoke_token("no").await.expect_err("no id")), ["id"]);
}

pub(super) async fn what_is_wrong_of_a_token_is_named(subject: Subject) {
    let client = subject.client();
    let (long, tenant) = (Duration::from_secs(367 * 86_400), |name: &str| CreateToken::new(name, "tenant"));
    for (wanted, fields) in [
        (CreateToken::new("a b", "reader"), "name"),
        (CreateToken::new("ci", "king"), "role"),
        (tenant("ci"), "tenants"),
        (CreateToken::new("ci", "admin").tenant("acme"), "tenants"),
        (tenant("ci").tenant("acme").ability("stores.eat"), "abilities[0]"),
        (CreateToken::new("ci", "reader").life(long), "life"),
        (CreateToken::new("ci", "reader").never_expires(true), "never_expires"),
    ] {
        let error = client.create_token(wanted.clone()).await.expect_err("it is wrong");
        assert_eq!(
            (error.reason(), violations(&error).join(" ").as_str()),
            (Some("INVALID_FIELD"), fields),
            "{wanted:?}"
        );
    }
    let bad = TokenServiceListRequest { page_size: 501, ..Default::default() };
    assert_eq!(violations(&client.list_tokens_page(bad).await.expect_err("too many")), ["page_size"]);
    let bad = TokenServiceListRequest { page_token: "x".to_owned(), ..Default::default() };
    assert_eq!(reason(client.list_tokens_page(bad).await), "PAGE_TOKEN_INVALID");
}

pub(super) async fn a_tenant_is_declared_changed_and_removed(subject: Subject) {
    let client = subject.client();
    let wanted = TenantServiceCreateRequest { request_id: "r1".to_owned(), limits: at_most(2), ..tenant("acme") };
    let acme = client.create_tenant(wanted.clone()).await.expect("declared");
    assert_eq!((acme.id.as_str(), acme.display_name.as_str(), acme.uid.len()), ("acme", "acme", 36));
    assert_eq!((acme.limits, acme.used.map(|used| used.stores)), (at_most(2), Some(0)));
    assert_eq!(client.create_tenant(wanted).await.expect("repeated").uid, acme.uid);
    assert_eq!(reason(client.create_tenant(tenant("acme")).await), "TENANT_EXISTS");
    client.create_tenant(tenant("bolt")).await.expect("declared");

    let named = TenantServiceUpdateRequest {
        id: "acme".to_owned(),
        display_name: "Acme & Sons".to_owned(),
        ..Default::default()
    };
    let named = client.update_tenant(named).await.expect("renamed");
    assert_eq!((named.display_name.as_str(), named.limits), ("Acme & Sons", at_most(2)), "limits are as before");
    let open = TenantServiceUpdateRequest {
        id: "acme".to_owned(),
        limits: Some(TenantLimits { watches: Some(3), ..TenantLimits::default() }),
        ..Default::default()
    };
    let open = client.update_tenant(open).await.expect("limited").limits.expect("limits");
    assert_eq!((open.stores, open.watches), (None, Some(3)), "what is not named is taken back");

    let page = TenantServiceListRequest { page_size: 1, ..Default::default() };
    let page = client.list_tenants_page(page).await.expect("a page");
    assert_eq!((page.tenants.len(), page.tenants[0].id.as_str()), (1, "acme"));
    let all: Vec<_> = client.list_tenants().try_collect().await.expect("listed");
    assert_eq!(all.iter().map(|tenant| tenant.id.as_str()).collect::<Vec<_>>(), ["acme", "bolt"]);

    client.create(CreateStore::new().id("store-a").tenant("acme")).await.expect("created");
    assert_eq!(client.get_tenant("acme").await.expect("there").used.map(|used| used.stores), Some(1));
    assert_eq!(reason(client.delete_tenant("acme").await), "TENANT_NOT_EMPTY");
    client.delete_tenant("bolt").await.expect("removed");
    for missing in [client.get_tenant("bolt").await.map(drop), client.delete_tenant("bolt").await] {
        assert_eq!(reason(missing), "TENANT_NOT_FOUND");
    }
    let limits = Some(TenantLimits { creates_per_minute: Some(0), watches: Some(-1), ..TenantLimits::default() });
    let bad = TenantServiceCreateRequest { limits, ..tenant("A b") };
    let fields = ["id", "limits.creates_per_minute", "limits.watches"];
    let bad = client.create_tenant(bad).await.expect_err("it is wrong");
    assert_eq!(violations(&bad).into_iter().filter(|field| field != "display_name").collect::<Vec<_>>(), fields);
}

pub(super) async fn a_tenant_has_no_more_stores_than_it_may(subject: Subject) {
    let client = subject.client();
    client.create_tenant(TenantServiceCreateRequest { limits: at_most(1), ..tenant("acme") }).await.expect("declared");
    let of_acme = |id: &str| CreateStore::new().id(id).tenant("acme");
    client.create(of_acme("store-a")).await.expect("created");
    assert_eq!(reason(client.create(of_acme("store-b")).await), "QUOTA_EXCEEDED");
    client.create(CreateStore::new().id("store-c").tenant("bolt")).await.expect("of another tenant");
    client.delete("store-a").await.expect("deleted");
    subject.removed("store-a").await;
    client.create(of_acme("store-b")).await.expect("there is room again");
}

pub(super) async fn the_audit_has_what_calls_did(subject: Subject) {
    let client = subject.client();
    let wanted = CreateStore::new().id("store-a").tenant("acme").request_id("r1");
    let store = client.create(wanted.clone()).await.expect("created");
    client.create(wanted).await.expect("repeated");
    client.create(CreateStore::new().validate_only(true)).await.expect("rehearsed");
    client.get("store-a").await.expect("a read is not entered");
    client.create_tenant(tenant("acme")).await.expect("declared");
    let token = client.create_token(CreateToken::new("ci", "reader")).await.expect("made").token.expect("a token");
    client.revoke_token(&token.id).await.expect("revoked");
    client.revoke_token(&token.id).await.expect("again");
    subject.ready("store-a").await;
    assert_eq!(client.get("store-a").await.expect("there").state(), State::Ready);
    client.suspend("store-a").await.expect("suspended");
    let deletion = DeleteStore::new("store-a").request_id("r2");
    client.delete(deletion.clone()).await.expect("deleted");
    client.delete(deletion).await.expect("repeated");

    let all: Vec<AuditEntry> = client.list_audit(AuditFilter::default()).try_collect().await.expect("listed");
    let verbs: Vec<_> = all.iter().map(|entry| entry.method.trim_start_matches("sendstores.v1.")).collect();
    let newest_first = [
        "StoreService/Delete",
        "StoreService/Suspend",
        "TokenService/Revoke",
        "TokenService/Create",
        "TenantService/Create",
        "StoreService/Create",
    ];
    assert_eq!(verbs, newest_first);
    let created = all.last().expect("an entry");
    assert_eq!((created.resource.as_str(), created.uid.as_str()), ("store-a", store.uid.as_str()));
    assert_eq!((created.decision(), created.via.as_str(), created.count), (Decision::Allowed, "grpc", 1));
    assert_eq!((created.tenants.join(" "), created.peer.as_str()), ("acme".to_owned(), "127.0.0.1"));
    assert!(!created.request_id.is_empty() && created.user_agent.contains("tonic"), "{created:?}");
    let count = async |filter: AuditFilter| {
        client.list_audit(filter).try_collect::<Vec<AuditEntry>>().await.expect("listed").len()
    };
    let text = str::to_owned;
    assert_eq!(count(AuditFilter { resource: text("store-a"), ..Default::default() }).await, 3);
    assert_eq!(count(AuditFilter { method: text("Create"), ..Default::default() }).await, 3);
    assert_eq!(count(AuditFilter { tenant: text("acme"), ..Default::default() }).await, 4);
    assert_eq!(count(AuditFilter { decision: Decision::Denied.into(), ..Default::default() }).await, 0);
    let page = AuditServiceListRequest { page_size: 2, ..Default::default() };
    let page = client.list_audit_page(page).await.expect("a page");
    let next = AuditServiceListRequest { page_size: 500, page_token: page.next_page_token, ..Default::default() };
    let rest = client.list_audit_page(next).await.expect("a page");
    assert_eq!([page.entries, rest.entries].concat(), all);
    let bad = AuditFilter { principal: "x".repeat(300), ..Default::default() };
    let bad = AuditServiceListRequest { filter: Some(bad), ..Default::default() };
    assert_eq!(violations(&client.list_audit_page(bad).await.expect_err("too long")), ["filter.principal"]);
}

pub(super) async fn a_caller_is_told_who_it_is(subject: Subject) {
    let principal = subject.client().principal().await.expect("known");
    assert_eq!((principal.role.as_str(), principal.tenants.len(), principal.expire_time), ("admin", 0, None));
    let may = ["account.read", "credentials.read", "stores.create", "stores.delete", "stores.read", "stores.watch"];
    assert!(may.iter().all(|one| principal.permissions.iter().any(|permission| permission == one)), "{principal:?}");
    assert_eq!(principal.kind(), sendstores_client::v1::principal::Kind::Anonymous);
}
