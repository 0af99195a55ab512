//! Many stores are listed page by page while others write, and watched from the list on: together they show everything
//! as it is, with no gap, although each page is of another moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    time::SystemTime,
};

use futures::StreamExt;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sendstores_client::{
    Client, Event as Told, ResumeToken, Watch, WatchEvent,
    v1::{ListRequest, ListResponse, Store as Shown, StoreFilter},
};
use sendstores_core::{
    Event, State, Store,
    ledger::{Expected, Ledger, Write},
};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::happen,
    redis::RedisServer,
    samples::{self, parsed, store_id},
    server::ServerOptions,
    wait::within,
};
use tokio::task::JoinSet;
use uuid::Uuid;

/// How many there are; SENDSTORES_TEST_STORES=100000 takes minutes.
const STORES: usize = 20_000;
const PAGE: i32 = 500;
/// Changes between one page and the next: together fewer than a server keeps, also with 100,000 stores.
const CHANGES: usize = 10;
/// Writes at once while the stores are made.
const AT_ONCE: usize = 256;

/// The stores that have an entry by what was listed and watched; each with its revision.
type Known = BTreeMap<String, u64>;

fn stores() -> usize {
    std::env::var("SENDSTORES_TEST_STORES").ok().and_then(|text| text.parse().ok()).unwrap_or(STORES)
}

fn id(number: usize) -> String {
    format!("store-{number:06}")
}

/// An open shop, which no server has work with.
async fn open_shop(ledger: &RedisLedger, id: &str, tenant: &str) {
    let uid = parsed(&Uuid::now_v7().to_string());
    let store = Store { uid, tenant: Some(parsed(tenant)), ..samples::store(id) };
    let store = store.after(Event::Converged, SystemTime::now().into()).expect("legal");
    let write = Write { resource: store, expected: Expected::Vacant, fence: None, operation: None };
    ledger.write(write).await.expect("written");
}

/// Every second store is there; the others come while it is listed.
async fn make_stores(ledger: &RedisLedger) {
    let mut writers = JoinSet::new();
    for number in 0..stores() {
        if writers.len() >= AT_ONCE {
            within("a writer to end", writers.join_next()).await.expect("a writer").expect("written");
        }
        let (ledger, tenant) = (ledger.clone(), if number.is_multiple_of(5) { "fifth" } else { "other" });
        writers.spawn(async move { open_shop(&ledger, &id(2 * number), tenant).await });
    }
    within("the writers to end", writers.join_all()).await;
}

/// What others do meanwhile: shops open, fail and go, before and behind where the reader is.
async fn change_much(ledger: &RedisLedger, random: &mut StdRng) {
    let mut writers = JoinSet::new();
    let numbers: BTreeSet<_> = (0..CHANGES).map(|_| random.random_range(0..2 * stores())).collect();
    for number in numbers {
        let (ledger, fails) = (ledger.clone(), random.random_bool(0.5));
        writers.spawn(async move {
            let found = ledger.load(&store_id(&id(number))).await.expect("an answer").map(|store| store.state);
            // No state that a server would work on stays for long.
            let events = match found {
                None | Some(State::Deleted) => {
                    return open_shop(&ledger, &id(number), if number.is_multiple_of(10) { "fifth" } else { "other" })
                        .await;
                }
                Some(State::Ready) if fails => [Event::UpdateRequested, Event::GaveUp],
                Some(_) => [Event::DeleteRequested, Event::Removed],
            };
            for event in events {
                happen(&ledger, &id(number), event).await;
            }
        });
    }
    within("the writers to end", writers.join_all()).await;
}

/// Everything that the filter means, and how the first page said to go on; every page says the same.
async fn list(client: &Client, filter: &StoreFilter, mut between: impl AsyncFnMut()) -> (Known, ListResponse) {
    let mut request = ListRequest { filter: Some(filter.clone()), page_size: PAGE, ..ListRequest::default() };
    let (mut known, mut first) = (Known::new(), None::<ListResponse>);
    for pages in 0.. {
        assert!(pages <= 2 * stores(), "a list without an end");
        let page = client.list_page(request.clone()).await.expect("a page");
        request.page_token.clone_from(&page.next_page_token);
        let begun = first.get_or_insert_with(|| page.clone());
        assert_eq!((page.revision, &page.resume_token), (begun.revision, &begun.resume_token));
        assert!(page.fresh_time.map(|time| time.seconds) >= begun.fresh_time.map(|time| time.seconds));
        for Shown { id, revision, .. } in page.stores {
            assert!(known.last_key_value().is_none_or(|(last, _)| *last < id), "{id} is listed twice, or too late");
            known.insert(id, revision);
        }
        if request.page_token.is_empty() {
            return (known, first.expect("a page"));
        }
        between().await;
    }
    unreachable!("a list ends")
}

