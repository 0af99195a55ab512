//! What a newer version wrote, and what is damaged, as callers of a real server on a real Redis see it.

use futures::StreamExt;
use sendstores_client::{Client, CreateStore, Error, Event, Store, v1 as wire};
use sendstores_tests::{
    http,
    redis::RedisServer,
    server::{Server, ServerOptions},
    versions::{fixture, put, put_unnamed, stored},
    wait::{until, within},
};
use wire::store::State;

async fn started(redis: &RedisServer) -> (Server, Client) {
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let client = server.client().await;
    (server, client)
}

/// A Redis with records of the next version, which were there before a server started.
async fn of_next_version(names: &[&str]) -> RedisServer {
    let redis = RedisServer::start().await;
    drop(started(&redis).await);
    for name in names {
        put(&redis, &format!("store-{name}"), &fixture(&format!("next/{name}")).to_string()).await;
    }
    redis
}

fn reason<T: std::fmt::Debug>(said: Result<T, Error>) -> String {
    let error = said.expect_err("refused");
    error.reason().unwrap_or_else(|| panic!("no reason: {error}")).to_owned()
}

async fn ids(client: &Client) -> Vec<String> {
    let list = client.list(wire::StoreFilter::default()).await.expect("a list");
    list.stores.into_iter().map(|store| store.id).collect()
}

async fn unreadable_records(server: &Server) -> Option<String> {
    let (_, metrics) = http::get(server.admin, "/metrics").await.expect("metrics");
    metrics.lines().find_map(|line| line.strip_prefix("sendstores_unreadable_records ")).map(str::to_owned)
}

#[tokio::test]
async fn stores_of_a_newer_version_are_shown_and_left_alone() {
    let redis = of_next_version(&["state", "engine", "settings", "words"]).await;
    let (_server, client) = started(&redis).await;
    assert_eq!(ids(&client).await, ["store-engine", "store-settings", "store-state", "store-words"]);

    let state = client.get("store-state").await.expect("shown");
    assert_eq!(state.state(), State::Unspecified);
    assert_eq!(reason(client.delete("store-state").await), "STORE_FOREIGN");
    assert_eq!(reason(client.credentials("store-state").await), "STORE_FOREIGN");
    assert_eq!(reason(client.create(CreateStore::new().id("store-state")).await), "STORE_EXISTS");

    let engine = client.get("store-engine").await.expect("shown");
    assert_eq!(engine.spec.as_ref().map(wire::StoreSpec::engine), Some(wire::Engine::Unspecified));
    assert_eq!(
        (engine.state(), reason(client.delete("store-engine").await)),
        (State::Ready, "STORE_FOREIGN".to_owned())
    );

    let words = client.get("store-words").await.expect("shown");
    let failure = words.failure.as_ref().expect("a failure");
    assert_eq!((failure.reason(), failure.step.as_str()), (wire::failure::Reason::Unspecified, "dump"));
    assert!(failure.message.starts_with("BACKUP_FAILED: "), "{}", failure.message);
    let dump = words.steps.iter().find(|step| step.name == "dump").expect("the step");
    assert_eq!(dump.state(), wire::step::State::Unspecified);
    assert!(words.evidence.iter().any(|evidence| evidence.check == "backup" && evidence.passed));
    let last = words.history.last().expect("an entry");
    assert_eq!((last.event(), last.request_id.as_str()), (wire::history_entry::Event::Unspecified, "call-9"));
    // Nothing was written meanwhile.
    for name in ["state", "engine", "settings", "words"] {
        assert_eq!(stored(&redis, &format!("store-{name}")).await, fixture(&format!("next/{name}")), "{name}");
    }
}

#[tokio::test]
async fn a_change_by_an_older_server_keeps_what_a_newer_one_wrote() {
    let redis = of_next_version(&["words", "settings"]).await;
    let (_server, client) = started(&redis).await;
    let deleting = client.delete("store-words").await.expect("deleted").expect("shown");
    assert_eq!(deleting.state(), State::Deleting);
    let (written, before) = (stored(&redis, "store-words").await, fixture("next/words"));
    for field in ["operation", "cluster", "shop"] {
        assert_eq!(written[field], before[field], "{field}");
    }
    let entries = before["history"].as_array().expect("entries").len();
    assert_eq!(
        written["history"].as_array().map(|history| &history[..entries]),
        before["history"].as_array().map(Vec::as_slice)
    );
    // To remove a store its settings need not be known.
    client.delete("store-settings").await.expect("deleted");
    assert_eq!(stored(&redis, "store-settings").await["shop"], fixture("next/settings")["shop"]);
}

/// The next change of the store that a watcher is sent.
async fn changed(watch: &mut sendstores_client::Watch, id: &str) -> Store {
    let changed = async {
        loop {
            let event = watch.next().await.expect("open").expect("an event");
            if let Event::Changed(store) = event.event
                && store.id == id
            {
                return *store;
            }
        }
    };
    within(&format!("a change of {id}"), changed).await
}

#[tokio::test]
async fn one_record_that_cannot_be_read_takes_that_store_alone() {
    let redis = of_next_version(&["version"]).await;
    let (server, client) = started(&redis).await;
    client.create(CreateStore::new().id("store-other")).await.expect("created");
    client.create(CreateStore::new().id("store-damaged")).await.expect("created");
    let mut watch = client.watch(wire::StoreFilter::default()).await.expect("a watch");
    put(&redis, "store-damaged", "{\"version\":1").await;
    // A log that does not even say which store it was.
    put_unnamed(&redis, "store-unnamed", "nonsense").await;
    for id in ["store-version", "store-damaged", "store-unnamed"] {
        until("the record to be set aside", async || {
            matches!(client.get(id).await, Err(error) if error.reason() == Some("RECORD_UNREADABLE")).then_some(())
        })
        .await;
        assert_eq!(reason(client.create(CreateStore::new().id(id)).await), "RECORD_UNREADABLE", "{id}");
        assert_eq!(reason(client.delete(id).await), "RECORD_UNREADABLE", "{id}");
        assert_eq!(reason(client.credentials(id).await), "RECORD_UNREADABLE", "{id}");
    }
    assert_eq!(ids(&client).await, ["store-other"]);
    until("the count", async || (unreadable_records(&server).await.as_deref() == Some("3")).then_some(())).await;
    client.create(CreateStore::new().id("store-more")).await.expect("all others go on");
    assert_eq!(changed(&mut watch, "store-more").await.state(), State::Provisioning);

    let mut good = fixture("v1/failed");
    good["id"] = "store-damaged".into();
    put(&redis, "store-damaged", &good.to_string()).await;
    assert_eq!(changed(&mut watch, "store-damaged").await.state(), State::Failed);
    assert_eq!(client.get("store-damaged").await.expect("it is back").state(), State::Failed);
    until("the count", async || (unreadable_records(&server).await.as_deref() == Some("2")).then_some(())).await;
    // A server that starts now shows the same.
    let (again, client) = started(&redis).await;
    assert_eq!(ids(&client).await, ["store-damaged", "store-more", "store-other"]);
    assert_eq!(reason(client.get("store-version").await), "RECORD_UNREADABLE");
    assert_eq!(unreadable_records(&again).await.as_deref(), Some("2"));
}
