//! Why a store does not advance, on a real node: each thing that goes wrong in practice is done to a store, and what the
//! store then shows has to name it.

use sendstores_client::{Client, CreateStore, v1 as wire};
use sendstores_tests::{
    cluster::{Cluster, image_variant},
    life::{gone, ready},
    redis::RedisServer,
    server::Server,
    wait::until,
};
use tempfile::TempDir;
use wire::{failure::Reason, store::State};

/// A way to make a store impossible by the values of its environment.
struct Mistake {
    /// YAML, or the name of a store image that lacks something.
    values: Values,
    reason: Reason,
    /// What the message, an event and the log must hold, and how the object's name begins; empty: nothing in particular.
    message: &'static str,
    object: &'static str,
    event: &'static str,
    log: bool,
}

enum Values {
    Text(&'static str),
    Image(&'static str),
}

const MISTAKES: [Mistake; 6] = [
    Mistake {
        values: Values::Text("images: {mysql: {repository: localhost/sendstores/none, tag: none}}"),
        reason: Reason::ImageUnavailable,
        message: "localhost/sendstores/none",
        object: "Pod mysql-0",
        event: "Failed",
        log: false,
    },
    Mistake {
        values: Values::Text("storage: {className: no-such-class}"),
        reason: Reason::VolumeUnavailable,
        message: "no-such-class",
        object: "PersistentVolumeClaim data-mysql-0",
        event: "ProvisioningFailed",
        log: false,
    },
    Mistake {
        // Volumes beyond the quota are refused when the server starts; processors are the cluster's to refuse.
        values: Values::Text(
            "resources: {mysql: {requests: {cpu: '3', memory: 256Mi}, limits: {cpu: '3', memory: 512Mi}}}",
        ),
        reason: Reason::QuotaExceeded,
        message: "exceeded quota",
        object: "StatefulSet mysql",
        event: "FailedCreate",
        log: false,
    },
    Mistake {
        values: Values::Text(
            "resources: {mysql: {requests: {cpu: 50m, memory: 24Mi}, limits: {cpu: '2', memory: 24Mi}}}",
        ),
        reason: Reason::DatabaseUnavailable,
        message: "keeps ending",
        object: "Pod mysql-0",
        event: "BackOff",
        log: true,
    },
    Mistake {
        values: Values::Text("resources: {mysql: {limits: {cpu: lots}}}"),
        reason: Reason::ValuesRefused,
        message: "schema",
        object: "",
        event: "",
        log: false,
    },
    Mistake {
        values: Values::Image("no-plugin"),
        reason: Reason::PluginMissing,
        message: "holds no WooCommerce",
        object: "Pod wordpress-",
        event: "",
        log: true,
    },
];

/// The node takes no pods while it lives.
struct Cordon<'a>(&'a Cluster);

impl<'a> Cordon<'a> {
    fn new(cluster: &'a Cluster) -> Self {
        assert!(cluster.kubectl(&["cordon", "node1"]).status.success(), "the node cannot be closed");
        Self(cluster)
    }
}

impl Drop for Cordon<'_> {
    fn drop(&mut self) {
        self.0.kubectl(&["uncordon", "node1"]);
    }
}

/// A server whose stores cannot come about.
struct Rig {
    _folder: TempDir,
    _redis: RedisServer,
    _server: Server,
    client: Client,
    cluster: Cluster,
}

async fn rig(values: &Values) -> Rig {
    let folder = TempDir::new().expect("a folder");
    let file = match values {
        Values::Text(text) => {
            let file = folder.path().join("mistake.yaml");
            std::fs::write(&file, text).expect("written");
            file
        }
        Values::Image(variant) => image_variant(variant),
    };
    let cluster = Cluster::full().with_values(file);
    let redis = RedisServer::start().await;
    let server = cluster.server(&redis.url()).flag("--probe-interval=1s").start_ready().await;
    let client = server.client().await;
    Rig { _folder: folder, _redis: redis, _server: server, client, cluster }
}

/// Waits for a failure that tells this. The first of an attempt may come before the cluster has told all of it.
async fn failure(client: &Client, id: &str, what: impl Fn(&wire::Failure) -> bool) -> wire::Failure {
    let mut last = None;
    until(&format!("the failure of {id} to be shown"), async || {
        let shown = client.get(id).await.expect("get").failure?;
        if last.as_ref() != Some(&shown) {
            println!("{id}: {shown:?}");
        }
        last = Some(shown.clone());
        what(&shown).then_some(shown)
    })
    .await
}

// === impl Mistake ===

