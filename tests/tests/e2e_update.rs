//! A store is updated while a crowd shops and buys in it, through the Ingress of a real node: no request may fail, and every order
//! that was acknowledged must be there afterwards.
//!
//! `SENDSTORES_TEST_LONG=1`: at least 2,000 requests, and releases that cannot serve, each of which is rolled back under the crowd.
//! With `WOOCOMMERCE_ZIP` and `WOOCOMMERCE_ZIP_NEXT`, `make test` builds the two releases from these plugins.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use sendstores_client::{Client, CreateStore, UpdateStore, v1 as wire};
use sendstores_tests::{
    cluster::{Cluster, image_variant, next_image},
    crowd::{Crowd, Plan, Report, Storefront},
    life::{gone, ready},
    redis::RedisServer,
    server::Server,
    shop::visit,
    wait::{until, until_within},
};
use tempfile::TempDir;
use wire::{failure::Reason, operation::State as Done, store::State};

const OLD: &str = "old";
const NEXT: &str = "next";
/// A release that is well in itself and lists no product. Nothing but the probe of the server can see that, which looks at what
/// takes visitors.
const EMPTY: &str = "empty";

/// More than an update and its way back may take.
const OPERATION: Duration = Duration::from_secs(6 * 60);

/// A release that cannot serve.
struct Bad {
    name: &'static str,
    values: Values,
    /// What the failed operation may name: which one the server sees first depends on the machine.
    reasons: &'static [Reason],
}

