//! A store to test with, and the pipeline of an engine that exists nowhere else.

use crate::store::{NewStore, Store, StoreSpec};
use crate::{
    engine::{Engine, Pipeline},
    evidence::Check,
    failure::FailureReason,
    id::StoreId,
    label::Labels,
    shop::{NewShop, ShopDraft},
    step::{StepFacts, StepName},
    time::Timestamp,
};

pub(crate) const NAMESPACE: StepName = StepName::new("namespace");
pub(crate) const RELEASE: StepName = StepName::new("release");
pub(crate) const DATABASE: StepName = StepName::new("database");
pub(crate) const BOOTSTRAP: StepName = StepName::new("bootstrap");
pub(crate) const STOREFRONT: StepName = StepName::new("storefront");

pub(crate) const PAGE: Check = Check::new("page");

pub(crate) const PIPELINE: Pipeline = Pipeline::new(&[
    StepFacts { creates_namespace: true, ..step(NAMESPACE, FailureReason::NamespaceConflict) },
    step(RELEASE, FailureReason::ReleaseFailed),
    step(DATABASE, FailureReason::DatabaseUnavailable),
    step(BOOTSTRAP, FailureReason::BootstrapFailed),
    StepFacts { proves_ready: true, ..step(STOREFRONT, FailureReason::StorefrontUnavailable) },
])
.proved_by(&[PAGE]);

const fn step(name: StepName, usual_reason: FailureReason) -> StepFacts {
    StepFacts { name, creates_namespace: false, proves_ready: false, usual_reason }
}

/// A store of defaults, just asked for.
pub(crate) fn store(id: &str) -> Store {
    let id: StoreId = id.parse().expect("valid");
    let shop = ShopDraft { country: Some("DE".to_owned()), currency: Some("EUR".to_owned()), ..ShopDraft::default() };
    let shop = shop.complete(&NewShop { id: &id, host: "a.localhost" }).expect("valid");
    let new = NewStore {
        url: format!("http://{id}.localhost"),
        id,
        uid: "0193b0a0-7c3e-7000-8000-0000000000af".parse().expect("valid"),
        tenant: None,
        labels: Labels::default(),
        spec: StoreSpec {
            engine: Engine::new("test"),
            shop,
            release: None,
            deletion_protection: false,
            volumes: Default::default(),
        },
        pipeline: PIPELINE,
    };
    Store::new(new, Timestamp::from_micros(0))
}
