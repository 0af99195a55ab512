//! TokenService: tokens that callers make, list and revoke, and what a caller may not give.

use std::{fmt::Debug, time::Duration};

use futures::TryStreamExt;
use sendstores_client::{
    Client, CreateStore, CreateToken, Error, StoreFilter,
    v1::{Token, TokenServiceListRequest},
};
use sendstores_tests::{
    redis::RedisServer,
    server::{Server, ServerOptions},
    tokens::{client, make_token, token_id},
    wait::{until, within},
};

/// A server that asks for tokens, and an administrator.
async fn start(redis: &RedisServer) -> (ServerOptions, Server, Client) {
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let admin = client(&server, &make_token(&options, "--role admin")).await;
    (options, server, admin)
}

fn reason<T: Debug>(said: Result<T, Error>) -> String {
    let error = said.expect_err("it must be refused");
    error.reason().unwrap_or_else(|| panic!("no reason: {error}")).to_owned()
}

fn token(name: &str, role: &str) -> CreateToken {
    CreateToken::new(name, role)
}

async fn listed(client: &Client) -> Vec<Token> {
    client.list_tokens().try_collect().await.expect("listed")
}

#[tokio::test]
async fn a_token_that_a_caller_makes_is_good_at_once_and_its_text_is_kept_nowhere() {
    let redis = RedisServer::start().await;
    let (options, one, admin) = start(&redis).await;
    let two = options.start_ready().await;
    let wanted = token("ci", "tenant").tenant("acme").ability("stores.read").ability("stores.create");
    let made = admin.create_token(wanted.life(Duration::from_secs(3600))).await.expect("made");
    let shown = made.token.expect("a token");
    assert_eq!((shown.id.as_str(), shown.role.as_str()), (token_id(&made.text), "tenant"));
    assert_eq!(
        (shown.tenants.join(" "), shown.abilities.join(" ")),
        ("acme".into(), "stores.read stores.create".into())
    );
    let life = shown.expire_time.expect("an end").seconds - shown.create_time.expect("a time").seconds;
    assert_eq!(life, 3600);
    assert!(shown.creator.starts_with("token:test#"), "{}", shown.creator);
    for server in [&one, &two] {
        let ci = client(server, &made.text).await;
        assert_eq!(ci.principal().await.expect("a principal").id, shown.id);
        assert_eq!(reason(ci.get("store-none").await), "STORE_NOT_FOUND");
        assert_eq!(reason(ci.delete("store-none").await), "PERMISSION_DENIED");
    }
    assert!(listed(&admin).await.contains(&shown));
    let everything =
        redis.cli(["HGETALL", "{sendstores}:tokens"]).await + &one.log().join("\n") + &two.log().join("\n");
    assert!(everything.contains(&shown.id) && !everything.contains(&made.text[15..47]), "the text is kept");
}

#[tokio::test]
async fn nobody_gives_more_than_it_has() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = start(&redis).await;
    let acme = client(&server, &make_token(&options, "--role tenant --tenant acme")).await;
    let made = acme.create_token(token("look", "reader")).await.expect("made").token.expect("a token");
    assert_eq!(made.tenants, ["acme"], "of a caller with tenants, all of its own");
    acme.create_token(token("more", "tenant")).await.expect("as much as its own");
    acme.create_token(token("bot", "agent").ability("stores.delete")).await.expect("a part of its own");
    for (wanted, refused) in [
        (token("x", "admin"), "INVALID_FIELD"),
        (token("x", "operator"), "INVALID_FIELD"),
        (token("x", "tenant").tenant("bolt"), "INVALID_FIELD"),
        (token("x", "reader").tenant("acme").tenant("bolt"), "INVALID_FIELD"),
    ] {
        assert_eq!(reason(acme.create_token(wanted.clone()).await), refused, "{wanted:?}");
    }
    let flags = "--role tenant --tenant acme --ability tokens.manage --ability stores.read";
    let narrow = client(&server, &make_token(&options, flags)).await;
    let error = narrow.create_token(token("x", "tenant")).await.expect_err("wider");
    let metadata = error.cause().and_then(|cause| cause.metadata()).expect("metadata");
    assert_eq!((error.reason(), metadata["permission"].as_str()), (Some("PERMISSION_DENIED"), "stores.watch"));
    narrow.create_token(token("y", "reader").ability("stores.read")).await.expect("no wider");
    for role in ["operator", "reader", "agent"] {
        let tenant = if role == "agent" { "--tenant acme" } else { "" };
        let other = client(&server, &make_token(&options, &format!("--role {role} {tenant}"))).await;
        assert_eq!(reason(other.create_token(token("x", "reader")).await), "PERMISSION_DENIED", "{role}");
        assert_eq!(
            reason(other.list_tokens_page(TokenServiceListRequest::default()).await),
            "PERMISSION_DENIED",
            "{role}"
        );
    }
    admin.create_token(token("root", "admin").never_expires(true)).await.expect("made");
    for wrong in [
        token("", "reader"),
        token("x", "king"),
        token("x", "tenant"),
        token("x", "admin").tenant("acme"),
        token("x", "reader").ability("stores.eat"),
        token("x", "reader").never_expires(true),
        token("x", "reader").life(Duration::from_secs(367 * 86_400)),
        token("x", "reader").life(Duration::ZERO),
    ] {
        assert_eq!(reason(admin.create_token(wrong.clone()).await), "INVALID_FIELD", "{wrong:?}");
    }
}