#[derive(Clone, Copy)]
enum Values {
    Text(&'static str),
    Image(&'static str),
}

const BAD: [Bad; 5] = [
    Bad {
        name: "image-missing",
        values: Values::Text("images: {woocommerce: {repository: localhost/sendstores/none, tag: none}}\n"),
        reasons: &[Reason::ImageUnavailable],
    },
    Bad { name: "exits", values: Values::Image("exits"), reasons: &[Reason::ApplicationUnavailable] },
    Bad { name: "fatal", values: Values::Image("fatal"), reasons: &[Reason::PhpFatalError] },
    Bad {
        name: "no-plugin",
        values: Values::Image("no-plugin"),
        reasons: &[Reason::PluginMissing, Reason::ApplicationUnavailable],
    },
    Bad { name: EMPTY, values: Values::Image("empty"), reasons: &[Reason::StorefrontUnavailable] },
];

fn is_long() -> bool {
    std::env::var("SENDSTORES_TEST_LONG").as_deref() == Ok("1")
}

/// A folder with both good releases and the bad ones.
fn releases(cluster: &Cluster) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let images = cluster.values().last().expect("the values that name the images");
    declare(folder.path(), OLD, &read(images), true);
    declare(folder.path(), NEXT, &read(&next_image()), false);
    for Bad { name, values, .. } in BAD.iter().filter(|_| is_long()) {
        let values = match values {
            Values::Text(text) => (*text).to_owned(),
            Values::Image(variant) => read(&image_variant(variant)),
        };
        declare(folder.path(), name, &values, false);
    }
    folder
}

fn declare(folder: &Path, name: &str, values: &str, default: bool) {
    let at = folder.join(name);
    fs::create_dir(&at).expect("a folder");
    fs::write(at.join("release.yaml"), format!("default: {default}\n")).expect("write");
    fs::write(at.join("values.yaml"), values).expect("write");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A store, and the server that keeps it.
struct Rig {
    cluster: Cluster,
    client: Client,
    id: &'static str,
    url: String,
    _server: Server,
    _redis: RedisServer,
    _releases: TempDir,
}

// === impl Rig ===

impl Rig {
    async fn start(id: &'static str) -> Self {
        let (cluster, redis) = (Cluster::full(), RedisServer::start().await);
        let releases = releases(&cluster);
        let options = cluster.server(&redis.url()).flag(format!("--releases={}", releases.path().display()));
        // A release that never becomes ready is given up after this, and the way back has as long; a good one takes a small part.
        let server = options.flag("--deadline=update=2m").start_ready().await;
        let client = server.client().await;
        client.create(CreateStore::new().id(id)).await.expect("create");
        let url = ready(&client, id).await.url;
        // READY is not held back by an Ingress that is slow to take the store up.
        until("the storefront", async || (visit(&url, "/shop/").await.0 == 200).then_some(())).await;
        Self { cluster, client, id, url, _server: server, _redis: redis, _releases: releases }
    }

    /// Ten shoppers and two buyers.
    fn crowd(&self, seed: u64) -> Crowd {
        let host = self.url.trim_start_matches("http://").trim_end_matches('/');
        let port = host.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let storefront = Storefront::new(SocketAddr::from(([127, 0, 0, 1], port)), host).expect("of this machine");
        Crowd::start(Plan { seed, ..Plan::new(storefront) })
    }

    async fn update(&self, release: &str) {
        self.client.update(UpdateStore::new(self.id).release(release)).await.expect("accepted");
    }

    async fn operation(&self, what: &str, is: impl Fn(Done) -> bool) {
        let reached = async || {
            let operation = self.client.get(self.id).await.ok()?.operation?;
            is(operation.state()).then_some(())
        };
        until_within(OPERATION, what, reached).await;
    }

    /// The store, once its operation has ended so.
    async fn ended(&self, state: Done) -> wire::Store {
        let over = |state: Done| !matches!(state, Done::Running | Done::RollingBack | Done::Queued);
        self.operation(state.as_str_name(), over).await;
        let operation = self.client.get(self.id).await.expect("the store").operation.expect("an operation");
        assert_eq!(operation.state(), state, "{:?}", operation.failure);
        ready(&self.client, self.id).await
    }

    /// Waits until one pod serves: the others have finished their requests.
    async fn settled(&self) {
        until("one pod of the application", async || {
            let pods = self.cluster.get(&["-n", self.id, "pods", "-l", "app.kubernetes.io/name=wordpress"]);
            (pods["items"].as_array().map(Vec::len) == Some(1)).then_some(())
        })
        .await;
    }

    /// The orders in the store's database.
    fn orders(&self) -> BTreeSet<u64> {
        let code = "$_SERVER['HTTP_HOST'] = 'x'; require '/srv/wordpress/wp-load.php'; global $wpdb; \
                    echo implode(' ', $wpdb->get_col('SELECT id FROM wp_wc_orders'));";
        let numbers = self.cluster.php(self.id, code);
        numbers.split_whitespace().map(|number| number.parse().expect("the number of an order")).collect()
    }

    async fn removed(self) {
        self.client.delete(self.id).await.expect("delete");
        gone(&self.cluster, &self.client, self.id).await;
    }
}

/// Waits until the crowd has made so many requests; for each part of them as long as for any condition.
async fn made(crowd: &Crowd, requests: u64) {
    while crowd.count() < requests {
        let next = requests.min(crowd.count() + 100);
        until(&format!("{next} requests"), async || (crowd.count() >= next).then_some(())).await;
    }
}

/// Every request was answered as it belongs, but for pages without a product where `may_be_empty`; and each order that was acknowledged is in the database, once.
fn check(what: &str, report: &Report, orders: &BTreeSet<u64>, may_be_empty: bool) {
    let acknowledged: BTreeSet<u64> = report.orders.iter().copied().collect();
    println!(
        "{what}: {} requests in {:.0} s, {} failed {:?}, p50 {} ms, p99 {} ms, longest {} ms, {} orders",
        report.requests,
        report.seconds,
        report.failed,
        report.failed_by_kind,
        report.p50_ms,
        report.p99_ms,
        report.longest_ms,
        report.orders.len()
    );
    let first = &report.failures[..report.failures.len().min(5)];
    let failed = if may_be_empty { report.unanswered() } else { report.failed };
    assert_eq!(failed, 0, "{what}: {:?}, {first:#?}", report.failed_by_kind);
    assert!(!acknowledged.is_empty(), "{what}: nothing was bought");
    assert_eq!(acknowledged.len(), report.orders.len(), "{what}: one number for two orders");
    let lost: Vec<_> = acknowledged.difference(orders).collect();
    assert!(lost.is_empty(), "{what}: acknowledged orders are lost: {lost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_under_a_crowd_fails_no_request_and_loses_no_order() {
    let rig = Rig::start("store-crowd").await;
    let requests = if is_long() { 2_000 } else { 300 };
    let crowd = rig.crowd(1);
    made(&crowd, requests / 4).await;

    let begin = Instant::now();
    rig.update(NEXT).await;
    let store = rig.ended(Done::Succeeded).await;
    println!("the update took {:.0} s", begin.elapsed().as_secs_f64());
    assert_eq!(store.state(), State::Ready);
    assert_eq!(store.release.expect("a release").name, NEXT);
    rig.settled().await;
    let after = crowd.count() + requests / 4;
    made(&crowd, after.max(requests)).await;
    let report = crowd.leave().await;
    check("the update", &report, &rig.orders(), false);
    rig.removed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_cannot_serve_is_rolled_back_and_no_shopper_notices() {
    if !is_long() {
        return eprintln!("left out: SENDSTORES_TEST_LONG=1 has the images of such releases");
    }
    let rig = Rig::start("store-crowd-bad").await;
    let mut kept = BTreeSet::new();
    for (seed, Bad { name, reasons, .. }) in (1..).zip(BAD) {
        let crowd = rig.crowd(seed);
        made(&crowd, 50).await;
        rig.update(name).await;
        let store = rig.ended(Done::RolledBack).await;
        assert_eq!(store.release.expect("a release").name, OLD, "{name}");
        let failure = store.operation.and_then(|operation| operation.failure).expect("why it failed");
        println!("{name}: {:?}, {}", failure.reason(), failure.message);
        assert!(reasons.contains(&failure.reason()), "{name}: {failure:?}");
        rig.settled().await;
        let after = crowd.count() + 50;
        made(&crowd, after).await;
        let report = crowd.leave().await;
        kept.extend(report.orders.iter().copied());
        let orders = rig.orders();
        check(name, &report, &orders, name == EMPTY);
        assert!(kept.is_subset(&orders), "{name}: orders of before are lost");
    }
    rig.removed().await;
}