impl Mistake {
    /// Whether the failure says all that there is to say of it.
    fn is_named_by(&self, failure: &wire::Failure) -> bool {
        let found = failure.diagnosis.clone().unwrap_or_default();
        // A Pod of a Deployment has a name that ends at random.
        let object = match self.object.ends_with('-') {
            true => found.object.starts_with(self.object),
            false => found.object == self.object,
        };
        failure.reason() == self.reason
            && failure.message.contains(self.message)
            && object
            && (self.event.is_empty() || found.events.iter().any(|event| event.reason == self.event))
            && found.log_tail.is_empty() != self.log
    }
}

async fn removed(rig: &Rig, id: &str) {
    rig.client.delete(id).await.expect("delete");
    gone(&rig.cluster, &rig.client, id).await;
}

async fn is_told(number: usize, mistake: &Mistake) {
    let rig = rig(&mistake.values).await;
    let id = format!("store-stuck-{number}");
    rig.client.create(CreateStore::new().id(&id)).await.expect("create");
    let told = failure(&rig.client, &id, |failure| mistake.is_named_by(failure)).await;
    let found = told.diagnosis.clone().unwrap_or_default();
    let reasons: Vec<&str> = found.events.iter().map(|event| event.reason.as_str()).collect();
    assert!(!told.suggestion.is_empty(), "{told:?}");
    assert_eq!(told.retry_time.is_none(), mistake.reason == Reason::ValuesRefused, "{told:?}");
    println!("{} | {} | {} | {}", told.reason().as_str_name(), found.object, reasons.join(", "), told.suggestion);
    removed(&rig, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_made_names_what_blocks_it() {
    futures::future::join_all(MISTAKES.iter().enumerate().map(|(number, mistake)| is_told(number, mistake))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_no_node_takes_is_told_and_goes_on_when_one_does() {
    let rig = rig(&Values::Text("{}")).await;
    let id = "store-stuck-nodes";
    let cordon = Cordon::new(&rig.cluster);
    rig.client.create(CreateStore::new().id(id)).await.expect("create");
    let told = failure(&rig.client, id, |failure| {
        let named = failure.diagnosis.as_ref().is_some_and(|found| found.object == "Pod mysql-0");
        failure.reason() == Reason::PodUnschedulable && named
    })
    .await;
    drop(cordon);
    assert!(told.message.contains("unschedulable"), "{told:?}");
    ready(&rig.client, id).await;
    removed(&rig, id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_in_a_shop_is_named_and_passes_with_its_cause() {
    let rig = rig(&Values::Text("{}")).await;
    let id = "store-stuck-shop";
    rig.client.create(CreateStore::new().id(id)).await.expect("create");
    ready(&rig.client, id).await;
    let run = |code: &str| rig.cluster.php(id, code);

    // The merchant's own code ends every page, and says its mail address meanwhile.
    let plugin = "/srv/wordpress/wp-content/mu-plugins/broken.php";
    run(&format!("file_put_contents('{plugin}', '<?php error_log(\"to jane@example.com\"); no_such_function();');"));
    let told = failure(&rig.client, id, |failure| failure.reason() == Reason::PhpFatalError).await;
    let log = told.diagnosis.clone().unwrap_or_default().log_tail;
    assert!(log.contains("PHP Fatal error") && log.contains("broken.php"), "{told:?}");
    assert!(!log.contains("jane@") && !log.contains("GET /"), "{log}");
    assert_eq!(rig.client.get(id).await.expect("get").state(), State::Degraded);
    run(&format!("unlink('{plugin}');"));
    ready(&rig.client, id).await;

    // The shop is closed by its own setting; a page answers 200 all the same.
    let coming_soon = |whether| rig.cluster.wp(id, &["option", "update", "woocommerce_coming_soon", whether]);
    coming_soon("yes");
    let told = failure(&rig.client, id, |failure| failure.reason() == Reason::StorefrontUnavailable).await;
    assert!(told.message.contains("coming"), "{told:?}");
    coming_soon("no");
    ready(&rig.client, id).await;
    assert!(rig.client.get(id).await.expect("get").failure.is_none());

    // The database takes nobody any more.
    let scale = |replicas: &str| {
        let output = rig.cluster.kubectl(&["-n", id, "scale", "statefulset/mysql", replicas]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    scale("--replicas=0");
    let told = failure(&rig.client, id, |failure| failure.step == "storefront").await;
    assert!(
        told.message.contains("500") || told.message.contains("503") || told.message.contains("answer"),
        "{told:?}"
    );
    scale("--replicas=1");
    ready(&rig.client, id).await;

    // The database is lost with its volume: it is made again, and no empty shop in place of the merchant's.
    for object in ["statefulset/mysql", "pvc/data-mysql-0"] {
        let output = rig.cluster.kubectl(&["-n", id, "delete", object]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let told = failure(&rig.client, id, |failure| failure.reason() == Reason::DataMissing).await;
    assert!(told.retry_time.is_some(), "{told:?}");
    assert_eq!(rig.client.get(id).await.expect("get").state(), State::Degraded);
    removed(&rig, id).await;
}
