//! GetCredentials, over real sockets, on a real Redis and a scripted cluster.

use std::{fs, path::Path};

use futures::StreamExt;
use sendstores_client::{
    CreateStore, Error, Event,
    v1::{self as wire, history_entry::Event as Happened, store::State, store_service_client::StoreServiceClient},
};
use sendstores_core::{FailureReason, StepName, StoreId, provisioner::StepError};
use sendstores_tests::{
    logs::Logs,
    plane::Plane,
    redis::RedisServer,
    scripted::{ScriptedProvisioner, Turn},
    server::ServerOptions,
    steps,
    wait::{until, within},
};

async fn started() -> (RedisServer, Plane) {
    let redis = RedisServer::start().await;
    let plane = Plane::start(&redis).await;
    (redis, plane)
}

/// A store that sells.
async fn ready(plane: &Plane, id: &str) -> wire::Store {
    plane.client.create(CreateStore::new().id(id)).await.expect("create");
    plane.reach(id, State::Ready).await
}

/// The password that the scripted cluster has for the store as it is now.
async fn password(plane: &Plane, id: &str) -> String {
    use sendstores_core::ledger::Ledger;
    let id = id.parse::<StoreId>().expect("an id");
    let store = plane.ledger.load(&id).await.expect("load").expect("a record");
    ScriptedProvisioner::password(&store)
}

fn events(store: &wire::Store) -> Vec<Happened> {
    store.history.iter().map(wire::HistoryEntry::event).collect()
}

async fn refused(plane: &Plane, id: &str) -> Error {
    plane.client.credentials(id).await.expect_err("this should be refused")
}

#[tokio::test]
async fn the_way_in_is_handed_out_and_the_history_names_the_call() {
    let (_redis, plane) = started().await;
    let store = ready(&plane, "store-a").await;
    let found = plane.client.credentials("store-a").await.expect("credentials");
    assert_eq!((found.admin_url, found.user), (format!("{}/wp-admin/", store.url), "merchant".to_owned()));
    assert_eq!(found.password.expose(), password(&plane, "store-a").await);

    let channel = tonic::transport::Endpoint::from_shared(plane.url.clone()).expect("an address").connect().await;
    let mut grpc = StoreServiceClient::new(channel.expect("connect"));
    let mut request = tonic::Request::new(wire::GetCredentialsRequest { id: "store-a".to_owned() });
    request.metadata_mut().insert("x-request-id", "audit-4711".parse().expect("valid"));
    let answer = grpc.get_credentials(request).await.expect("credentials");
    assert_eq!(answer.metadata().get("x-request-id").map(|id| id.as_bytes()), Some(&b"audit-4711"[..]));

    let told = plane.client.get("store-a").await.expect("get");
    let read = Happened::CredentialsRead;
    assert_eq!(events(&told), [Happened::Created, Happened::Ready, read, read]);
    let calls: Vec<_> = told.history.iter().map(|entry| entry.request_id.as_str()).collect();
    assert!(calls[1].is_empty() && calls[3] == "audit-4711", "{calls:?}");
    assert!(calls[0].len() == 36 && calls[2].len() == 36 && calls[0] != calls[2], "{calls:?}");
    assert!(told.history.is_sorted_by_key(|entry| entry.time.map(|time| (time.seconds, time.nanos))));
    assert_eq!((told.state(), told.generation), (State::Ready, store.generation));
}

#[tokio::test]
async fn a_history_is_bounded_and_reads_do_not_push_out_the_life_of_the_store() {
    let (_redis, plane) = started().await;
    ready(&plane, "store-a").await;
    for _ in 0..20 {
        plane.client.credentials("store-a").await.expect("credentials");
    }
    let told = plane.client.get("store-a").await.expect("get");
    let told = events(&told);
    assert_eq!((told[0], told[1]), (Happened::Created, Happened::Ready));
    assert_eq!(told[2..], [Happened::CredentialsRead; 14]);
    let deleting = plane.client.delete("store-a").await.expect("delete").expect("a store");
    let told = events(&deleting);
    assert_eq!((told.len(), told[0], told[15]), (16, Happened::Created, Happened::DeleteRequested));
    let again = plane.client.delete("store-a").await;
    if let Ok(Some(again)) = again {
        assert_eq!(events(&again), events(&deleting), "a repetition is no second request");
    }
}

