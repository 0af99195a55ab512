//! Puts stores into a Redis as a control plane with a cluster would leave them, for tests of what shows them. It claims them, so
//! that no server works on them.
//!
//! `stage REDIS_URL COMMAND ARGUMENTS...`, with one of these commands:
//!
//! - `create ID TITLE [TENANT [LABEL=VALUE]]`: a store that was just asked for
//! - `step ID STEP [DETAIL]`: the steps before are done, this one runs
//! - `ready ID`, `degrade ID`, `remove ID`: what reconcile records
//! - `stuck ID [TEXT]`, `fail ID [TEXT]`: an image cannot be pulled, and is tried again or not; the cluster reports the text, too
//! - `many COUNT`: ready stores of several tenants, and some of other states

use std::time::{Duration, SystemTime};

use sendstores_core::{
    Diagnosis, Event, Evidence, Failure, FailureReason, Labels, Store, Timestamp,
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
use uuid::Uuid;

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
    for number in 0..count {
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
    }
}

async fn run(ledger: &RedisLedger, command: &str, given: &[String]) {
    let text = |at: usize| given.get(at).map(String::as_str);
    let id = text(0).expect("an id");
    match command {
        "create" => {
            write(ledger, made(id, text(1).unwrap_or("My shop"), text(2), text(3), now())).await;
        }
        "step" => {
            let step = steps::ALL.into_iter().find(|step| Some(step.as_str()) == text(1)).expect("a step");
            change(ledger, id, |store| store.at_step(step, true, text(2).unwrap_or_default(), now())).await;
        }
        "ready" => drop(change(ledger, id, |store| complete(store, now())).await),
        "stuck" => drop(change(ledger, id, |store| blocked(store, text(1).unwrap_or_default(), true)).await),
        "fail" => {
            let failed = |store: &Store| {
                blocked(store, text(1).unwrap_or_default(), false).after(Event::GaveUp, now()).expect("legal")
            };
            change(ledger, id, failed).await;
        }
        "degrade" => drop(happen(ledger, id, Event::ProbeFailed).await),
        "remove" => drop(happen(ledger, id, Event::Removed).await),
        "many" => many(ledger, id.parse().expect("a number")).await,
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
