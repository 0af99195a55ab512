//! One scenario of every kind of call, again and again: each time another command of it meets a fault, until every
//! command has met every fault. The log judges: each write once, in order, without a gap.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::future::join_all;
use sendstores_core::{
    Event, Revision, Store,
    ledger::{Claim, Ledger, LedgerError, LogPage, Owner, Write, Written},
};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::{Readable, creation, event, last, operation, stores, update},
    redis::{Cut, RedisProxy, RedisServer},
    wait::until,
};

/// Short, because it passes again and again.
const PATIENCE: Duration = Duration::from_millis(150);

/// What a call may take beyond its deadline on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(5);

/// How many commands the scenario has at the least: 12 to connect, 9 scripts that have to be told, 25 calls.
const COMMANDS: usize = 40;
/// More than it has: the runs of one fault end.
const MOST: usize = 400;

/// A fault, and when a command that is late arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    CutBefore,
    CutAfter,
    Twice,
    Swallowed,
    /// It arrives when its caller has given up, before the call is repeated.
    LateFirst,
    /// It arrives when the repetition was answered.
    LateLast,
}

const FAULTS: [Fault; 6] =
    [Fault::CutBefore, Fault::CutAfter, Fault::Twice, Fault::Swallowed, Fault::LateFirst, Fault::LateLast];

/// How often each kind of call met the fault, and the longest that one call took.
#[derive(Default)]
struct Tally {
    met: BTreeMap<&'static str, usize>,
    unsure: usize,
    longest: Duration,
}

/// One run of the scenario.
struct Run<'a> {
    proxy: RedisProxy,
    fault: Fault,
    at: String,
    /// What the log has to hold.
    log: Vec<Store>,
    delivered: bool,
    tally: &'a mut Tally,
}

// === impl Fault ===

impl Fault {
    fn cut(self) -> Cut {
        match self {
            Self::CutBefore => Cut::Before,
            Self::CutAfter => Cut::After,
            Self::Twice => Cut::Twice,
            Self::Swallowed => Cut::Swallow,
            Self::LateFirst | Self::LateLast => Cut::Late,
        }
    }
}

// === impl Run ===

