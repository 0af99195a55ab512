//! Releases over a real socket: what a server offers, what a new store is made from, and what a store could be updated to.

use std::{fs, path::PathBuf};

use sendstores_client::{CreateStore, Error, StoreView, UpdateStore, v1 as wire};
use sendstores_core::{
    Engine, Offer, Offers, OperationState, StoreId,
    ledger::{Expected, Ledger, Write},
};
use sendstores_tests::{
    helm_shim::{Deed, HelmShim},
    http,
    plane::Plane,
    redis::RedisServer,
    samples::{self, parsed},
    server::{self, Server, ServerOptions},
    wait::until,
};
use wire::{available_update::Kind, store::State, watch_status_response::Event};

/// Two releases in a folder, and a helm that accepts them.
struct Releases(HelmShim);

impl Releases {
    fn new() -> Self {
        let releases = Self(HelmShim::new(Deed::Work));
        let rendered = "kind: Deployment\nspec: {template: {spec: {containers: [{name: wordpress, image: shop:1}]}}}\n";
        fs::write(releases.0.path("rendered"), rendered).expect("write what helm renders");
        releases.declare("2026-11", "wordpress: 6.8.3\nwoocommerce: 10.9.4\ndefault: true\n");
        let next = "wordpress: 6.9\nwoocommerce: 11.0.1\nsecurity: true\nnotes_url: https://example.com/11\n";
        releases.declare("2026-12", next);
        releases
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.0.path("releases").join(name)
    }

    fn declare(&self, name: &str, description: &str) {
        fs::create_dir_all(self.folder(name)).expect("a folder");
        fs::write(self.folder(name).join("release.yaml"), description).expect("write the description");
        fs::write(self.folder(name).join("values.yaml"), "").expect("write the values");
    }

    fn options(&self, redis: &RedisServer) -> ServerOptions {
        ServerOptions::without_cluster(&redis.url())
            .flag(format!("--helm={}", self.0.program().display()))
            .flag(format!("--releases={}", self.0.path("releases").display()))
    }

    /// Has the server read the folder again.
    async fn reload(&self, server: &Server, outcome: &str) {
        server::signal(server.pid(), "HUP");
        let counted = format!("sendstores_file_reloads_total{{outcome=\"{outcome}\"}} 1");
        until("the reload to be counted", async || {
            let (_, metrics) = http::get(server.admin, "/metrics").await.expect("metrics");
            metrics.contains(&counted).then_some(())
        })
        .await;
    }
}

async fn names(server: &Server) -> Vec<String> {
    let releases = server.client().await.releases().await.expect("the releases");
    releases.into_iter().map(|release| release.name).collect()
}

fn released(store: &wire::Store) -> &str {
    store.spec.as_ref().map_or("", |spec| &spec.release)
}

#[tokio::test]
async fn a_server_offers_what_its_folder_has_and_a_new_store_is_made_from_one_of_them() {
    let (redis, releases) = (RedisServer::start().await, Releases::new());
    let server = releases.options(&redis).start_ready().await;
    let client = server.client().await;
    let offered = client.releases().await.expect("the releases");
    let now = wire::list_releases_response::Offer {
        name: "2026-11".to_owned(),
        engine: wire::Engine::Woocommerce.into(),
        wordpress_version: "6.8.3".to_owned(),
        woocommerce_version: "10.9.4".to_owned(),
        images: [("wordpress".to_owned(), "shop:1".to_owned())].into(),
        default: true,
        security: false,
        notes_url: String::new(),
    };
    assert_eq!(offered[1], now);
    assert_eq!((offered[0].name.as_str(), offered[0].security), ("2026-12", true));
    assert_eq!(offered[0].notes_url, "https://example.com/11");

    let by_default = client.create(CreateStore::new()).await.expect("created");
    assert_eq!(released(&by_default), "2026-11", "every default is filled in");
    let request = CreateStore::new().release("2026-12").request_id("r1");
    let chosen = client.create(request.clone()).await.expect("created");
    assert_eq!(released(&chosen), "2026-12");
    assert_eq!(chosen.release, None, "nothing runs yet");
    let rehearsed = client.create(CreateStore::new().validate_only(true)).await.expect("checked");
    assert_eq!(released(&rehearsed), "2026-11");

    for unknown in ["2026-10", "default"] {
        for validate_only in [false, true] {
            let request = CreateStore::new().release(unknown).validate_only(validate_only);
            let error = client.create(request).await.expect_err("not offered");
            assert_eq!(error.reason(), Some("RELEASE_UNKNOWN"), "{error:?}");
            let Error::InvalidArgument { .. } = error else { panic!("{error:?}") };
        }
    }
    let error = client.create(CreateStore::new().release("Not_A_Name")).await.expect_err("no name");
    assert_eq!(error.reason(), Some("INVALID_FIELD"));

    // A repetition is answered as the first time, whatever is offered now.
    fs::remove_dir_all(releases.folder("2026-12")).expect("remove");
    releases.reload(&server, "changed").await;
    assert_eq!(names(&server).await, ["2026-11"]);
    let again = client.create(request).await.expect("the first answer");
    assert_eq!((again.id.as_str(), released(&again)), (chosen.id.as_str(), "2026-12"));
    let error = client.create(CreateStore::new().release("2026-12")).await.expect_err("gone");
    assert_eq!(error.reason(), Some("RELEASE_UNKNOWN"));
    assert_eq!(released(&client.get(chosen.id).await.expect("the store")), "2026-12");
}

