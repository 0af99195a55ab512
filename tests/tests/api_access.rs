//! Who may call: tokens, their end, the credentials file, and what a role may do.

use std::{fs, time::Duration};

use futures::{StreamExt, future::join_all};
use http::uri::PathAndQuery;
use sendstores_client::{
    Client, CreateStore, Error, Event, GetStore, Watch, WatchEvent,
    v1::{Allowance, StoreFilter},
};
use sendstores_tests::{
    redis::RedisServer,
    server::{Server, ServerOptions},
    tokens::{client, make_entry, make_token, token_command, token_id},
    wait::{until, within},
};
use tonic::{Code, Request, Status, client::Grpc, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_prost::ProstCodec;

const STOP: Duration = Duration::from_secs(20);

async fn channel(server: &Server) -> Channel {
    Channel::from_shared(server.url()).expect("a URL").connect().await.expect("connect")
}

/// The code and the reason of the refusal.
fn refusal<T: std::fmt::Debug>(said: Result<T, Error>) -> (Code, String) {
    let error = said.expect_err("it must be refused");
    (error.status().expect("a status").code(), error.reason().expect("a reason").to_owned())
}

/// Why the token is refused; who guesses so often waits now and then.
async fn refused(client: &Client) -> String {
    let refused = async || {
        let (code, reason) = refusal(client.get("store-none").await);
        assert!(code == Code::Unauthenticated || reason == "RATE_LIMITED", "{code:?} {reason}");
        (reason != "RATE_LIMITED").then_some(reason)
    };
    until("an answer about the token", refused).await
}

/// Waits for a refusal with this reason. Until then, the token is good.
async fn refused_as(client: &Client, reason: &str) {
    until(reason, async || {
        let (code, said) = refusal(client.get("store-none").await);
        assert!(matches!(said.as_str(), "STORE_NOT_FOUND" | "RATE_LIMITED") || code == Code::Unauthenticated, "{said}");
        (said == reason).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_call_without_a_valid_token_is_nobodys() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    assert_eq!(refused(&server.client().await).await, "TOKEN_MISSING");
    let never_made = sendstores_server::auth::generate();
    let token = make_token(&options, "--role admin");
    let other_secret = format!("{}{}", &token[..20], &never_made.expose()[20..]);
    for bad in ["", "secret", "sst_", never_made.expose(), &other_secret, &token[1..]] {
        assert_eq!(refused(&client(&server, bad).await).await, "TOKEN_INVALID", "{bad}");
    }
    let admin = client(&server, &token).await;
    admin.create(CreateStore::new().id("store-a")).await.expect("created");
    admin.get("store-a").await.expect("shown");
    HealthClient::new(channel(&server).await).check(HealthCheckRequest::default()).await.expect("health is open");
    let log = server.log().join("\n");
    assert!(!log.contains(&token) && !log.contains(&token[15..47]), "a token is in the log");
}

#[tokio::test]
async fn a_new_token_is_good_and_a_revoked_one_is_refused_on_every_replica() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let (one, two) = (options.start_ready().await, options.start_ready().await);
    let token = make_token(&options, "--role reader");
    let clients = [client(&one, &token).await, client(&two, &token).await];
    for client in &clients {
        assert_eq!(refusal(client.get("store-none").await).1, "STORE_NOT_FOUND");
    }
    assert!(token_command(&options, &["revoke", token_id(&token)]).status.success());
    for client in &clients {
        refused_as(client, "TOKEN_REVOKED").await;
    }
    let listed = String::from_utf8(token_command(&options, &["list"]).stdout).expect("text");
    let row = listed.lines().find(|line| line.starts_with(token_id(&token))).expect("its row");
    assert!(row.contains("reader") && row.ends_with("revoked"), "{row}");
    assert!(!token_command(&options, &["revoke", "nonenone00"]).status.success());
    // A server that starts now has read the revocation with all else.
    let three = options.start_ready().await;
    assert_eq!(refused(&client(&three, &token).await).await, "TOKEN_REVOKED");
}

#[tokio::test]
async fn a_token_ends_on_an_open_connection() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let brief = client(&server, &make_token(&options, "--role reader --expires 1s")).await;
    refused_as(&brief, "TOKEN_EXPIRED").await;
}

/// Reads a watch to its end: the last event, and why it ended.
async fn to_its_end(mut watch: Watch) -> (WatchEvent, Error) {
    let reading = async {
        let mut last = None;
        loop {
            match watch.next().await.expect("no end without a reason") {
                Ok(event) => last = Some(event),
                Err(error) => return (last.expect("an event"), error),
            }
        }
    };
    within("the end of the watch", reading).await
}

#[tokio::test]
async fn a_watch_ends_with_its_token_and_goes_on_with_another() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let admin = client(&server, &make_token(&options, "--role admin")).await;
    for (flags, reason) in [("--role reader", "TOKEN_REVOKED"), ("--role reader --expires 5s", "TOKEN_EXPIRED")] {
        let token = make_token(&options, flags);
        let watch = client(&server, &token).await.watch(StoreFilter::default()).await.expect("a watch");
        if reason == "TOKEN_REVOKED" {
            assert!(token_command(&options, &["revoke", token_id(&token)]).status.success());
        }
        let (last, error) = to_its_end(watch).await;
        assert_eq!(refusal::<()>(Err(error)), (Code::Unauthenticated, reason.to_owned()));
        assert!(matches!(last.event, Event::Heartbeat { .. }), "{last:?}");

        let created = admin.create(CreateStore::new()).await.expect("created");
        let from = last.resume_token.expect("a token to go on from");
        let mut next = admin.watch_from(StoreFilter::default(), from).await.expect("a watch");
        let event = within("what was missed", next.next()).await.expect("no end").expect("an event");
        assert_eq!(event.store().map(|store| store.id.as_str()), Some(created.id.as_str()));
    }
}

