//! What somebody removes by hand from under a shop that sells is made again, and no more than that.

use sendstores_client::CreateStore;
use sendstores_tests::{
    cluster::Cluster,
    life::{gone, ready},
    redis::RedisServer,
    wait::until,
};

/// The uid of one of the store's objects, if it is there and stays.
fn uid(cluster: &Cluster, id: &str, object: &str) -> Option<String> {
    let output = cluster.kubectl(&["-n", id, "get", object, "-o", "jsonpath={.metadata.uid}"]);
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn what_a_shop_runs_in_is_made_again_when_it_is_removed_by_hand() {
    let cluster = Cluster::light();
    let redis = RedisServer::start().await;
    let server = cluster.server(&redis.url()).flag("--probe-interval=1s").start_ready().await;
    let client = server.client().await;
    let id = "store-mend";
    client.create(CreateStore::new().id(id)).await.expect("create");
    ready(&client, id).await;
    let secret = uid(&cluster, id, "secret/store-credentials");
    for object in ["deployment/wordpress", "ingress/wordpress"] {
        let before = uid(&cluster, id, object).expect("an object");
        let deleted = cluster.kubectl(&["-n", id, "delete", object]);
        assert!(deleted.status.success(), "{deleted:?}");
        let made_again = async || uid(&cluster, id, object).filter(|uid| *uid != before);
        until(&format!("{object} to be made again"), made_again).await;
        ready(&client, id).await;
    }
    assert!(secret.is_some() && uid(&cluster, id, "secret/store-credentials") == secret, "its passwords are as before");
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}
