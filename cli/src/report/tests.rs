use std::time::Duration;

use sendstores_client::v1::{Failure, failure::Reason, get_summary_response as part};

use super::*;

const NOW: i64 = 1_800_000_000;

fn at(ago: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: NOW - ago, nanos: 0 })
}

fn stuck(id: &str, state: State, reason: Reason, (sold, retried): (bool, bool)) -> Store {
    let failure = Failure {
        reason: reason.into(),
        message: format!("what {id} lacks: <b>[x](http://a.example/)</b> | `y`\u{7}"),
        suggestion: if reason == Reason::Internal { String::new() } else { "Raise the quota".to_owned() },
        retry_time: at(-30).filter(|_| retried),
        ..Failure::default()
    };
    let ready_time = at(9_000).filter(|_| sold);
    let mut store = Store { id: id.to_owned(), failure: Some(failure), ready_time, ..Store::default() };
    store.set_state(state);
    store
}

fn summary() -> GetSummaryResponse {
    let state = |state: State, stores| part::StateCount { state: state.into(), stores };
    let reason = |reason: Reason, stores| part::ReasonCount { reason: reason.into(), stores };
    let tenant = |tenant: &str, stores, ready| part::TenantCount { tenant: tenant.to_owned(), stores, ready };
    let mut oldest = Store { id: "store-slow".to_owned(), create_time: at(4_000), ..Store::default() };
    oldest.set_state(State::Provisioning);
    GetSummaryResponse {
        total_size: 14,
        states: vec![
            state(State::Unspecified, 1),
            state(State::Provisioning, 3),
            state(State::Ready, 5),
            state(State::Degraded, 1),
            state(State::Suspended, 1),
            state(State::Failed, 3),
        ],
        failure_reasons: vec![
            reason(Reason::QuotaExceeded, 4),
            reason(Reason::DatabaseUnavailable, 1),
            reason(Reason::Internal, 1),
        ],
        tenants: vec![tenant("acme", 9, 4), tenant("", 5, 1)],
        tenants_total: 3,
        oldest_not_ready: Some(oldest),
        oldest_not_ready_since: at(4_000),
        last_hour: Some(part::Changes { since: at(3_600), created: 3, became_ready: 1, deleted: 2, changed: 8 }),
        ..GetSummaryResponse::default()
    }
}

fn report(summary: &GetSummaryResponse, stores: &[Store]) -> Report {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(NOW).expect("positive"));
    Report::new(summary, stores, now, |rest| format!("sendstores {rest}"))
}

fn some() -> Report {
    let stores = [
        stuck("store-q1", State::Provisioning, Reason::QuotaExceeded, (false, true)),
        stuck("store-q2", State::Failed, Reason::QuotaExceeded, (false, false)),
        stuck("store-i", State::Failed, Reason::Internal, (false, false)),
        stuck("store-d", State::Degraded, Reason::DatabaseUnavailable, (true, true)),
    ];
    report(&summary(), &stores)
}

#[test]
fn the_report_of_some_trouble() {
    insta::assert_snapshot!("text", plain(&some()));
    insta::assert_snapshot!("markdown", markdown(&some()));
    insta::assert_json_snapshot!("json", some());
}

#[test]
fn the_report_of_no_trouble() {
    let ready = part::StateCount { state: State::Ready.into(), stores: 1 };
    let well = GetSummaryResponse { total_size: 1, states: vec![ready], ..GetSummaryResponse::default() };
    insta::assert_snapshot!("well", plain(&report(&well, &[])));
    insta::assert_snapshot!("empty", markdown(&report(&GetSummaryResponse::default(), &[])));
}

#[test]
fn what_sold_before_comes_first_then_what_waits_for_somebody() {
    let order: Vec<_> = some().findings.into_iter().map(|finding| finding.reason).collect();
    assert_eq!(order, ["DATABASE_UNAVAILABLE", "QUOTA_EXCEEDED", "INTERNAL"]);
}