/// The next event that is no heartbeat.
async fn next_change(watch: &mut Watch) -> WatchEvent {
    loop {
        let event = watch.next().await.expect("no end").expect("no error");
        if !matches!(event.event, Told::Heartbeat { .. }) {
            return event;
        }
    }
}

/// Watches on from the list until `end`. What a page showed already is told again, and known by its revision. Returns how
/// many changes the list had missed.
async fn watch_on(client: &Client, filter: &StoreFilter, known: &mut Known, token: &str, end: u64) -> usize {
    let token = ResumeToken::from(token.to_owned());
    let mut watch = client.watch_from(filter.clone(), token).await.expect("right behind the list");
    let (mut missed, mut at) = (0, 0);
    while at < end {
        let event = within("a change", next_change(&mut watch)).await;
        at = event.revision;
        let (id, gone) = match event.event {
            Told::Changed(store) => (store.id.clone(), store.state() == sendstores_client::State::Deleted),
            Told::Removed { id, .. } => (id, true),
            other => panic!("not asked for: {other:?}"),
        };
        if known.get(&id).is_some_and(|listed| *listed >= at) {
            continue;
        }
        missed += 1;
        if gone {
            known.remove(&id)
        } else {
            known.insert(id, at)
        };
    }
    missed
}

/// What is, by the ledger itself.
async fn truth(ledger: &RedisLedger, means: impl Fn(&Store) -> bool) -> Known {
    let stores = sendstores_tests::ledger::stores(ledger).await.expect("all records");
    stores.iter().filter(|store| means(store)).map(|store| (store.id.to_string(), store.revision.0)).collect()
}

fn differ(seen: &Known, truth: &Known) -> Vec<String> {
    let ids: BTreeSet<_> = seen.keys().chain(truth.keys()).collect();
    let wrong = ids.into_iter().filter(|id| seen.get(*id) != truth.get(*id));
    wrong.map(|id| format!("{id}: {:?} instead of {:?}", seen.get(id), truth.get(id))).collect()
}

#[tokio::test]
async fn a_list_of_many_stores_and_a_watch_from_it_show_everything_as_it_is() {
    let redis = RedisServer::start().await;
    let history = NonZeroU32::new(10_000).expect("not zero");
    let ledger =
        RedisLedger::connect(RedisConfig { history, ..RedisConfig::new(redis.url()) }).await.expect("a ledger");
    make_stores(&ledger).await;
    let options = ServerOptions::without_cluster(&redis.url()).flag("--history=10000");
    let server = options.flag("--probe-interval=0s").flag("--cron-interval=0s").start_ready().await;
    let client = server.client().await;
    let mut random = StdRng::seed_from_u64(7);

    let all = StoreFilter::default();
    let (mut known, first) = list(&client, &all, async || change_much(&ledger, &mut random).await).await;
    let end = ledger.last_revision().await.expect("a revision").0;
    assert!(known.len() > stores() / 2 && end > first.revision, "{} stores, {} to {end}", known.len(), first.revision);
    let missed = watch_on(&client, &all, &mut known, &first.resume_token, end).await;
    let wrong = differ(&known, &truth(&ledger, |store| store.state != State::Deleted).await);
    assert!(wrong.is_empty(), "{} are wrong: {:?}", wrong.len(), wrong.first());
    eprintln!(
        "{} stores, {} changes meanwhile, {missed} of them missed by the pages",
        known.len(),
        end - first.revision
    );
    assert!(missed > 0, "nothing happened behind the reader's back");

    let filter = StoreFilter { tenant: "fifth".to_owned(), ..StoreFilter::default() };
    let filter = StoreFilter { states: vec![sendstores_client::State::Ready.into()], ..filter };
    let (mut known, first) = list(&client, &filter, async || change_much(&ledger, &mut random).await).await;
    change_much(&ledger, &mut random).await;
    // Something that every such watch is told of comes last.
    open_shop(&ledger, "store-last", "fifth").await;
    let end = ledger.last_revision().await.expect("a revision").0;
    watch_on(&client, &filter, &mut known, &first.resume_token, end).await;
    let fifth = Some(parsed("fifth"));
    let wrong = differ(&known, &truth(&ledger, |store| store.state == State::Ready && store.tenant == fifth).await);
    assert!(wrong.is_empty(), "{} are wrong: {:?}", wrong.len(), wrong.first());
}
