//! A newer store image, on a real node: given by hand to a shop that sells, and by the values of the environment.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sendstores_client::{Client, CreateStore, v1 as wire};
use sendstores_tests::{
    cluster::{Cluster, image_variant},
    life::{gone, ready},
    redis::RedisServer,
    server::Server,
    shop::{lets_in, visit},
    wait::until,
};
use serde_json::Value;
use wire::store::State;

/// A store, and the server that keeps it.
struct Rig {
    cluster: Cluster,
    redis: RedisServer,
    server: Server,
    client: Client,
    id: &'static str,
    url: String,
}

async fn rig(id: &'static str) -> Rig {
    let (cluster, redis) = (Cluster::full(), RedisServer::start().await);
    let (server, client) = serve(&cluster, &redis).await;
    client.create(CreateStore::new().id(id)).await.expect("create");
    let url = ready(&client, id).await.url;
    let rig = Rig { cluster, redis, server, client, id, url };
    // READY is not held back by an Ingress that is slow to take the shop up.
    rig.page("/shop/").await;
    rig
}

async fn serve(cluster: &Cluster, redis: &RedisServer) -> (Server, Client) {
    let server = cluster.server(&redis.url()).flag("--probe-interval=1s").start_ready().await;
    let client = server.client().await;
    (server, client)
}

// === impl Rig ===

impl Rig {
    fn wp(&self, words: &[&str]) -> String {
        self.cluster.wp(self.id, words)
    }

    fn object(&self, kind: &str, name: &str) -> Value {
        self.cluster.get(&["-n", self.id, kind, name])
    }

    fn kubectl(&self, words: &[&str]) {
        let output = self.cluster.kubectl(&[&["-n", self.id], words].concat());
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The application's image, as the chart was told.
    fn image(&self) -> String {
        let deployment = self.object("deployment", "wordpress");
        deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().expect("an image").to_owned()
    }

    /// A page of the shop, once it is served.
    async fn page(&self, path: &str) -> String {
        until(&format!("{path} to be served"), async || match visit(&self.url, path).await {
            (200, page) => Some(page),
            _ => None,
        })
        .await
    }

    /// The shop is shut and opened again by its own setting: nothing more than probes that fail for a while, also those
    /// of the store while it is DEGRADED.
    async fn probes_fail_for_a_while(&self) {
        self.wp(&["option", "update", "woocommerce_coming_soon", "yes"]);
        until("the DEGRADED store to be looked at again", async || {
            let store = self.client.get(self.id).await.ok().filter(|store| store.state() == State::Degraded)?;
            store.failure.filter(|failure| failure.attempt > 1)
        })
        .await;
        self.wp(&["option", "update", "woocommerce_coming_soon", "no"]);
        ready(&self.client, self.id).await;
    }

    /// Loses its Ingress, which has to be made again.
    async fn is_mended(&self) {
        self.kubectl(&["delete", "ingress", "wordpress"]);
        until("the Ingress to be back", async || {
            self.cluster.kubectl(&["-n", self.id, "get", "ingress", "wordpress"]).status.success().then_some(())
        })
        .await;
        self.kubectl(&["rollout", "status", "deployment/wordpress", "--timeout=100s"]);
        ready(&self.client, self.id).await;
        self.page("/shop/").await;
    }

    async fn removed(self) {
        self.client.delete(self.id).await.expect("delete");
        gone(&self.cluster, &self.client, self.id).await;
    }
}

const UPLOAD: &str = "/srv/wordpress/wp-content/uploads/2026/letter.txt";
const PLUGINS: &str = "/srv/wordpress/wp-content/plugins";

/// What a merchant has in a shop after a while.
fn furnish(rig: &Rig) {
    let said = rig.cluster.php(
        rig.id,
        &format!(
            "@mkdir(dirname('{UPLOAD}'), 0755, true); file_put_contents('{UPLOAD}', 'of the merchant');
            mkdir('{PLUGINS}/own'); file_put_contents('{PLUGINS}/own/own.php',
                '<?php /* Plugin Name: Own */ add_action(\"wp_footer\", fn() => print(\"<!-- own plugin -->\"));');
            var_export(@file_put_contents('{PLUGINS}/woocommerce/woocommerce.php', ''));"
        ),
    );
    assert_eq!(said, "false", "PHP has changed what the image ships");
    rig.wp(&["plugin", "activate", "own"]);
    rig.wp(&["post", "create", "--post_title=Opening hours", "--post_name=opening-hours", "--post_status=publish"]);
}

async fn is_furnished(rig: &Rig) {
    let text = rig.page("/wp-content/uploads/2026/letter.txt").await;
    assert_eq!(text, "of the merchant");
    let page = rig.page("/opening-hours/").await;
    assert!(page.contains("Opening hours") && page.contains("<!-- own plugin -->"), "{page}");
}

/// Whether the snapshot in the image is one of the code that the store runs.
fn snapshot_fits(rig: &Rig) -> bool {
    let lib = "/opt/sendstores/lib";
    let code = "echo sendstores_snapshot_fits() ? 'yes' : 'no';";
    let said = rig.cluster.php(rig.id, &format!("require '{lib}/settings.php'; require '{lib}/snapshot.php'; {code}"));
    said == "yes"
}

/// What must be the same before and behind the change: secrets, and the pod of the database with its restarts.
fn untouched(rig: &Rig) -> [Value; 3] {
    let pod = rig.object("pod", "mysql-0");
    let restarts = pod["status"]["containerStatuses"][0]["restartCount"].clone();
    let secret = rig.object("secret", "store-credentials");
    [secret["data"].clone(), pod["metadata"]["uid"].clone(), restarts]
}

/// The values of the environment name the newer image, and the server was started with them.
async fn restart_with_newer_values(rig: Rig) -> Rig {
    let Rig { cluster, redis, server, id, url, .. } = rig;
    server.kill9();
    let cluster = cluster.with_values(image_variant("newer"));
    let (server, client) = serve(&cluster, &redis).await;
    Rig { cluster, redis, server, client, id, url }
}

/// Shoppers who read the shop's page through the Ingress without a pause.
struct Visitors {
    over: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Visits>>,
}

/// Pages that were the shop's, and the status codes of those that were not.
#[derive(Debug, Default)]
struct Visits {
    served: usize,
    failed: Vec<u16>,
}

// === impl Visitors ===

impl Visitors {
    fn of(url: &str) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let tasks = (0..3).map(|_| tokio::spawn(read_on(url.to_owned(), Arc::clone(&over)))).collect();
        Self { over, tasks }
    }