#[tokio::test]
async fn a_repetition_makes_no_second_token_and_shows_no_text() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = start(&redis).await;
    let wanted = token("ci", "reader").request_id("r-1");
    let first = admin.create_token(wanted.clone()).await.expect("made");
    let again = admin.create_token(wanted.clone()).await.expect("recognized");
    assert_eq!((again.token, again.text.as_str()), (first.token.clone(), ""));
    assert_eq!(listed(&admin).await.iter().filter(|token| token.name == "ci").count(), 1);
    assert_eq!(reason(admin.create_token(wanted.ability("stores.read")).await), "REQUEST_ID_REUSED");
    assert_eq!(reason(admin.create(CreateStore::new().request_id("r-1")).await), "REQUEST_ID_REUSED");
    // Another tenant's request of the same id is another request.
    let acme = client(&server, &make_token(&options, "--role tenant --tenant acme")).await;
    let own = acme.create_token(token("ci", "reader").request_id("r-1")).await.expect("made");
    assert!(!own.text.is_empty() && own.token != first.token);
}

#[tokio::test]
async fn a_revoked_token_is_refused_by_the_next_call_and_its_watch_ends() {
    let redis = RedisServer::start().await;
    let (options, one, admin) = start(&redis).await;
    let two = options.start_ready().await;
    let made = admin.create_token(token("ci", "reader")).await.expect("made");
    let (here, there) = (client(&one, &made.text).await, client(&two, &made.text).await);
    let mut watch = there.watch(StoreFilter::default()).await.expect("a watch");
    here.list(StoreFilter::default()).await.expect("listed");
    let revoked = admin.revoke_token(token_id(&made.text)).await.expect("revoked");
    assert!(revoked.revoke_time.is_some());
    // No wait: the server that has revoked it knows that.
    assert_eq!(reason(here.list(StoreFilter::default()).await), "TOKEN_REVOKED");
    let ended = async {
        loop {
            match watch.try_next().await {
                Ok(event) => assert!(event.is_some(), "no end without a reason"),
                Err(error) => return error,
            }
        }
    };
    assert_eq!(reason::<()>(Err(within("the end of the watch", ended).await)), "TOKEN_REVOKED");
    let refused = async || there.list(StoreFilter::default()).await.is_err().then_some(());
    until("the other replica to refuse it", refused).await;
    assert_eq!(admin.revoke_token(token_id(&made.text)).await.expect("again"), revoked);
    assert_eq!(reason(admin.revoke_token("nonenone00").await), "TOKEN_NOT_FOUND");
    assert_eq!(reason(admin.revoke_token("none").await), "INVALID_FIELD");
}

