//! Two hundred stores are created and deleted through three replicas, one of which is stopped again and again for longer
//! than its leases last. What it writes when it wakes up is refused; the monitor of Redis judges.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use rand::RngExt;
use sendstores_client::{Client, CreateStore};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::{Readable, whole_log},
    redis::RedisServer,
    server::{Server, ServerOptions, signal},
    silent_cluster::SilentCluster,
    wait::until,
};
use tokio::{task::JoinSet, time::timeout};

use super::{
    chance,
    load::repeated,
    monitor::{Monitor, Seen},
    rounds,
};

const STORES: usize = 200;
const CALLERS: usize = 4;
const LEASE: Duration = Duration::from_secs(2);

struct Replica {
    server: Server,
    cluster: SilentCluster,
}

async fn replica(redis: &RedisServer) -> Replica {
    let cluster = SilentCluster::start().await;
    let options = ServerOptions::with_cluster(&redis.url(), cluster.kubeconfig()).flag("--history=10000000");
    let options = options.flag(format!("--lease={}s", LEASE.as_secs())).flag("--concurrency=200");
    Replica { server: options.start_ready().await, cluster }
}

/// Creates some of the stores, then deletes them, each by whichever replica answers.
async fn create_and_delete(clients: Vec<Client>, caller: usize, done: Arc<AtomicUsize>) {
    let mine = || (caller..STORES).step_by(CALLERS);
    let mut turn = caller;
    for (number, delete) in mine().map(|number| (number, false)).chain(mine().map(|number| (number, true))) {
        let id = format!("store-{number}");
        repeated("an answer of any replica", || {
            turn += 1;
            let (client, id) = (clients[turn % clients.len()].clone(), id.clone());
            async move {
                let create = CreateStore::new().id(&id).request_id(format!("create-{id}"));
                let call = async {
                    match delete {
                        false => client.create(create).await.is_ok(),
                        true => client.delete(id).await.is_ok(),
                    }
                };
                // A stopped one does not answer.
                timeout(Duration::from_secs(1), call).await.unwrap_or(false).then_some(())
            }
        })
        .await;
        done.fetch_add(1, Ordering::Relaxed);
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// How long after each stop claims were taken over, the shortest first.
fn takeover_times(seen: &Seen, stopped: &[(f64, f64)]) -> Vec<f64> {
    let mut took = Vec::new();
    for (from, to) in stopped {
        let during = seen.takeovers.iter().map(|(time, ..)| time).filter(|time| (from..to).contains(time));
        took.extend(during.map(|time| time - from));
    }
    took.sort_by(f64::total_cmp);
    took
}

fn report(seen: &Seen, took: &[f64], stops: usize) {
    let percentile = |of: usize| took.get(took.len() * of / 100).copied().unwrap_or_default();
    eprintln!(
        "{stops} stops of {:?}: {} writes under a claim accepted, {} stale; {} stale ones refused; {} claims taken over, \
         {:.2} s (half) and {:.2} s (99 of 100) behind the stop, with a lease of {LEASE:?}",
        3 * LEASE,
        seen.accepted,
        seen.stale_accepted.len(),
        seen.stale_refused,
        took.len(),
        percentile(50),
        percentile(99)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_was_stopped_for_longer_than_its_leases_writes_nothing_under_them() {
    let (mut random, redis) = (chance("replicas"), RedisServer::start().await);
    let monitor = Monitor::start(&redis).await;
    let (mut replicas, mut clients) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        replicas.push(replica(&redis).await);
        clients.push(replicas.last().expect("one").server.client().await);
    }
    let (done, mut callers) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    for caller in 0..CALLERS {
        callers.spawn(create_and_delete(clients.clone(), caller, done.clone()));
    }
    let (stops, mut stopped) = (rounds(2), Vec::new());
    for _ in 0..stops {
        let goal = (done.load(Ordering::Relaxed) + random.random_range(20..60)).min(2 * STORES);
        until("calls to be answered", async || (done.load(Ordering::Relaxed) >= goal).then_some(())).await;
        let victim = random.random_range(0..replicas.len());
        signal(replicas[victim].server.pid(), "STOP");
        let since = now();
        until("three leases to pass", async || (now() - since > 3.0 * LEASE.as_secs_f64()).then_some(())).await;
        stopped.push((since, now()));
        // It wakes up with failures to record.
        replicas[victim].cluster.hang_up();
        signal(replicas[victim].server.pid(), "CONT");
        replicas[victim].server.ready().await;
    }
    callers.join_all().await;
    let seen = monitor.judge();
    let took = takeover_times(&seen, &stopped);
    report(&seen, &took, stops);
    assert_eq!(seen.stale_accepted, Vec::<String>::new(), "written under a claim that another has");
    assert_eq!(seen.fences_reused, Vec::<String>::new());
    assert!(seen.accepted > 0 && !took.is_empty(), "{seen:?}");
    let log = whole_log(&RedisLedger::connect(RedisConfig::new(redis.url())).await.expect("a ledger")).await;
    for number in 0..STORES {
        let id = format!("store-{number}");
        let last = log.iter().rev().find(|change| change.store().id.as_str() == id);
        let deleting = last.is_some_and(|change| change.store().delete_time.is_some());
        assert!(deleting, "the acknowledged Delete of {id} is lost");
    }
}
