//! Stores that come and go, and everything counted before and behind.

use std::time::Instant;

use sendstores_client::{Client, CreateStore};

use crate::{
    cluster::Cluster,
    counters::Counters,
    life::{gone, ready, served},
    wait::until,
};

/// A deletion takes longer than a creation, so that several go on at once.
const GOING: usize = 4;

/// Creates and deletes stores one after the other, `SENDSTORES_CYCLES` of them or `usual`, and compares every counter.
pub async fn leave_nothing(cluster: &Cluster, usual: usize) {
    let cycles = std::env::var("SENDSTORES_CYCLES").map_or(usual, |text| text.parse().expect("a number"));
    let (redis, server, client) = served(cluster).await;
    // The first one opens what stays open, such as connections.
    gone(cluster, &client, &cycle(&client, 0).await).await;
    let before = Counters::take(cluster, &redis, &server).await;
    let (files, memory) = (server.open_files(), server.resident() / 1024);

    let begun = Instant::now();
    let mut going = Vec::new();
    for number in 1..=cycles {
        going.push(cycle(&client, number).await);
        if going.len() >= GOING {
            gone(cluster, &client, &going.remove(0)).await;
        }
    }
    for id in going {
        gone(cluster, &client, &id).await;
    }
    until("as few open files as before", async || (server.open_files() <= files).then_some(())).await;
    assert_eq!(Counters::take(cluster, &redis, &server).await, before);
    let (took, now) = (begun.elapsed(), server.resident() / 1024);
    eprintln!(
        "{cycles} cycles in {took:?}: open files {files} to {}, memory {memory} to {now} KiB",
        server.open_files()
    );
    eprintln!("unchanged: {before:?}");
}

/// A store until it is READY, and its deletion, which goes on.
async fn cycle(client: &Client, number: usize) -> String {
    let id = format!("store-cycle-{number}");
    client.create(CreateStore::new().id(&id)).await.expect("create");
    ready(client, &id).await;
    client.delete(id.as_str()).await.expect("delete");
    id
}