#[tokio::test]
async fn a_watch_ends_when_the_credentials_file_takes_its_permission() {
    let redis = RedisServer::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("credentials.yaml");
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let (token, entry) = make_entry(&options, "--role reader");
    fs::write(&path, format!("credentials:\n{entry}")).expect("written");
    let server = options.flag("--credentials").flag(path.to_str().expect("a path")).start_ready().await;
    let watch = client(&server, &token).await.watch(StoreFilter::default()).await.expect("a watch");
    fs::write(&path, format!("credentials:\n{entry}    abilities: [stores.read]\n")).expect("written");
    let (last, error) = to_its_end(watch).await;
    assert_eq!(refusal::<()>(Err(error)), (Code::PermissionDenied, "PERMISSION_DENIED".to_owned()));
    assert!(matches!(last.event, Event::Heartbeat { .. }), "{last:?}");
}

#[tokio::test]
async fn without_redis_the_credentials_file_is_good_and_other_tokens_are_not_judged() {
    let mut redis = RedisServer::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("credentials.yaml");
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let (token, entry) = make_entry(&options, "--role operator");
    fs::write(&path, format!("credentials:\n{entry}")).expect("written");
    let server = options.flag("--credentials").flag(path.to_str().expect("a path")).start_ready().await;
    let (file, unknown) = (client(&server, &token).await, sendstores_server::auth::generate());
    file.create(CreateStore::new().id("store-a")).await.expect("created");
    redis.kill9();
    file.get(GetStore::new("store-a").stale(true)).await.expect("shown from memory");
    let (code, reason) = refusal(client(&server, unknown.expose()).await.get("store-a").await);
    assert_eq!((code, reason.as_str()), (Code::Unavailable, "AUTH_UNAVAILABLE"));
}

#[tokio::test]
async fn a_credentials_file_is_read_again_and_a_broken_one_changes_nothing() {
    let redis = RedisServer::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("credentials.yaml");
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let ((one, first), (two, second)) = (make_entry(&options, "--role admin"), make_entry(&options, "--role reader"));
    let options = options.flag("--credentials").flag(path.to_str().expect("a path"));
    fs::write(&path, format!("credentials:\n{first}    colour: red\n")).expect("written");
    let refused_start = options.command().output().expect("run the program");
    let said = String::from_utf8_lossy(&refused_start.stderr).into_owned();
    assert!(!refused_start.status.success() && said.contains("colour"), "{said}");

    fs::write(&path, format!("credentials:\n{first}")).expect("written");
    let server = options.start_ready().await;
    let (one, two) = (client(&server, &one).await, client(&server, &two).await);
    assert_eq!(refused(&two).await, "TOKEN_INVALID");
    fs::write(&path, "credentials: [").expect("written");
    let broken = async || {
        let metrics = sendstores_tests::http::get(server.admin, "/metrics").await.ok()?.1;
        metrics.contains("\nsendstores_credentials_file_broken 1").then_some(())
    };
    until("the metric of a broken file", broken).await;
    one.list_page(Default::default()).await.expect("what was read before holds");
    fs::write(&path, format!("credentials:\n{second}")).expect("written");
    until("the other token", async || two.list_page(Default::default()).await.ok()).await;
    assert_eq!(refused(&one).await, "TOKEN_INVALID");
    let (_, took) = server.terminate(STOP);
    assert!(took < STOP);
}

#[tokio::test]
async fn a_role_without_a_permission_is_told_which_and_the_log_says_who() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let token = make_token(&options, "--role reader");
    let reader = client(&server, &token).await;
    let error = reader.create(CreateStore::new().id("store-a")).await.expect_err("denied");
    assert!(matches!(error, Error::PermissionDenied(_)), "{error:?}");
    let metadata = error.cause().and_then(|cause| cause.metadata()).expect("metadata");
    assert_eq!((metadata["permission"].as_str(), metadata["role"].as_str()), ("stores.create", "reader"));
    let who = format!("token:test#{}", token_id(&token));
    let logged = async || server.log().iter().any(|line| line.contains("denied") && line.contains(&who)).then_some(());
    until("a line of the log", logged).await;
    let narrow = client(&server, &make_token(&options, "--role admin --ability stores.read")).await;
    assert_eq!(refusal(narrow.create(CreateStore::new()).await).1, "PERMISSION_DENIED");
    assert_eq!(refusal(narrow.get("store-a").await).1, "STORE_NOT_FOUND");
}