impl Run<'_> {
    /// Calls until there is an answer, as our callers do. No call outlasts its deadline.
    async fn call<T>(
        &mut self,
        name: &'static str,
        bound: Duration,
        mut call: impl AsyncFnMut() -> Result<T, LedgerError>,
    ) -> (Result<T, LedgerError>, bool) {
        let (met_before, mut unsure) = (self.proxy.met(), false);
        let answer = until("an answer", async || {
            let begun = Instant::now();
            let said = tokio::time::timeout(bound + SLACK, call()).await;
            let said = said.unwrap_or_else(|_| panic!("{}: {name} hangs", self.at));
            self.tally.longest = self.tally.longest.max(begun.elapsed());
            if self.proxy.met() && !met_before && self.fault == Fault::LateFirst {
                self.deliver().await;
            }
            match said {
                Err(LedgerError::Unavailable(_)) => {
                    unsure = true;
                    None
                }
                said => Some(said),
            }
        })
        .await;
        if self.proxy.met() && !met_before {
            *self.tally.met.entry(name).or_default() += 1;
            self.tally.unsure += usize::from(unsure);
            if self.fault == Fault::LateLast {
                self.deliver().await;
            }
        }
        (answer, unsure)
    }

    async fn deliver(&mut self) {
        if !self.delivered {
            self.delivered = true;
            let delivered = tokio::time::timeout(SLACK, self.proxy.deliver()).await;
            assert!(delivered.is_ok(), "{}: the late command is not executed", self.at);
        }
    }

    async fn ask<T>(&mut self, name: &'static str, call: impl AsyncFnMut() -> Result<T, LedgerError>) -> T {
        let (said, _) = self.call(name, PATIENCE, call).await;
        said.unwrap_or_else(|error| panic!("{}: {name}: {error}", self.at))
    }

    /// Writes, and knows afterwards that it was written: a conflict with itself is told by the record.
    async fn write(&mut self, name: &'static str, ledger: &RedisLedger, write: Write) -> Store {
        let (said, unsure) = self.call(name, PATIENCE, async || ledger.write(write.clone()).await).await;
        let written = match said {
            Ok(Written::Applied(store)) => store,
            Ok(Written::Repeated(store)) if unsure && write.operation.is_some() => store,
            Err(error) if unsure && write.operation.is_none() => error.found().expect("a conflict with itself"),
            said => panic!("{}: {name} after {unsure}: {said:?}", self.at),
        };
        let revision = Revision(self.log.len() as u64 + 1);
        assert_eq!(written, Store { revision, ..write.resource }, "{}: {name}", self.at);
        self.log.push(written.clone());
        written
    }

    async fn connect(&mut self, name: &'static str, prefix: &str) -> RedisLedger {
        let config =
            RedisConfig { prefix: prefix.to_owned(), command_timeout: PATIENCE, ..RedisConfig::new(self.proxy.url()) };
        // Two connections and what is said on them, each with its own deadline.
        let (said, _) = self.call(name, 10 * PATIENCE, async || RedisLedger::connect(config.clone()).await).await;
        said.unwrap_or_else(|error| panic!("{}: {name}: {error}", self.at))
    }

    async fn claim(&mut self, ledger: &RedisLedger, store: &Store, owner: &str) -> Claim {
        let (owner, lease) = (Owner(owner.to_owned()), Duration::from_secs(3600));
        let claim = self.ask("claim", async || ledger.claim(&store.id, &owner, lease).await).await;
        claim.unwrap_or_else(|| panic!("{}: no claim for {owner}", self.at))
    }

    /// Every kind of call there is.
    async fn scenario(&mut self, prefix: &str) {
        let ledger = &self.connect("connect", prefix).await;
        let create = Write { operation: Some(operation("r-1", "aa")), ..creation("store-a") };
        let a = self.write("create", ledger, create).await;
        let b = self.write("create, no operation", ledger, creation("store-b")).await;
        let a = self.write("update", ledger, update(&a)).await;
        let b =
            self.write("update, operation", ledger, Write { operation: Some(operation("r-2", "aa")), ..update(&b) });
        let b = b.await;
        self.fenced(ledger, &a).await;
        self.reads(ledger, &b).await;
        let b = self.write("delete", ledger, event(&b, Event::DeleteRequested)).await;
        let b = self.write("tombstone", ledger, event(&b, Event::Removed)).await;
        let again = Write { operation: Some(operation("r-3", "aa")), ..creation("store-b") };
        let again = self.write("create again", ledger, again).await;
        let again = self.write("delete", ledger, event(&again, Event::DeleteRequested)).await;
        let gone = self.write("tombstone", ledger, event(&again, Event::Removed)).await;
        assert_ne!(gone.revision, b.revision);
        self.ask("sweep", async || ledger.sweep(Duration::ZERO, 10).await).await;
        assert_eq!(self.ask("load", async || ledger.load(&gone.id).await).await, None, "{}", self.at);
        let known = self.ask("recall", async || ledger.recall::<Store>(&operation("r-3", "aa")).await).await;
        assert_eq!(known.map(|store| store.revision), Some(gone.revision.back(2)), "{}", self.at);
        // Last, because nobody knows how often it asks.
        let (end, wait) = (gone.revision, Duration::from_millis(5));
        let page = self.call("log, waiting", PATIENCE + wait, async || ledger.read_log(end, 10, wait).await).await.0;
        assert_eq!(page, Ok(LogPage::Changes(Vec::new())), "{}", self.at);
    }

    async fn fenced(&mut self, ledger: &RedisLedger, store: &Store) {
        let claim = self.claim(ledger, store, "one").await;
        let held = self.claim(ledger, store, "one").await;
        assert_eq!(held.fence, claim.fence, "{}: the same claim", self.at);
        let renewed = self
            .ask("renewal", async || ledger.renew(std::slice::from_ref(&claim), Duration::from_secs(3600)).await)
            .await;
        assert_eq!(renewed, [true], "{}: the claim", self.at);
        let fenced = |store: &Store| Write { fence: Some(claim.fence), ..update(store) };
        let store = self.write("fenced write", ledger, fenced(store)).await;
        self.ask("release", async || ledger.release(&claim).await).await;
        let other = self.claim(ledger, &store, "two").await;
        assert!(other.fence > claim.fence, "{}: a new owner", self.at);
        let (said, _) = self.call("fenced write, refused", PATIENCE, async || ledger.write(fenced(&store)).await).await;
        assert_eq!(said, Err(LedgerError::Fenced), "{}", self.at);
    }

    async fn reads(&mut self, ledger: &RedisLedger, store: &Store) {
        let end = self.log.last().expect("written").revision;
        assert_eq!(self.ask("last revision", async || ledger.last_revision().await).await, end, "{}", self.at);
        let found = self.ask("load", async || ledger.load(&store.id).await).await;
        assert_eq!(found.as_ref(), Some(store), "{}", self.at);
        assert_eq!(self.ask("scan", async || stores(ledger).await).await.len(), 2, "{}", self.at);
        let page = self.ask("log", async || ledger.read_log(Revision::ZERO, 100, Duration::ZERO).await).await;
        let LogPage::Changes(changes) = page else { panic!("{}: {page:?}", self.at) };
        assert!(changes.iter().map(|change| change.store()).eq(&self.log), "{}: {changes:#?}", self.at);
    }
}

