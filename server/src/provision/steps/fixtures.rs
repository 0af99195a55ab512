//! A store for unit tests.

use sendstores_core::{
    Labels, Release, ShopSettings, Store, StoreSpec, Timestamp,
    release::Volume,
    shop::{Catalogue, DimensionUnit, PaymentMethod, WeightUnit},
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
    let shop = ShopSettings {
        title: title.parse().unwrap(),
        admin_email: "owner@example.com".parse().unwrap(),
        admin_user: "merchant".parse().unwrap(),
        country: "DE".parse().unwrap(),
        currency: "EUR".parse().unwrap(),
        locale: "en_US".parse().unwrap(),
        timezone: "Europe/Berlin".parse().unwrap(),
        taxes: false,
        weight_unit: WeightUnit::Kilogram,
        dimension_unit: DimensionUnit::Centimetre,
        payment_methods: vec![PaymentMethod::CashOnDelivery, PaymentMethod::BankTransfer],
        flat_rate: "4.90".parse().unwrap(),
        catalogue: Catalogue::Sample,
    };
    let new = NewStore {
        id: "store-test0001".parse().unwrap(),
        uid: "0193b0a0-7c3e-7000-8000-000000000001".parse().unwrap(),
        tenant: None,
        labels: Labels::default(),
        spec: StoreSpec { engine: woocommerce::ENGINE.facts.engine, shop },
        url: "http://store-test0001.localhost:8080".to_owned(),
        pipeline: woocommerce::ENGINE.facts.pipeline,
    };
    Store::new(new, Timestamp::from_micros(0))
}
