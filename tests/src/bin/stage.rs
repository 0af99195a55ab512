//! Puts stores into a Redis as a control plane with a cluster would leave them, for tests of what shows them. It claims them, so
//! that no server works on them.
//!
//! `stage REDIS_URL COMMAND ARGUMENTS...`, with one of these commands:
//!
//! - `create ID TITLE [TENANT [LABEL=VALUE]]`: a store that was just asked for
//! - `step ID STEP [DETAIL]`: the steps before are done, this one runs
//! - `ready ID`, `degrade ID`, `remove ID`: what reconcile records;  `unsold ID`: the same when the probe finds no product
//! - `runs ID RELEASE VERSION`: what it is made from, with this version of WooCommerce;  `roll-back ID`: its update fails, and is taken back
//! - `stuck ID [TEXT]`, `fail ID [TEXT]`: an image cannot be pulled, and is tried again or not; the cluster reports the text, too
//! - `many COUNT`: ready stores of several tenants, and some of other states
//! - `begin COUNT`: so many that were just asked for;  `settle COUNT`: each of these becomes ready, fails, or is gone
//! - `churn RATE SECONDS COUNT`: so many changes a second of the first COUNT of `many`, every second one of the newest twenty;
//!   says how many there were

use std::time::{Duration, SystemTime};

use futures::{StreamExt, future::join_all, stream};
use sendstores_core::{
    Diagnosis, Event, Evidence, Failure, FailureReason, Labels, Release, State, Store, Timestamp,
    diagnosis::ObjectEvent,
    evidence::Check,
    ledger::{Expected, Ledger, Owner, Write},
    store::NewStore,
};
use sendstores_server::{
    ledger::{RedisConfig, RedisLedger},
    provision::ENGINES,
};
use sendstores_tests::{
    ledger::{change, happen},
    samples::{self, parsed},
    steps,
};
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

/// Writes that are under way at once.
const AT_ONCE: usize = 32;
/// Who changes stores at once, and the newest of them that change most: each of these belongs to one.
const WRITERS: u32 = 4;
const NEWEST: u64 = 20;

/// How long each step took, in milliseconds.
const TOOK: [u64; 7] = [120, 60, 740, 3_480, 4_010, 1_620, 830];
const CHECKS: [(&str, &str); 5] = [
    ("shop_page", "/shop/ shows \"Sample product\", WooCommerce 11.0.1"),
    ("store_api", "\"Sample product\" is for sale at 19.90 EUR"),
    ("cart", "pay by bacs, cod; ship by Flat rate"),
    ("cron", "what is scheduled is done: the last run is no more than 2m ago"),
    ("ingress", "/shop/ shows \"Sample product\", WooCommerce 11.0.1"),
];

