//! WordPress with WooCommerce and a MySQL-compatible database: its steps, and all else that is special to it. The probe of
//! its storefront is `storefront.rs`.

mod advice;
mod bootstrap;
mod checks;
mod deadlines;
mod jobs;
mod log;
mod look;
mod settings;
mod storefront;

use sendstores_core::{Engine, EngineFacts, FailureReason, Pipeline, StepFacts, StepName, volumes::VolumeRole};

use super::{BackupDef, CredentialsDef, DiagnosisDef, EngineDef, LogDef, StepDef, VolumeDef, Watches, facts};
use crate::provision::steps::{self, Kind, Workload};

pub(crate) const DATABASE_STEP: StepName = StepName::new("database");
pub(crate) const APPLICATION_STEP: StepName = StepName::new("application");
pub(crate) const BOOTSTRAP_STEP: StepName = StepName::new("bootstrap");
pub(crate) const STOREFRONT_STEP: StepName = StepName::new("storefront");

/// The database's StatefulSet, and its container.
pub(crate) const DATABASE: Workload = Workload { kind: Kind::StatefulSet, name: "mysql" };
/// The application's Deployment, and its Service, Ingress and container.
pub(crate) const APPLICATION: Workload = Workload { kind: Kind::Deployment, name: "wordpress" };
const VOLUMES: [VolumeDef; 2] = [
    VolumeDef { role: VolumeRole::Database, claim: "data-mysql-0", size: "storage.database", workload: DATABASE },
    VolumeDef { role: VolumeRole::Content, claim: "wp-content", size: "storage.content", workload: APPLICATION },
];
/// Its pods' port; the chart's network policies open no other.
const PORT: u16 = 8080;

pub(crate) const ENGINE: EngineDef = EngineDef {
    facts: EngineFacts {
        engine: Engine::new("woocommerce"),
        pipeline: Pipeline::new(&FACTS).proved_by(&checks::ALL),
        advise: advice::advise,
    },
    steps: &STEPS,
    application: APPLICATION,
    port: PORT,
    volumes: &VOLUMES,
    deadlines: &deadlines::ALL,
    credentials: CredentialsDef {
        keys: &KEYS,
        password: "admin-password",
        login_path: "/wp-admin/",
        user: |store| store.spec.shop.admin_user.to_string(),
    },
    run_jobs: |context, store| Box::pin(jobs::run(context, store)),
    diagnosis: DiagnosisDef {
        log: LogDef {
            shown: log::parts,
            fatal: &["PHP Fatal error", "PHP Parse error"],
            fatal_reason: PHP_FATAL_ERROR,
        },
        inside: |context, store, failure| Box::pin(look::inside(context, store, failure)),
    },
    backup: Some(BackupDef {
        environment: &[("DB_HOST", "mysql"), ("DB_NAME", "wordpress"), ("DB_USER", "wordpress")],
        content: ("wp-content", "/source/wp-content"),
        database_password: "db-password",
        keys: &SALTS,
        scratch: "storage.database",
    }),
};

/// The store image ships no WooCommerce, or its volume was not seeded with it.
pub(crate) const PLUGIN_MISSING: FailureReason = FailureReason::open("PLUGIN_MISSING");
/// The merchant's code, or a plugin's or a theme's, ends PHP.
pub(crate) const PHP_FATAL_ERROR: FailureReason = FailureReason::open("PHP_FATAL_ERROR");

/// In the order in which they are taken.
const STEPS: [StepDef; 7] = [
    steps::namespace::STEP,
    steps::credentials::STEP,
    steps::release::STEP,
    StepDef {
        facts: step(DATABASE_STEP, FailureReason::DatabaseUnavailable),
        observe: |context, store, expect| {
            Box::pin(steps::workload::observe(context, store, expect, DATABASE, FailureReason::DatabaseUnavailable))
        },
        ensure: |context, store| Box::pin(steps::workload::ensure(context, store, DATABASE)),
        watches: Watches::Workload(DATABASE),
    },
    StepDef {
        facts: step(APPLICATION_STEP, FailureReason::ApplicationUnavailable),
        observe: |context, store, expect| {
            Box::pin(steps::workload::observe(
                context,
                store,
                expect,
                APPLICATION,
                FailureReason::ApplicationUnavailable,
            ))
        },
        ensure: |context, store| Box::pin(steps::workload::ensure(context, store, APPLICATION)),
        watches: Watches::Workload(APPLICATION),
    },
    StepDef {
        facts: step(BOOTSTRAP_STEP, FailureReason::BootstrapFailed),
        observe: |context, store, expect| Box::pin(bootstrap::observe(context, store, expect)),
        ensure: |context, store| Box::pin(bootstrap::ensure(context, store)),
        watches: Watches::Inside(APPLICATION),
    },
    StepDef {
        facts: StepFacts { proves_ready: true, ..step(STOREFRONT_STEP, FailureReason::StorefrontUnavailable) },
        observe: |context, store, expect| Box::pin(storefront::observe(context, store, expect)),
        ensure: |context, store| Box::pin(storefront::ensure(context, store)),
        watches: Watches::Inside(APPLICATION),
    },
];

const FACTS: [StepFacts; STEPS.len()] = facts(&STEPS);

/// Letters and digits only, since a quote or backslash in a WordPress password cannot log in: 32 of them hold 190 bits.
const KEYS: [(&str, usize); 11] = [
    ("db-root-password", 32),
    ("db-password", 32),
    ("admin-password", 32),
    ("auth-key", 64),
    ("secure-auth-key", 64),
    ("logged-in-key", 64),
    ("nonce-key", 64),
    ("auth-salt", 64),
    ("secure-auth-salt", 64),
    ("logged-in-salt", 64),
    ("nonce-salt", 64),
];

/// Some plugins encrypt their settings with these.
const SALTS: [&str; 8] = [
    "auth-key",
    "secure-auth-key",
    "logged-in-key",
    "nonce-key",
    "auth-salt",
    "secure-auth-salt",
    "logged-in-salt",
    "nonce-salt",
];

const fn step(name: StepName, usual_reason: FailureReason) -> StepFacts {
    StepFacts { name, creates_namespace: false, proves_ready: false, usual_reason }
}
