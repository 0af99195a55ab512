//! A store to test with, and the pipeline of an engine that exists nowhere else.

use crate::store::{NewStore, Store, StoreSpec};
use crate::{
    engine::{Engine, Pipeline},
    failure::FailureReason,
    label::Labels,
    shop::{Catalogue, DimensionUnit, PaymentMethod, ShopSettings, WeightUnit},
    step::{StepFacts, StepName},
    time::Timestamp,
};

pub(crate) const NAMESPACE: StepName = StepName::new("namespace");
pub(crate) const RELEASE: StepName = StepName::new("release");
pub(crate) const DATABASE: StepName = StepName::new("database");
pub(crate) const BOOTSTRAP: StepName = StepName::new("bootstrap");
pub(crate) const STOREFRONT: StepName = StepName::new("storefront");

pub(crate) const PIPELINE: Pipeline = Pipeline::new(&[
    StepFacts { creates_namespace: true, ..step(NAMESPACE, FailureReason::NamespaceConflict) },
    step(RELEASE, FailureReason::ReleaseFailed),
    step(DATABASE, FailureReason::DatabaseUnavailable),
    step(BOOTSTRAP, FailureReason::BootstrapFailed),
    StepFacts { proves_ready: true, ..step(STOREFRONT, FailureReason::StorefrontUnavailable) },
]);

const fn step(name: StepName, usual_reason: FailureReason) -> StepFacts {
    StepFacts { name, creates_namespace: false, proves_ready: false, usual_reason }
}

/// A store of defaults, just asked for.
pub(crate) fn store(id: &str) -> Store {
    let shop = ShopSettings {
        title: "Shop".parse().expect("valid"),
        admin_email: "a@b.co".parse().expect("valid"),
        admin_user: "merchant".parse().expect("valid"),
        country: "DE".parse().expect("valid"),
        currency: "EUR".parse().expect("valid"),
        locale: "en_US".parse().expect("valid"),
        timezone: "UTC".parse().expect("valid"),
        taxes: false,
        weight_unit: WeightUnit::Kilogram,
        dimension_unit: DimensionUnit::Centimetre,
        payment_methods: PaymentMethod::ALL.to_vec(),
        flat_rate: "5.00".parse().expect("valid"),
        catalogue: Catalogue::Sample,
    };
    let new = NewStore {
        id: id.parse().expect("valid"),
        uid: "0193b0a0-7c3e-7000-8000-0000000000af".parse().expect("valid"),
        tenant: None,
        labels: Labels::default(),
        spec: StoreSpec { engine: Engine::new("test"), shop },
        url: format!("http://{id}.localhost"),
        pipeline: PIPELINE,
    };
    Store::new(new, Timestamp::from_micros(0))
}
