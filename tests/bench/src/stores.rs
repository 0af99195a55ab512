//! Stores to measure with, written to the ledger directly: as another replica would, and much faster than by Create.

use std::{fmt::Debug, str::FromStr, time::SystemTime};

use futures::{StreamExt, stream};
use sendstores_core::{
    Event, Labels, ShopSettings, Store, StoreSpec,
    engine::Engine,
    ledger::{Expected, Ledger, Write},
    shop::{NewShop, ShopDraft},
    store::NewStore,
};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use uuid::Uuid;

use crate::peers::Redis;

/// Writes on their way at once when many stores are made.
const WRITES: usize = 256;

pub(crate) async fn ledger(redis: &Redis) -> RedisLedger {
    RedisLedger::connect(RedisConfig::new(redis.url())).await.expect("a ledger")
}

pub(crate) fn id(number: usize) -> String {
    format!("store-{number:08}")
}

/// Writes `count` stores that are READY.
pub(crate) async fn fill(redis: &Redis, count: usize) {
    // They would be there as well behind a write that waits for the disk, only later.
    redis.cli(&["CONFIG", "SET", "appendfsync", "everysec"]);
    let ledger = ledger_of_any_durability(redis).await;
    stream::iter(0..count)
        .map(|number| {
            ledger.write(Write { resource: ready(number), expected: Expected::Vacant, fence: None, operation: None })
        })
        .buffer_unordered(WRITES)
        .for_each(|written| async { drop(written.expect("a write")) })
        .await;
    redis.cli(&["CONFIG", "SET", "appendfsync", "always"]);
}

pub(crate) async fn first(ledger: &RedisLedger) -> Store {
    ledger.load(&parsed::<sendstores_core::StoreId>(&id(0))).await.expect("an answer").expect("the store")
}

/// Changes a store a little, so that watchers are told.
pub(crate) async fn touch(ledger: &RedisLedger, store: Store) -> Store {
    let revision = store.revision;
    let store = Store { update_time: SystemTime::now().into(), ..store };
    let write = Write { resource: store, expected: Expected::Revision(revision), fence: None, operation: None };
    ledger.write(write).await.expect("a write").into_resource()
}

async fn ledger_of_any_durability(redis: &Redis) -> RedisLedger {
    let durability = sendstores_server::ledger::Durability::Dev;
    RedisLedger::connect(RedisConfig { durability, ..RedisConfig::new(redis.url()) }).await.expect("a ledger")
}

/// A store that sells, with its settings, labels and steps.
fn ready(number: usize) -> Store {
    let id = id(number);
    let new = NewStore {
        id: parsed(&id),
        uid: parsed(&Uuid::now_v7().to_string()),
        tenant: Some(parsed("acme")),
        labels: Labels::parse([("team".to_owned(), "a".to_owned())]).expect("valid"),
        spec: StoreSpec {
            engine: Engine::new("woocommerce"),
            shop: shop(),
            release: None,
            deletion_protection: false,
            volumes: Default::default(),
        },
        url: format!("http://{id}.localhost:8080"),
        pipeline: sendstores_server::provision::ENGINES.pipeline(Engine::new("woocommerce")),
    };
    let now = SystemTime::now().into();
    Store::new(new, now).after(Event::Converged, now).expect("a new store may become ready")
}

fn shop() -> ShopSettings {
    let text = |text: &str| Some(text.to_owned());
    let draft = ShopDraft {
        title: text("Cheese & Bread"),
        admin_email: text("owner@example.com"),
        country: text("DE"),
        currency: text("EUR"),
        locale: text("de_DE"),
        timezone: text("Europe/Berlin"),
        taxes: Some(true),
        tax_rate: Some(text("19")),
        flat_rate: text("4.90"),
        ..ShopDraft::default()
    };
    draft.complete(&NewShop { id: &parsed("store-a"), host: "store-a.localhost" }).expect("valid")
}

fn parsed<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("valid")
}