#[tokio::test]
async fn each_reason_to_refuse_has_its_name() {
    let (_redis, plane) = started().await;
    for bad in ["", "kube-system", "../etc"] {
        assert_eq!(refused(&plane, bad).await.reason(), Some("INVALID_FIELD"), "{bad}");
    }
    assert!(matches!(refused(&plane, "store-none").await, Error::NotFound(_)));

    plane.cluster.script(steps::CREDENTIALS, Turn::Hang);
    plane.client.create(CreateStore::new().id("store-a")).await.expect("create");
    let error = refused(&plane, "store-a").await;
    assert!(matches!(error, Error::FailedPrecondition(_)), "{error}");
    assert_eq!(error.reason(), Some("CREDENTIALS_NOT_READY"));

    let down = StepError::retryable(FailureReason::ClusterUnavailable, "scripted");
    plane.cluster.fail_credentials(Some(down));
    let error = refused(&plane, "store-a").await;
    assert!(matches!(error, Error::Unavailable(_)) && error.retryable(), "{error}");
    assert_eq!(error.reason(), Some("CLUSTER_UNAVAILABLE"));
    assert!(error.retry_after().is_some());
    plane.cluster.fail_credentials(Some(StepError::retryable(FailureReason::ObjectRefused, "forbidden")));
    assert_eq!(refused(&plane, "store-a").await.reason(), Some("INTERNAL"));
    plane.cluster.fail_credentials(None);
    assert_eq!(events(&plane.client.get("store-a").await.expect("get")), [Happened::Created], "nothing was read");

    ready(&plane, "store-b").await;
    plane.cluster.script(StepName::REMOVAL, Turn::Hang);
    plane.client.delete("store-b").await.expect("delete");
    let error = refused(&plane, "store-b").await;
    assert_eq!((error.reason(), error.retryable()), (Some("STORE_DELETING"), false), "{error}");
    plane.client.delete("store-a").await.expect("delete");
    until("the store to be gone", async || plane.client.get("store-a").await.err()).await;
    assert_eq!(refused(&plane, "store-a").await.reason(), Some("STORE_NOT_FOUND"));
}

#[tokio::test]
async fn a_server_whose_cluster_does_not_answer_says_so() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let client = server.client().await;
    client.create(CreateStore::new().id("store-a")).await.expect("create");
    let error = client.credentials("store-a").await.expect_err("no cluster");
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    assert_eq!(error.reason(), Some("CLUSTER_UNAVAILABLE"));
    let store = client.get("store-a").await.expect("get");
    assert_eq!(events(&store), [Happened::Created], "what was not read is not told");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_handed_out() {
    let (redis, plane) = started().await;
    ready(&plane, "store-a").await;
    redis.config_set("maxmemory", "1").await;
    let error = refused(&plane, "store-a").await;
    assert_eq!(error.reason(), Some("LEDGER_FULL"), "{error}");
    redis.config_set("maxmemory", "0").await;
    assert_eq!(events(&plane.client.get("store-a").await.expect("get")), [Happened::Created, Happened::Ready]);
    plane.client.credentials("store-a").await.expect("credentials");
}

#[tokio::test]
async fn an_id_that_was_used_before_gives_the_new_stores_password() {
    let (_redis, plane) = started().await;
    ready(&plane, "store-a").await;
    let first = plane.client.credentials("store-a").await.expect("credentials");
    plane.client.delete("store-a").await.expect("delete");
    until("the store to be gone", async || plane.client.get("store-a").await.err()).await;
    ready(&plane, "store-a").await;
    let second = plane.client.credentials("store-a").await.expect("credentials");
    assert_ne!(first.password, second.password);
    assert_eq!(second.password.expose(), password(&plane, "store-a").await);
}

#[tokio::test]
async fn many_readers_and_a_store_under_way_do_not_hold_each_other_up() {
    let (_redis, plane) = started().await;
    plane.client.create(CreateStore::new().id("store-a")).await.expect("create");
    let reads = (0..8).map(|_| async {
        until("an answer", async || plane.client.credentials("store-a").await.ok()).await;
    });
    futures::future::join_all(reads).await;
    let store = plane.reach("store-a", State::Ready).await;
    let read = events(&store).into_iter().filter(|event| *event == Happened::CredentialsRead).count();
    assert_eq!(read, 8, "each answer is one entry");
}

#[tokio::test]
async fn the_password_is_in_the_answer_and_nowhere_else() {
    let logs = Logs::keep();
    let (redis, plane) = started().await;
    let mut watch = plane.client.watch(wire::StoreFilter::default()).await.expect("watch");
    ready(&plane, "store-canary").await;
    let found = plane.client.credentials("store-canary").await.expect("credentials");
    let canary = found.password.expose();
    assert!(!format!("{found:?}").contains(canary));
    plane.cluster.fail_credentials(Some(StepError::retryable(FailureReason::ClusterUnavailable, "scripted")));
    let error = refused(&plane, "store-canary").await;
    plane.cluster.fail_credentials(None);

    let mut seen = Vec::new();
    within("the reading to be in the history", async {
        loop {
            let event = watch.next().await.expect("not the end").expect("an event");
            seen.push(format!("{event:?}"));
            if let Event::Changed(store) = event.event
                && events(&store).contains(&Happened::CredentialsRead)
            {
                break;
            }
        }
    })
    .await;
    let list = plane.client.list(wire::StoreFilter::default()).await.expect("list");
    seen.push(format!("{list:?}{:?}{error:?}{error}", plane.client.get("store-canary").await));
    assert!(seen.iter().all(|text| !text.contains(canary)));

    redis.cli(["SAVE"]).await;
    let stored = files(redis.data());
    assert!(contains(&stored, b"CREDENTIALS_READ") && !contains(&stored, canary.as_bytes()));
    let logged = logs.text();
    let mut told = logged.lines().filter(|line| line.contains("credentials handed out"));
    assert!(told.any(|line| line.contains("store-canary") && line.contains("request_id=")), "the log does not tell");
    assert!(!logged.contains(canary), "the log has the password");
}

/// The content of all files below a folder.
fn files(folder: &Path) -> Vec<u8> {
    let entries = fs::read_dir(folder).expect("read the folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { fs::read(&path).expect("read") }).collect()
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}