fn before_now(time: Duration) -> Timestamp {
    (SystemTime::now() - time).into()
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn made(id: &str, title: &str, tenant: Option<&str>, label: Option<&str>, at: Timestamp) -> Store {
    let sample = samples::store(id);
    let mut spec = sample.spec;
    let pipeline = ENGINES.pipeline(spec.engine);
    spec.shop.title = parsed(title);
    let labels = label.and_then(|label| label.split_once('='));
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let new = NewStore {
        id: sample.id,
        uid: parsed(&Uuid::now_v7().to_string()),
        tenant: tenant.map(parsed),
        labels: Labels::parse(labels).expect("labels"),
        spec,
        url: sample.url,
        pipeline,
    };
    Store::new(new, at)
}

/// The store with every step done one after the other, until `end`.
fn complete(store: &Store, end: Timestamp) -> Store {
    let mut left: u64 = TOOK.iter().sum();
    let mut store = store.clone();
    store.create_time = store.create_time.min(earlier(end, left + 90));
    for (step, took) in steps::ALL.into_iter().zip(TOOK) {
        store = store.at_step(step, true, "", earlier(end, left));
        left -= took;
    }
    store = store.after(Event::Converged, end).expect("legal");
    store.evidence = CHECKS
        .iter()
        .map(|(check, found)| Evidence::new(Check::parse(check).expect("a name"), Ok((*found).to_owned()), end))
        .collect();
    store
}

fn earlier(time: Timestamp, milliseconds: u64) -> Timestamp {
    let micros = i64::try_from(milliseconds).expect("short") * 1000;
    Timestamp::from_micros(time.as_micros() - micros)
}

fn blocked(store: &Store, text: &str, again: bool) -> Store {
    let event = |seconds, reason: &str, message: &str| ObjectEvent {
        time: Some(before_now(Duration::from_secs(seconds))),
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    let image = "registry.example/sendstores/woocommerce:11.0.1";
    let found = format!("not found {text}").trim_end().to_owned();
    let diagnosis = Diagnosis {
        object: "Pod wordpress-7c9d8bf6-x2x8q".to_owned(),
        events: vec![
            event(64, "Pulling", &format!("Pulling image \"{image}\"")),
            event(61, "Failed", &format!("Failed to pull image \"{image}\": {found}")),
            event(20, "BackOff", &format!("Back-off pulling image \"{image}\"")),
        ],
        log_tail: format!("waiting for the image\n{text}").trim_end().to_owned(),
        suggestion:
            "Push the image to the registry, or correct the image in the values file. The store goes on by itself then."
                .to_owned(),
    };
    let failure = Failure {
        reason: FailureReason::ImageUnavailable,
        message: format!("the image {image} cannot be pulled: {found}"),
        step: Some(steps::APPLICATION),
        attempt: 3,
        retry_time: again.then(|| (SystemTime::now() + Duration::from_secs(45)).into()),
        diagnosis: Some(Box::new(diagnosis)),
    };
    let running = steps::ALL[..5].iter().zip(TOOK).fold((store.clone(), 90_000), |(store, left), (step, took)| {
        (store.at_step(*step, true, "", earlier(now(), left)), left - took)
    });
    running.0.failing(failure, now())
}

async fn write(ledger: &RedisLedger, store: Store) {
    // Nothing else writes it: a server would note that its cluster does not answer.
    let owner = Owner("stage".to_owned());
    ledger.claim(&store.id, &owner, Duration::from_secs(3600)).await.expect("an answer").expect("a free store");
    let write = Write { resource: store, expected: Expected::Vacant, fence: None, operation: None };
    ledger.write(write).await.expect("written");
}

async fn many(ledger: &RedisLedger, count: u64) {
    let tenants = ["acme", "globex", "initech", "umbrella"];
    let one = async |number: u64| {
        let tenant = tenants[usize::try_from(number).expect("small") % tenants.len()];
        let created = before_now(Duration::from_secs(600 + number * 977));
        let id = format!("store-{number:05}");
        let store = made(&id, &format!("Shop {number} & Sons"), Some(tenant), Some("team=a"), created);
        let store = match number % 40 {
            7 => store.at_step(steps::DATABASE, true, "the pod is being started", now()),
            19 => blocked(&store, "", false).after(Event::GaveUp, now()).expect("legal"),
            _ => complete(&store, earlier(created, 0)),
        };
        write(ledger, store).await;
    };
    stream::iter(0..count).for_each_concurrent(AT_ONCE, one).await;
}

fn going(number: u64) -> String {
    format!("store-going-{number:02}")
}

async fn begin(ledger: &RedisLedger, count: u64) {
    let one = async |number| {
        let store = made(&going(number), &format!("Going {number}"), Some("acme"), None, now());
        write(ledger, store.at_step(steps::DATABASE, true, "the pod is being started", now())).await;
    };
    stream::iter(0..count).for_each_concurrent(AT_ONCE, one).await;
}

async fn settle(ledger: &RedisLedger, count: u64) {
    for number in 0..count {
        let id = going(number);
        match number % 3 {
            0 => drop(change(ledger, &id, |store| complete(store, now())).await),
            1 => {
                let failed = |store: &Store| blocked(store, "", false).after(Event::GaveUp, now()).expect("legal");
                change(ledger, &id, failed).await;
            }
            _ => {
                happen(ledger, &id, Event::DeleteRequested).await;
                happen(ledger, &id, Event::Removed).await;
            }
        }
    }
}

async fn runs(ledger: &RedisLedger, id: &str, name: &str, version: &str) {
    let versions = [("woocommerce", version)].into_iter().collect();
    let release = Release { name: Some(parsed(name)), versions, revision: 1, ..Release::default() };
    let made = |store: &Store| {
        let mut next = Store { made_from: Some(Box::new(release.clone())), update_time: now(), ..store.clone() };
        next.spec.release.clone_from(&release.name);
        next
    };
    change(ledger, id, made).await;
}

async fn roll_back(ledger: &RedisLedger, id: &str) {
    let taken_back = |store: &Store| {
        let failure = blocked(store, "", false).failure.expect("a failure");
        let back = store.rolling_back(failure, now());
        complete(&Store { failure: None, ..back }, now())
    };
    change(ledger, id, taken_back).await;
}

/// Each writer has stores of its own, so that no two change one at once.
async fn churn(ledger: &RedisLedger, rate: u32, seconds: u64, count: u64) {
    let end = Instant::now() + Duration::from_secs(seconds);
    let one = async |writer: u64| {
        let mut clock = interval(Duration::from_secs(1) * WRITERS / rate);
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut changes: u64 = 0;
        while clock.tick().await < end {
            let turn = changes * u64::from(WRITERS) + writer;
            let number = if changes.is_multiple_of(2) { turn % NEWEST } else { turn % count };
            let toggled = |store: &Store| {
                let event = if store.state == State::Ready { Event::ProbeFailed } else { Event::Converged };
                // Those that failed or are being made change in their detail alone.
                store.after(event, now()).unwrap_or_else(|_| Store { update_time: now(), ..store.clone() })
            };
            change(ledger, &format!("store-{number:05}"), toggled).await;
            changes += 1;
        }
        changes
    };
    let done: Vec<u64> = join_all((0..u64::from(WRITERS)).map(one)).await;
    println!("{}", done.iter().sum::<u64>());
}

async fn run(ledger: &RedisLedger, command: &str, given: &[String]) {
    let text = |at: usize| given.get(at).map(String::as_str);
    let id = text(0).expect("an id");
    let number = |at: usize| text(at).and_then(|text| text.parse::<u64>().ok()).expect("a number");
    match command {
        "create" => {
            write(ledger, made(id, text(1).unwrap_or("My shop"), text(2), text(3), now())).await;
        }
        "step" => {
            let step = steps::ALL.into_iter().find(|step| Some(step.as_str()) == text(1)).expect("a step");
            change(ledger, id, |store| store.at_step(step, true, text(2).unwrap_or_default(), now())).await;
        }
        "ready" => drop(change(ledger, id, |store| complete(store, now())).await),
        "runs" => runs(ledger, id, text(1).expect("a name"), text(2).expect("a version")).await,
        "roll-back" => roll_back(ledger, id).await,
        "stuck" => drop(change(ledger, id, |store| blocked(store, text(1).unwrap_or_default(), true)).await),
        "fail" => {
            let failed = |store: &Store| {
                blocked(store, text(1).unwrap_or_default(), false).after(Event::GaveUp, now()).expect("legal")
            };
            change(ledger, id, failed).await;
        }
        "unsold" => {
            let unsold = |store: &Store| {
                let mut next = store.after(Event::ProbeFailed, now()).expect("legal");
                let check = Check::parse("store_api").expect("a name");
                next.evidence[1] = Evidence::new(check, Err("there is no product".to_owned()), now());
                next
            };
            change(ledger, id, unsold).await;
        }
        "degrade" => drop(happen(ledger, id, Event::ProbeFailed).await),
        "remove" => drop(happen(ledger, id, Event::Removed).await),
        "many" => many(ledger, number(0)).await,
        "begin" => begin(ledger, number(0)).await,
        "settle" => settle(ledger, number(0)).await,
        "churn" => churn(ledger, u32::try_from(number(0)).expect("small"), number(1), number(2)).await,
        other => panic!("there is no command {other}"),
    }
}

#[tokio::main]
async fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [url, command, rest @ ..] = given.as_slice() else { panic!("usage: stage REDIS_URL COMMAND ARGUMENTS...") };
    let ledger = RedisLedger::connect(RedisConfig::new(url.clone())).await.expect("a ledger");
    run(&ledger, command, rest).await;
}