#[tokio::test]
async fn a_broken_folder_stops_a_start_and_leaves_a_running_server_as_it_is() {
    let (redis, releases) = (RedisServer::start().await, Releases::new());
    let server = releases.options(&redis).start_ready().await;
    releases.declare("2027-01", "wordpress: 7.0\ncolour: blue\n");
    releases.reload(&server, "refused").await;
    assert_eq!(names(&server).await, ["2026-12", "2026-11"]);
    let output = releases.options(&redis).command().output().expect("run");
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(
        log.contains("--releases") && log.contains("2027-01/release.yaml") || log.contains("2027-01: release.yaml"),
        "{log}"
    );
    assert!(log.contains("colour"), "{log}");
    releases.declare("2027-01", "wordpress: 7.0\n");
    releases.reload(&server, "changed").await;
    assert_eq!(names(&server).await, ["2027-01", "2026-12", "2026-11"]);
}

#[tokio::test]
async fn without_a_folder_one_release_stands_for_the_chart_and_the_values() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let client = server.client().await;
    assert_eq!(names(&server).await, ["default"]);
    assert_eq!(released(&client.create(CreateStore::new()).await.expect("created")), "", "as by earlier versions");
    let named = client.create(CreateStore::new().release("default")).await.expect("created");
    assert_eq!(released(&named), "default");
    let error = client.create(CreateStore::new().release("2026-11")).await.expect_err("not offered");
    assert_eq!(error.reason(), Some("RELEASE_UNKNOWN"));
}

#[test]
fn the_flag_is_a_folder_and_is_printed() {
    let options = || ServerOptions::without_cluster("redis://127.0.0.1:1");
    let print = |options: ServerOptions| options.flag("--print-config").command().output().expect("run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let output = print(options().env("SENDSTORES_RELEASES", "/proc"));
    assert!(text(&output.stdout).contains("\nreleases = /proc\n"), "{output:?}");
    assert!(text(&print(options()).stdout).contains("\nreleases = [none]\n"));
    let output = print(options().flag("--releases=/no/such/folder"));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--releases: /no/such/folder is not a folder"), "{output:?}");
}

fn offer(name: &str, woocommerce: &str) -> Offer {
    Offer {
        name: parsed(name),
        engine: Engine::new("woocommerce"),
        versions: [("woocommerce", woocommerce)].into_iter().collect(),
        declared: true,
        default: name == "now",
        security: name == "next",
        ..samples::standing_in()
    }
}

#[tokio::test]
async fn a_store_says_what_it_runs_and_what_it_could_run() {
    let redis = RedisServer::start().await;
    let offers = Offers::new(vec![offer("now", "10.9.4"), offer("older", "10.9.3"), offer("next", "11.0.1")]);
    let plane = Plane::offering(&redis, offers).await;
    let created = plane.client.create(CreateStore::new().id("store-a")).await.expect("created");
    assert_eq!((created.release, created.available_updates.len()), (None, 0), "nothing runs yet");
    let store = plane.reach("store-a", State::Ready).await;
    let release = store.release.clone().expect("what it runs");
    assert_eq!((release.name.as_str(), release.woocommerce_version.as_str()), ("now", "10.9.4"));
    assert_eq!(release.images["shop"], "shop:woocommerce");
    let [update] = &store.available_updates[..] else { panic!("one: {:?}", store.available_updates) };
    assert_eq!((update.release.as_str(), update.kind(), update.security), ("next", Kind::Major, true));

    let list = async |view: StoreView| {
        let request = wire::ListRequest { view: view.into(), ..Default::default() };
        plane.client.list_page(request).await.expect("a page").stores.remove(0)
    };
    assert_eq!(list(StoreView::Full).await, store);
    let basic = list(StoreView::Basic).await;
    assert_eq!((basic.release, basic.available_updates.len()), (None, 0));
    // A watch has the store without what changes beside it: the etag is the same.
    let channel = tonic::transport::Channel::from_shared(plane.url.clone()).expect("a URL").connect().await;
    let mut grpc = wire::store_service_client::StoreServiceClient::new(channel.expect("connect"));
    let mut watch = grpc.watch_status(wire::WatchStatusRequest::default()).await.expect("a watch").into_inner();
    let first = watch.message().await.expect("a message").expect("a snapshot");
    let Some(Event::Snapshot(snapshot)) = first.event else { panic!("{first:?}") };
    assert_eq!(snapshot, wire::Store { available_updates: Vec::new(), ..store });
}

#[tokio::test]
async fn an_update_is_not_tried_again_to_a_release_that_is_not_offered_any_more() {
    let redis = RedisServer::start().await;
    let offers = Offers::new(vec![offer("now", "10.9.4"), offer("next", "11.0.1")]);
    let plane = Plane::offering(&redis, offers).await;
    plane.client.create(CreateStore::new().id("store-a")).await.expect("created");
    plane.reach("store-a", State::Ready).await;
    plane.client.update(UpdateStore::new("store-a").release("next")).await.expect("accepted");
    plane.reach("store-a", State::Ready).await;

    // As if it had been rolled back, of a release that has been withdrawn since.
    let mut store = plane.ledger.load(&parsed::<StoreId>("store-a")).await.expect("an answer").expect("the store");
    let operation = store.operation.as_mut().expect("the update");
    (operation.state, operation.to) = (OperationState::RolledBack, Some(parsed("gone")));
    store.spec.release = Some(parsed("gone"));
    let expected = Expected::Revision(store.revision);
    plane.ledger.write(Write { resource: store, expected, fence: None, operation: None }).await.expect("a write");

    let error = plane.client.retry_operation("store-a").await.expect_err("not offered");
    assert_eq!(error.reason(), Some("RELEASE_UNKNOWN"), "{error:?}");
    assert_eq!(plane.client.get("store-a").await.expect("the store").state(), State::Ready);
}