/// The scenario, with the fault at its `k`-th command; whether it had so many.
async fn run(server: &RedisServer, fault: Fault, k: usize, tally: &mut Tally) -> bool {
    let proxy = RedisProxy::start(server.port()).await;
    // The scripts are unknown in each run, so that each has the same commands.
    server.cli(["SCRIPT", "FLUSH"]).await;
    proxy.arm(k, fault.cut());
    let (at, prefix) = (format!("{fault:?} at {k}"), format!("{fault:?}-{k}"));
    let mut run = Run { proxy, fault, at, log: Vec::new(), delivered: false, tally };
    run.scenario(&prefix).await;
    let (met, log, at) = (run.proxy.met(), run.log, run.at);
    let direct = RedisConfig { prefix, ..RedisConfig::new(server.url()) };
    let ledger = RedisLedger::connect(direct).await.expect("a ledger");
    assert_eq!(last(&ledger).await, Revision(log.len() as u64), "{at}: nothing came behind");
    let page = ledger.read_log(Revision::ZERO, 100, Duration::ZERO).await;
    let Ok(LogPage::Changes(changes)) = page else { panic!("{at}: {page:?}") };
    for (number, (change, store)) in changes.iter().zip(&log).enumerate() {
        assert_eq!((change.revision.0, change.store()), (number as u64 + 1, store), "{at}");
    }
    assert_eq!(changes.len(), log.len(), "{at}: each write once");
    met
}

/// One line a kind of call, one column a fault.
fn table(tallies: &[(Fault, Tally)]) -> String {
    let names: std::collections::BTreeSet<_> = tallies.iter().flat_map(|(_, tally)| tally.met.keys()).collect();
    let faults = tallies.iter().map(|(fault, _)| format!("{:>11}", format!("{fault:?}")));
    let mut text = format!("{:<24}{}", "faults injected at", faults.collect::<String>());
    let mut line = |name: &str, cell: &dyn Fn(&Tally) -> String| {
        text += &format!("\n{name:<24}");
        tallies.iter().for_each(|(_, tally)| text += &format!("{:>11}", cell(tally)));
    };
    for name in names {
        line(name, &|tally| tally.met.get(name).copied().unwrap_or_default().to_string());
    }
    line("all", &|tally| tally.met.values().sum::<usize>().to_string());
    line("left open to the caller", &|tally| tally.unsure.to_string());
    line("longest call", &|tally| format!("{} ms", tally.longest.as_millis()));
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_write_is_there_once_whatever_fault_meets_whichever_command() {
    let columns = FAULTS.map(async |fault| {
        let server = RedisServer::start().await;
        let mut tally = Tally::default();
        let mut k = 1;
        while run(&server, fault, k, &mut tally).await {
            k += 1;
            assert!(k <= MOST, "{fault:?} met a command in run {k}, and there are not so many");
        }
        assert!(tally.met.values().sum::<usize>() >= COMMANDS, "{fault:?} met every command");
        (fault, tally)
    });
    eprintln!("{}", table(&join_all(columns).await));
}
