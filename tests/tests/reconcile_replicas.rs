//! Several replicas, each a process of its own on one Redis: one at a time works on a store, another takes over when it
//! falls silent, and what it does when it wakes up is refused.

use sendstores_client::{Client, CreateStore};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    oracle::read_log,
    redis::RedisServer,
    server::{Server, ServerOptions, signal},
    silent_cluster::SilentCluster,
    wait::until,
};

/// A server, and the cluster that only it works against.
struct Replica {
    server: Server,
    cluster: SilentCluster,
}

/// Who may work on a store, as Redis has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    fence: u64,
    expires: u64,
    owner: String,
}

const STORES: [&str; 4] = ["store-a", "store-b", "store-c", "store-d"];

async fn replica(redis: &RedisServer) -> Replica {
    let cluster = SilentCluster::start().await;
    let options = ServerOptions::with_cluster(&redis.url(), cluster.kubeconfig()).flag("--lease=3s");
    Replica { server: options.start_ready().await, cluster }
}

async fn held(redis: &RedisServer, id: &str) -> Option<Held> {
    let claim = redis.cli(["HGET", "{sendstores}:claims", id]).await;
    let mut parts = claim.splitn(3, ' ');
    let mut number = || parts.next()?.parse().ok();
    let (fence, expires) = (number()?, number()?);
    Some(Held { fence, expires, owner: parts.next()?.to_owned() })
}

async fn create_all(client: &Client) {
    for id in STORES {
        client.create(CreateStore::new().id(id)).await.expect("create");
    }
}

/// Waits until each store is worked on by the replica of this claim.
async fn at_work(redis: &RedisServer, replica: &Replica) -> Vec<Held> {
    let mut claims = Vec::new();
    for id in STORES {
        until("the store to be worked on", async || (replica.cluster.requests(id) > 0).then_some(())).await;
        claims.push(held(redis, id).await.expect("a claim"));
    }
    claims
}

/// Waits until the claims of all stores were renewed.
async fn renewed(redis: &RedisServer, claims: &[Held]) {
    for (id, claim) in STORES.iter().zip(claims) {
        until("the claim to be renewed", async || {
            let now = held(redis, id).await?;
            assert_eq!((now.fence, &now.owner), (claim.fence, &claim.owner), "{id} keeps its worker");
            (now.expires > claim.expires).then_some(())
        })
        .await;
    }
}

async fn claims(redis: &RedisServer) -> Vec<Held> {
    let mut claims = Vec::new();
    for id in STORES {
        claims.push(held(redis, id).await.expect("a claim"));
    }
    claims
}

#[tokio::test]
async fn one_replica_works_on_a_store_and_a_paused_one_is_replaced_and_then_refused() {
    let redis = RedisServer::start().await;
    let ledger = RedisLedger::connect(RedisConfig::new(redis.url())).await.expect("a ledger");
    let first = replica(&redis).await;
    create_all(&first.server.client().await).await;

    // Two more come, and leave the stores to the one that works on them, over more than a lease. All of it must be done
    // before that one gives up its requests, which takes ten seconds.
    let (mut old, second, third) = tokio::join!(at_work(&redis, &first), replica(&redis), replica(&redis));
    for _ in 0..4 {
        renewed(&redis, &old).await;
        old = claims(&redis).await;
    }
    for idle in [&second, &third] {
        assert_eq!(idle.cluster.requests("store-"), 0, "somebody else works on them");
    }

    // It falls silent, and each store has another worker, which is one and not two.
    let seen = STORES.map(|id| first.cluster.requests(id));
    signal(first.server.pid(), "STOP");
    for id in STORES {
        until("another to take over", async || {
            (second.cluster.requests(id) + third.cluster.requests(id) > 0).then_some(())
        })
        .await;
    }
    let new = claims(&redis).await;
    for (old, new) in old.iter().zip(&new) {
        assert!(new.fence > old.fence && new.owner != old.owner, "{old:?} {new:?}");
    }
    renewed(&redis, &new).await;
    for id in STORES {
        assert_eq!(second.cluster.requests(id).min(third.cluster.requests(id)), 0, "one works on {id}");
    }

    // It wakes up with failures to record, and may not.
    let before = read_log(&ledger).await;
    first.cluster.hang_up();
    signal(first.server.pid(), "CONT");
    for id in STORES {
        until("it to notice", async || first.server.log().iter().any(|line| gave_up(line, id)).then_some(())).await;
    }
    let now = claims(&redis).await;
    renewed(&redis, &now).await;
    assert_eq!(read_log(&ledger).await, before, "who was away too long writes nothing");
    for ((new, now), (id, seen)) in new.iter().zip(&now).zip(STORES.iter().zip(seen)) {
        assert_eq!((new.fence, &new.owner), (now.fence, &now.owner), "{id} keeps its new worker");
        assert_eq!(first.cluster.requests(id), seen, "and the old one leaves {id} alone");
    }
}

/// Whether the server says that it stops working on the store: its claim, or its write, was refused.
fn gave_up(line: &str, id: &str) -> bool {
    let stops = line.contains("the claim was lost; stopping") || line.contains("stopping: progress cannot be recorded");
    stops && line.contains(&format!("\"{id}\""))
}
