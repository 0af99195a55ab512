//! A store for unit tests.

use sendstores_core::{
    Labels, Release, Store, StoreId, StoreSpec, Timestamp,
    release::Volume,
    shop::{NewShop, ShopDraft},
    store::NewStore,
};

use crate::provision::engines::woocommerce;

pub(crate) fn store() -> Store {
    store_titled("Test shop")
}

/// What a store was made from.
pub(crate) fn release() -> Release {
    let volume = |class: Option<&str>| Volume { size: "10Gi".to_owned(), class: class.map(str::to_owned) };
    Release {
        name: Some("2026-11".parse().unwrap()),
        versions: [("wordpress", "6.8.1"), ("woocommerce", "10.9.4")].into_iter().collect(),
        revision: 2,
        chart: "woocommerce-0.1.0".to_owned(),
        chart_digest: "aa".repeat(32),
        values_digest: "bb".repeat(32),
        source: Some("0123".to_owned()),
        images: [("mysql".to_owned(), "registry.example.com/mysql:1@sha256:cc".to_owned())].into(),
        volumes: [("data-mysql-0".to_owned(), volume(Some("ssd"))), ("wp-content".to_owned(), volume(None))].into(),
    }
}

pub(crate) fn store_titled(title: &str) -> Store {
    let text = |text: &str| Some(text.to_owned());
    let id: StoreId = "store-test0001".parse().unwrap();
    let shop = ShopDraft {
        title: text(title),
        admin_email: text("owner@example.com"),
        country: text("DE"),
        currency: text("EUR"),
        timezone: text("Europe/Berlin"),
        flat_rate: text("4.90"),
        ..ShopDraft::default()
    };
    let shop = shop.complete(&NewShop { id: &id, host: "store-test0001.localhost" }).unwrap();
    let new = NewStore {
        id,
        uid: "0193b0a0-7c3e-7000-8000-000000000001".parse().unwrap(),
        tenant: None,
        labels: Labels::default(),
        spec: StoreSpec {
            engine: woocommerce::ENGINE.facts.engine,
            shop,
            release: None,
            deletion_protection: false,
            volumes: Default::default(),
        },
        url: "http://store-test0001.localhost:8080".to_owned(),
        pipeline: woocommerce::ENGINE.facts.pipeline,
    };
    Store::new(new, Timestamp::from_micros(0))
}
