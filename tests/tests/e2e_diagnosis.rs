//! What breaks in a shop that was READY is named at its deepest place, and the advice works when it is pasted.

use sendstores_client::{Client, CreateStore, v1 as wire};
use sendstores_core::{Diagnosis, Failure, FailureReason, StoreId};
use sendstores_server::provision::ENGINES;
use sendstores_tests::{
    cluster::Cluster,
    life::{gone, reached, ready},
    pasted,
    redis::RedisServer,
    wait::until,
};
use wire::{failure::Reason, store::State};

/// Waits for a failure that tells this, and prints each that is shown before.
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

/// Waits until the store sells, and prints each failure that is shown before.
async fn sells(client: &Client, id: &str) {
    let mut last = None;
    until(&format!("{id} to sell"), async || {
        let store = client.get(id).await.expect("get");
        if last.as_ref() != Some(&store.failure) {
            println!("{id} is {}: {:?}", store.state().as_str_name(), store.failure);
        }
        last = Some(store.failure.clone());
        (store.state() == State::Ready).then_some(())
    })
    .await;
}

fn object(failure: &wire::Failure) -> String {
    failure.diagnosis.clone().unwrap_or_default().object
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_breaks_is_told_by_the_deepest_thing_and_its_advice_works() {
    let cluster = Cluster::full();
    let redis = RedisServer::start().await;
    let server = cluster.server(&redis.url()).flag("--probe-interval=1s").start_ready().await;
    let client = server.client().await;
    let id = "store-diagnosis";
    client.create(CreateStore::new().id(id)).await.expect("create");
    ready(&client, id).await;
    every_advice_can_be_pasted(&cluster, id);
    words_of_a_drop_in(&cluster, &client, id).await;
    scaled_to_nothing(&cluster, &client, id).await;
    database_that_ends(&cluster, &client, id).await;
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}

/// Each reason's advice, for the objects that a store has, as it stands in the table.
fn every_advice_can_be_pasted(cluster: &Cluster, id: &str) {
    let pods = cluster.get(&["-n", id, "pods"]);
    let pods = pods["items"].as_array().expect("a list").iter();
    let pods = pods.map(|pod| format!("Pod {}", pod["metadata"]["name"].as_str().expect("a name")));
    let others = ["", "StatefulSet mysql", "Deployment wordpress", "PersistentVolumeClaim data-mysql-0", "Node node1"];
    let objects: Vec<String> = pods.chain(others.map(str::to_owned)).collect();
    let named = ["PLUGIN_MISSING", "PHP_FATAL_ERROR"].map(FailureReason::open);
    let store: StoreId = id.parse().expect("valid");
    let mut commands = std::collections::BTreeSet::new();
    for engine in [ENGINES.default_engine().expect("an engine")] {
        for reason in FailureReason::ALL.into_iter().chain(named) {
            for (object, log_tail) in objects.iter().flat_map(|object| [(object, ""), (object, "a line")]) {
                let found = Diagnosis { object: object.clone(), log_tail: log_tail.to_owned(), ..Diagnosis::default() };
                let diagnosis = (!found.is_empty()).then(|| Box::new(found));
                let message = "it failed".to_owned();
                let failure = Failure { reason, message, step: None, attempt: 1, retry_time: None, diagnosis };
                commands.extend(pasted::command(&(engine.advise)(&store, &failure)).map(str::to_owned));
            }
        }
    }
    for command in &commands {
        println!("{command}");
        let output = pasted::paste(cluster, command);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(commands.len() > 10, "{commands:?}");
    // One of them restarts the application.
    let whole = cluster.kubectl(&["-n", id, "rollout", "status", "deployment/wordpress", "--timeout=120s"]);
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
}

/// A drop-in ends every page with a text of its own.
async fn words_of_a_drop_in(cluster: &Cluster, client: &Client, id: &str) {
    sells(client, id).await;
    let head = format!("<html><head><title>Halt</title><style>{}</style></head>", "a{color:red}".repeat(40));
    let page = format!("{head}<body><p>The object cache has no server</p></body></html>");
    let file = "/srv/wordpress/wp-content/object-cache.php";
    cluster.php(id, &format!("file_put_contents('{file}', '<?php die(\"{page}\");');"));
    let told = failure(client, id, |failure| failure.suggestion.contains("object-cache.php")).await;
    assert_eq!(told.reason(), Reason::StorefrontUnavailable, "{told:?}");
    assert!(told.message.contains("Halt: The object cache has no server"), "{told:?}");
    pasted::follow(cluster, &told.suggestion);
    sells(client, id).await;
}

/// The deployment is scaled to 0 by hand, and its Ingress is lost.
async fn scaled_to_nothing(cluster: &Cluster, client: &Client, id: &str) {
    sells(client, id).await;
    for args in [&["scale", "deployment/wordpress", "--replicas=0"][..], &["delete", "ingress", "wordpress"]] {
        let output = cluster.kubectl(&[&["-n", id], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let told = failure(client, id, |failure| failure.suggestion.contains("scale")).await;
    assert_eq!((told.reason(), object(&told).as_str()), (Reason::ApplicationUnavailable, "Deployment wordpress"));
    assert!(told.message.contains("scaled to 0 replicas"), "{told:?}");
    pasted::follow(cluster, &told.suggestion);
    sells(client, id).await;
}

/// The database does not start any more.
async fn database_that_ends(cluster: &Cluster, client: &Client, id: &str) {
    sells(client, id).await;
    for args in [
        // What the database needs and refuses to start without.
        &["exec", "mysql-0", "-c", "mysql", "--", "sh", "-c", "chmod 0 /var/lib/mysql/data/aria_log_control"][..],
        &["delete", "pod", "mysql-0", "--force", "--grace-period=0"],
    ] {
        let output = cluster.kubectl(&[&["-n", id], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    reached(client, id, State::Degraded).await;
    let first = failure(client, id, |_| true).await;
    assert_eq!((first.reason(), object(&first).as_str()), (Reason::DatabaseUnavailable, "Pod mysql-0"), "{first:?}");
    let told = failure(client, id, |failure| failure.message.contains("its log says")).await;
    assert_eq!((told.reason(), object(&told).as_str()), (Reason::DatabaseUnavailable, "Pod mysql-0"), "{told:?}");
    assert!(told.message.contains("[ERROR]") && told.message.contains("aria"), "{told:?}");
    pasted::follow(cluster, &told.suggestion);
}