    async fn leave(self) -> Visits {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Visits::default();
        for task in self.tasks {
            let visits = task.await.expect("an answer to each visitor");
            all.served += visits.served;
            all.failed.extend(visits.failed);
        }
        all
    }
}

async fn read_on(url: String, over: Arc<AtomicBool>) -> Visits {
    let mut visits = Visits::default();
    while !over.load(Ordering::Relaxed) {
        match visit(&url, "/shop/").await {
            (200, page) if page.contains("Sample product") => visits.served += 1,
            (code, _) => visits.failed.push(code),
        }
    }
    visits
}

/// Changes the image as docs/operations.md says, and waits for the end of the pod before.
async fn change_by_hand(rig: &Rig, values: &Path) {
    rig.cluster.change_by_hand(rig.id, values);
    rig.kubectl(&["rollout", "status", "deployment/wordpress", "--timeout=100s"]);
    until("the pod before to be gone", async || {
        let pods = rig.cluster.get(&["-n", rig.id, "pods", "-l", "app.kubernetes.io/name=wordpress"]);
        (pods["items"].as_array().map(Vec::len) == Some(1)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_image_by_hand_changes_wordpress_and_nothing_of_the_merchants() {
    let rig = rig("store-image").await;
    furnish(&rig);
    let (version, image) = (rig.wp(&["core", "version"]), rig.image());
    let (schema, before) = (rig.wp(&["option", "get", "db_version"]), untouched(&rig));
    let login = rig.client.credentials(rig.id).await.expect("credentials");
    assert!(lets_in(&rig.url, &login.user, login.password.expose()).await && snapshot_fits(&rig));

    let (values, visitors) = (image_variant("newer"), Visitors::of(&rig.url));
    change_by_hand(&rig, &values).await;
    let visits = visitors.leave().await;
    assert!(visits.failed.is_empty() && visits.served > 50, "{visits:?}");
    let newer = rig.image();
    assert_ne!(newer, image);
    assert_eq!(rig.wp(&["core", "version"]), format!("{version}.1"));
    assert_ne!(rig.wp(&["option", "get", "db_version"]), schema, "the database is of the newer WordPress");
    let seen = rig.cluster.php(rig.id, &format!("readfile('{PLUGINS}/woocommerce/newer.txt');"));
    assert_eq!(seen, "newer\n");
    assert!(!snapshot_fits(&rig), "the snapshot is of other code");
    ready(&rig.client, rig.id).await;
    rig.page("/shop/").await;
    is_furnished(&rig).await;
    assert!(lets_in(&rig.url, &login.user, login.password.expose()).await, "the password is another one");
    assert_eq!(untouched(&rig), before);

    // The server still knows the older image alone. Neither a failing probe nor a mending brings it back.
    rig.probes_fail_for_a_while().await;
    assert_eq!(rig.image(), newer);
    rig.is_mended().await;
    assert_eq!(rig.image(), newer, "mending has put the older image back");
    is_furnished(&rig).await;
    assert_eq!(untouched(&rig), before);
    rig.removed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_with_a_newer_image_leave_a_ready_store_alone_also_when_it_is_mended() {
    let rig = rig("store-image-values").await;
    let image = rig.image();
    let rig = restart_with_newer_values(rig).await;
    rig.probes_fail_for_a_while().await;
    assert_eq!(rig.image(), image);
    rig.is_mended().await;
    assert_eq!(rig.image(), image, "a store is mended with what it was made from");
    rig.removed().await;
}