#[tokio::test]
async fn a_caller_can_ask_who_it_is_and_what_it_may_do() {
    let mut redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth().flag("--tenant-limit=stores=7");
    let server = options.start_ready().await;
    let admin = client(&server, &make_token(&options, "--role admin")).await;
    admin.create(CreateStore::new().tenant("acme")).await.expect("created");
    let token = make_token(&options, "--role agent --tenant bolt --tenant acme --ability stores.read");
    let agent = client(&server, &token).await;
    let principal = agent.principal().await.expect("a principal");
    assert_eq!((principal.name.as_str(), principal.id.as_str()), ("test", token_id(&token)));
    assert_eq!((principal.role.as_str(), principal.tenants.join(" ").as_str()), ("agent", "acme bolt"));
    assert_eq!(principal.permissions, ["stores.read", "account.read"]);
    assert!(principal.expire_time.is_some());
    let has = |allowance: &Allowance| {
        let (limits, used) = (allowance.limits.expect("limits"), allowance.used.expect("what it has"));
        (allowance.tenant.clone(), limits.stores, limits.watches, used.stores)
    };
    let allowances: Vec<_> = principal.allowances.iter().map(has).collect();
    assert_eq!(allowances, [("acme".to_owned(), Some(7), None, 1), ("bolt".to_owned(), Some(7), None, 0)]);
    assert!(admin.principal().await.expect("a principal").allowances.is_empty(), "it has no tenants");
    redis.kill9();
    assert_eq!(agent.principal().await.expect("it needs no Redis"), principal);
    assert_eq!(refusal(server.client().await.principal().await), (Code::Unauthenticated, "TOKEN_MISSING".to_owned()));
}

#[tokio::test]
async fn who_guesses_is_slowed_down_and_nobody_else_of_its_address() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let admin = make_token(&options, "--role admin");
    client(&server, &admin).await.create(CreateStore::new().id("store-a")).await.expect("created");
    let guesses = (0..50).map(async |_| {
        let guess = sendstores_server::auth::generate();
        client(&server, guess.expose()).await.get("store-a").await.expect_err("no such token")
    });
    let said = join_all(guesses).await;
    let count = |reason| said.iter().filter(|error| error.reason() == Some(reason)).count();
    let (invalid, slowed) = (count("TOKEN_INVALID"), count("RATE_LIMITED"));
    assert!(invalid >= 10 && slowed > 0 && invalid + slowed == said.len(), "{invalid} {slowed} of {}", said.len());
    for error in said.iter().filter(|error| error.reason() == Some("RATE_LIMITED")) {
        assert!(error.retry_after().is_some_and(|wait| wait <= Duration::from_millis(1_001)), "{error}");
    }
    // A new connection, so that the token is looked up.
    client(&server, &admin).await.get("store-a").await.expect("a good token is good");
}

#[derive(Clone, PartialEq, prost::Message)]
struct ListServices {
    #[prost(string, tag = "7")]
    list_services: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Answer {}

async fn reflect(server: &Server, token: Option<&str>) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel(server).await);
    grpc.ready().await.expect("ready");
    let path = PathAndQuery::from_static("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
    let mut request = Request::new(futures::stream::iter([ListServices { list_services: "*".to_owned() }]));
    if let Some(token) = token {
        let bearer = format!("Bearer {token}").parse().expect("a header");
        request.metadata_mut().insert("authorization", bearer);
    }
    let codec = ProstCodec::<ListServices, Answer>::default();
    grpc.streaming(request, path, codec).await?.into_inner().message().await?.expect("an answer");
    Ok(())
}

#[tokio::test]
async fn reflection_is_for_whom_the_operator_says() {
    let redis = RedisServer::start().await;
    for (setting, anybody, with_token) in [
        ("authenticated", Code::Unauthenticated, Code::Ok),
        ("public", Code::Ok, Code::Ok),
        ("off", Code::Unimplemented, Code::Unimplemented),
    ] {
        let options = ServerOptions::without_cluster(&redis.url()).with_auth();
        let token = make_token(&options, "--role agent --tenant acme");
        let server = options.flag("--reflection").flag(setting).start_ready().await;
        let code = |said: Result<(), Status>| said.err().map_or(Code::Ok, |status| status.code());
        assert_eq!(code(reflect(&server, None).await), anybody, "{setting}");
        assert_eq!(code(reflect(&server, Some(&token)).await), with_token, "{setting}");
    }
}