#[tokio::test]
async fn a_tenant_manages_its_own_tokens_and_those_of_others_do_not_exist() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = start(&redis).await;
    let acme = client(&server, &make_token(&options, "--role tenant --tenant acme")).await;
    let make = async |wanted: CreateToken| admin.create_token(wanted).await.expect("made").token.expect("a token").id;
    let own = make(token("own", "reader").tenant("acme")).await;
    let foreign = make(token("foreign", "reader").tenant("bolt")).await;
    let wider = make(token("wider", "reader").tenant("acme").tenant("bolt")).await;
    let of_all = make(token("all", "reader")).await;
    let names: Vec<_> = listed(&acme).await.into_iter().map(|token| token.name).collect();
    assert_eq!((names.len(), names.contains(&"own".to_owned())), (2, true), "{names:?}");
    let missing = acme.revoke_token("nonenone00").await.expect_err("none").to_string();
    for id in [&foreign, &wider, &of_all] {
        let said = acme.revoke_token(id).await.expect_err("none").to_string();
        assert_eq!(said.replace(id.as_str(), "nonenone00"), missing);
    }
    acme.revoke_token(&own).await.expect("its own");
    assert_eq!(listed(&admin).await.iter().filter(|token| token.revoke_time.is_some()).count(), 1);
}

/// How many tokens each page of `admin` has; no other caller can continue them.
async fn paged(options: &ServerOptions, server: &Server, admin: &Client) -> Vec<usize> {
    let mut request = TokenServiceListRequest { page_size: 2, ..Default::default() };
    let mut pages = Vec::new();
    loop {
        let page = admin.list_tokens_page(request.clone()).await.expect("a page");
        pages.push(page.tokens.len());
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return pages;
        }
        let acme = client(server, &make_token(options, "--role tenant --tenant acme")).await;
        assert_eq!(reason(acme.list_tokens_page(request.clone()).await), "PAGE_TOKEN_INVALID");
        let cut = TokenServiceListRequest { page_token: request.page_token[1..].to_owned(), ..request.clone() };
        assert_eq!(reason(admin.list_tokens_page(cut).await), "PAGE_TOKEN_INVALID");
    }
}

#[tokio::test]
async fn tokens_are_listed_in_pages_of_their_callers() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = start(&redis).await;
    for i in 0..4 {
        admin.create_token(token(&format!("t{i}"), "reader").tenant("acme")).await.expect("made");
    }
    let all: Vec<_> = listed(&admin).await.into_iter().map(|token| token.id).collect();
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted(), "{all:?}");
    let pages = within("all pages", paged(&options, &server, &admin)).await;
    // Two tokens of acme were made meanwhile, somewhere in the order.
    assert!(pages.iter().sum::<usize>() >= 5 && pages[0] == 2, "{pages:?}");
    let wrong = TokenServiceListRequest { page_size: 501, ..Default::default() };
    assert_eq!(reason(admin.list_tokens_page(wrong).await), "INVALID_FIELD");
}

#[tokio::test]
async fn a_list_says_when_a_token_was_used_last_and_its_calls_write_nothing() {
    let redis = RedisServer::start().await;
    let (options, _one, admin) = start(&redis).await;
    let two = options.start_ready().await;
    let made = admin.create_token(token("ci", "reader")).await.expect("made");
    let id = made.token.expect("a token").id;
    let used = async || listed(&admin).await.into_iter().find(|token| token.id == id).expect("the token").last_use_time;
    assert_eq!(used().await, None, "it was not used");
    let ci = client(&two, &made.text).await;
    ci.get("store-none").await.expect_err("there is none");
    let first = until("the first use", async || used().await).await;
    let kept = async || redis.cli(["HGETALL", "{sendstores}:tokens:uses"]).await;
    let before = kept().await;
    assert!(before.contains(&format!("token/{id}")), "{before}");
    // Another replica has not written it yet, and finds that there is no need to.
    let three = options.start_ready().await;
    client(&three, &made.text).await.get("store-none").await.expect_err("there is none");
    let (status, _) = three.terminate(Duration::from_secs(60));
    assert!(status.success(), "it has written what it knows before it ended");
    assert_eq!((kept().await, used().await), (before, Some(first)));
    let revoked = admin.revoke_token(&id).await.expect("revoked");
    assert_eq!(revoked.last_use_time, Some(first));
}
