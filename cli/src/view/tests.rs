use std::{collections::BTreeMap, time::Duration};

use sendstores_client::{Engine, Timestamp};

use super::*;
use crate::columns::{USUAL, table};

fn at(seconds: i64, millis: i32) -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_800_000_000 + seconds, nanos: millis * 1_000_000 })
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_300)
}

fn a_step(name: &str, state: v1::step::State, start: Option<Timestamp>, end: Option<Timestamp>) -> v1::Step {
    let attempt = i32::from(start.is_some());
    v1::Step {
        name: name.to_owned(),
        state: state.into(),
        attempt,
        start_time: start,
        end_time: end,
        detail: String::new(),
    }
}

/// A store half way, with something in every field.
pub(crate) fn sample() -> Store {
    use v1::step::State as Step;
    let shop = v1::ShopSettings {
        title: "Tea & Cake".to_owned(),
        admin_email: "a@example.org".to_owned(),
        admin_user: "merchant".to_owned(),
        country: "DE".to_owned(),
        currency: "EUR".to_owned(),
        locale: "de_DE".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        taxes: true,
        weight_unit: "kg".to_owned(),
        dimension_unit: "cm".to_owned(),
        payment_methods: vec![PaymentMethod::CashOnDelivery.into(), PaymentMethod::BankTransfer.into()],
        flat_rate: "4.90".to_owned(),
        catalogue: Catalogue::Sample.into(),
        tax_rate: "19".to_owned(),
        prices_include_tax: true,
    };
    let mut database = a_step("database", Step::Failed, at(1, 200), at(61, 700));
    database.attempt = 2;
    Store {
        id: "store-ab12cd34".to_owned(),
        uid: "0193b0a0-7c3e-7000-8000-000000000000".to_owned(),
        tenant: "acme".to_owned(),
        labels: BTreeMap::from([("team".to_owned(), "a".to_owned()), ("env".to_owned(), String::new())]),
        spec: Some(v1::StoreSpec { engine: Engine::Woocommerce.into(), shop: Some(shop), ..v1::StoreSpec::default() }),
        state: State::Provisioning.into(),
        failure: Some(a_failure()),
        steps: vec![
            a_step("namespace", Step::Succeeded, at(0, 100), at(0, 500)),
            database,
            a_step("application", Step::Pending, None, None),
        ],
        evidence: vec![v1::Evidence {
            check: "shop_page".to_owned(),
            passed: true,
            finding: "200, the title is there".to_owned(),
            check_time: at(59, 0),
            first_pass_time: at(59, 0),
        }],
        url: "http://store-ab12cd34.localhost:8080".to_owned(),
        generation: 2,
        observed_generation: 1,
        revision: 42,
        etag: "42".to_owned(),
        create_time: at(0, 0),
        update_time: at(61, 700),
        ready_time: at(48, 200),
        delete_time: None,
        operation: None,
        release: Some(a_release()),
        available_updates: vec![an_update()],
        purge_time: None,
        history: vec![
            an_entry(v1::history_entry::Event::Created, at(0, 0), "0193b0a0-7c3e-7000-8000-000000000001"),
            an_entry(v1::history_entry::Event::Ready, at(48, 200), ""),
            an_entry(v1::history_entry::Event::CredentialsRead, at(50, 0), "c-2"),
        ],
    }
}

fn a_release() -> v1::Release {
    v1::Release {
        name: "2026-11".to_owned(),
        wordpress_version: "6.8.3".to_owned(),
        woocommerce_version: "10.9.4".to_owned(),
        images: BTreeMap::from([("mysql".to_owned(), "registry.example.com/mysql:1@sha256:aa".to_owned())]),
    }
}

fn an_update() -> v1::AvailableUpdate {
    v1::AvailableUpdate {
        release: "2026-12".to_owned(),
        kind: v1::available_update::Kind::Major.into(),
        security: true,
        notes_url: "https://example.com/11".to_owned(),
    }
}

fn a_failure() -> v1::Failure {
    v1::Failure {
        reason: v1::failure::Reason::DatabaseUnavailable.into(),
        message: "pod mysql-0 is not ready".to_owned(),
        step: "database".to_owned(),
        attempt: 2,
        retry_time: at(70, 0),
        diagnosis: Some(v1::Diagnosis {
            object: "Pod mysql-0".to_owned(),
            events: vec![v1::diagnosis::Event {
                time: at(58, 0),
                reason: "BackOff".to_owned(),
                message: "Back-off restarting failed container".to_owned(),
            }],
            log_tail: "[ERROR] InnoDB: no space left\n[ERROR] Aborting\u{1b}[2J".to_owned(),
        }),
        suggestion: "Read the database's log: kubectl -n store-ab12cd34 logs statefulset/mysql".to_owned(),
    }
}

fn an_entry(event: v1::history_entry::Event, time: Option<Timestamp>, request_id: &str) -> v1::HistoryEntry {
    v1::HistoryEntry { time, event: event.into(), request_id: request_id.to_owned(), principal: String::new() }
}

#[test]
fn a_store_is_shown_with_all_there_is_to_know() {
    insta::assert_snapshot!(store(&sample(), now()));
}

#[test]
fn stores_are_listed_a_line_each() {
    let mut ready = sample();
    ready.id = "store-b".to_owned();
    ready.state = State::Ready.into();
    ready.failure = None;
    ready.tenant.clear();
    let mut running = ready.clone();
    running.id = "store-c".to_owned();
    running.state = 99;
    running.steps[1].state = v1::step::State::Running.into();
    running.steps[1].detail = "waits for\nmysql-0".to_owned();
    insta::assert_snapshot!(table(&[sample(), ready, running], &USUAL, now()));
}

#[test]
fn a_store_of_which_nothing_is_known_is_shown_all_the_same() {
    insta::assert_snapshot!(store(&Store::default(), now()));
}
