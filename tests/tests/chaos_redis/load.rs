//! Writers that remember what they were told, and the log that judges it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sendstores_core::{
    Store,
    ledger::{Change, Ledger, LedgerError, Write, Written},
};
use sendstores_server::ledger::RedisLedger;
use sendstores_tests::{
    ledger::{Readable, creation, operation, update},
    samples::parsed,
    wait::{DEADLINE, until, within},
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What all writers were told. Clones are the same.
#[derive(Clone, Default)]
pub struct Told {
    stores: Arc<Mutex<Vec<Store>>>,
    count: Arc<AtomicUsize>,
    unsure: Arc<AtomicUsize>,
}

/// Writers at work.
pub struct Load {
    pub told: Told,
    stop: CancellationToken,
    writers: JoinSet<()>,
}

// === impl Told ===

impl Told {
    fn acknowledged(&self, store: &Store) {
        self.stores.lock().expect("no panic").push(store.clone());
        self.count.fetch_add(1, Ordering::Release);
    }

    /// How many writes were acknowledged.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// How many calls left open whether they happened.
    pub fn unsure(&self) -> usize {
        self.unsure.load(Ordering::Relaxed)
    }

    /// Waits for so many acknowledgements more.
    pub async fn more(&self, count: usize) {
        let goal = self.count() + count;
        until("writes to be acknowledged", async || (self.count() >= goal).then_some(())).await;
    }

    /// What was acknowledged and is not in the log as it was told.
    pub fn missing(&self, log: &[Change]) -> Vec<Store> {
        let logged: BTreeMap<_, _> = log.iter().map(|change| (change.revision, change.store())).collect();
        let told = self.stores.lock().expect("no panic");
        told.iter().filter(|store| logged.get(&store.revision) != Some(store)).cloned().collect()
    }

    /// Fails unless all that was acknowledged is in the log, once, and the log is whole.
    pub fn judge(&self, log: &[Change]) {
        let missing = self.missing(log);
        assert!(missing.is_empty(), "{} of {} lost, such as {:?}", missing.len(), self.count(), missing[0]);
        let mut versions: BTreeMap<_, usize> = BTreeMap::new();
        for change in log {
            // A writer never writes the same twice.
            *versions.entry((&change.store().id, &change.store().url)).or_default() += 1;
        }
        assert!(versions.values().all(|times| *times == 1), "written twice");
    }
}

// === impl Load ===

impl Load {
    /// Starts so many writers. Each creates a store and changes it a few times, and then the next one.
    pub fn start(ledgers: &[RedisLedger], writers: usize) -> Self {
        let (told, stop, mut tasks) = (Told::default(), CancellationToken::new(), JoinSet::new());
        for number in 0..writers {
            let (ledger, told, stop) = (ledgers[number % ledgers.len()].clone(), told.clone(), stop.clone());
            tasks.spawn(async move {
                let mut turn = 0;
                while !stop.is_cancelled() {
                    one_store(&ledger, &told, &format!("store-{number}-{turn}")).await;
                    turn += 1;
                }
            });
        }
        Self { told, stop, writers: tasks }
    }

    pub async fn stop(self) -> Told {
        self.stop.cancel();
        within("the writers to end", self.writers.join_all()).await;
        self.told
    }
}

async fn one_store(ledger: &RedisLedger, told: &Told, id: &str) {
    let mut store = Store { uid: parsed(&Uuid::now_v7().to_string()), ..creation(id).resource };
    for turn in 0..4 {
        let url = format!("http://{id}.localhost/{turn}");
        let request = Some(operation(&Uuid::now_v7().to_string(), "aa"));
        let next = if turn == 0 { creation(id) } else { update(&store) };
        store = settle(ledger, told, Write { resource: Store { url, ..store }, operation: request, ..next }).await;
    }
}

/// Writes until it is acknowledged, as our callers do: the same again.
async fn settle(ledger: &RedisLedger, told: &Told, write: Write) -> Store {
    repeated("a write to be acknowledged", || {
        let (call, told, id) = (ledger.write(write.clone()), told.clone(), write.resource.id.clone());
        async move {
            match call.await {
                Ok(Written::Applied(store) | Written::Repeated(store)) => {
                    told.acknowledged(&store);
                    Some(store)
                }
                Err(LedgerError::Unavailable(_) | LedgerError::Full(_)) => {
                    told.unsure.fetch_add(1, Ordering::Relaxed);
                    None
                }
                Err(other) => panic!("{id}: {other:?}"),
            }
        }
    })
    .await
}

/// As `until`, for a task of its own: calls until there is an answer, with a pause between that spares the machine.
pub async fn repeated<T, F: Future<Output = Option<T>>>(what: &str, mut call: impl FnMut() -> F) -> T {
    let mut ticks = interval(Duration::from_millis(5));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let answered = async {
        loop {
            ticks.tick().await;
            if let Some(answer) = call().await {
                return answer;
            }
        }
    };
    timeout(DEADLINE, answered).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
