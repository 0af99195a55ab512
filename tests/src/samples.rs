//! Stores to test with.

use std::{fmt::Debug, str::FromStr};

use sendstores_core::{
    Engine, Labels, ShopSettings, Store, StoreSpec, Timestamp,
    shop::{Catalogue, DimensionUnit, PaymentMethod, WeightUnit},
    store::NewStore,
};
use sendstores_server::provision::ENGINES;

/// The value that a valid `text` stands for.
pub fn parsed<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("valid")
}

/// A store that was just asked for.
pub fn store(id: &str) -> Store {
    let new = NewStore {
        id: parsed(id),
        uid: parsed("0193b0a0-7c3e-7000-8000-0000000000af"),
        tenant: Some(parsed("acme")),
        labels: Labels::parse([("team".to_owned(), "a".to_owned())]).expect("valid"),
        spec: StoreSpec { engine: Engine::new("woocommerce"), shop: shop() },
        url: format!("http://{id}.localhost:8080"),
        pipeline: ENGINES.pipeline(Engine::new("woocommerce")),
    };
    Store::new(new, Timestamp::from_micros(1_700_000_000_000_000))
}

/// Settings of a shop.
pub fn shop() -> ShopSettings {
    ShopSettings {
        title: parsed("Käse & Brot"),
        admin_email: parsed("owner@example.com"),
        admin_user: parsed("merchant"),
        country: parsed("DE"),
        currency: parsed("EUR"),
        locale: parsed("de_DE"),
        timezone: parsed("Europe/Berlin"),
        taxes: true,
        weight_unit: WeightUnit::Kilogram,
        dimension_unit: DimensionUnit::Centimetre,
        payment_methods: vec![PaymentMethod::CashOnDelivery, PaymentMethod::BankTransfer],
        flat_rate: parsed("4.90"),
        catalogue: Catalogue::Sample,
    }
}
