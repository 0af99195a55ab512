//! The audit: entered with the change, and with nothing else.

use sendstores_core::{
    Timestamp,
    admission::{Quota, TenantLimits, Terms},
    audit::{AuditEntry, AuditId, Verdict},
    ledger::{Ledger, LedgerError, Write, Written},
};
use sendstores_tests::{
    ledger::{apply, creation, operation, update},
    samples::parsed,
    wait::within,
};

use crate::worlds::World;

on_both! {
    a_change_and_its_entry_are_one,
    what_changes_nothing_is_not_entered,
    refusals_are_entered_beside_and_pages_miss_none,
    a_ledger_in_doubt_enters_nothing,
}

fn entry(method: &str, second: i64) -> AuditEntry {
    AuditEntry {
        time: Timestamp::from_micros(second * 1_000_000),
        principal: "token:ci#4fKq0ZpL2x".to_owned(),
        tenants: vec![parsed("acme")],
        method: method.to_owned(),
        resource: "store-a".to_owned(),
        uid: String::new(),
        decision: Verdict::Allowed,
        reason: String::new(),
        call: "c-1".to_owned(),
        peer: "127.0.0.1".to_owned(),
        agent: "Käse \"1\"".to_owned(),
        via: "grpc".to_owned(),
        count: 1,
        hidden: false,
    }
}

fn audited(method: &str) -> Terms {
    Terms { audit: Some(entry(method, 1)), ..Terms::default() }
}

async fn read<L: Ledger>(ledger: &L) -> Vec<AuditEntry> {
    let entries = ledger.read_audit(None, 1_000).await.expect("an answer");
    entries.into_iter().map(|(_, entry)| entry.expect("one that can be read")).collect()
}

async fn a_change_and_its_entry_are_one<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let store = ledger.submit(creation("store-a"), audited("one")).await.expect("written").into_resource();
    apply(&ledger, update(&store)).await;
    let store = ledger.load(&store.id).await.expect("an answer").expect("a store");
    ledger.submit(update(&store), audited("two")).await.expect("written");
    for ledger in [&ledger, &world.reopen().await] {
        assert_eq!(read(ledger).await, [entry("two", 1), entry("one", 1)], "the newest first");
    }
}

async fn what_changes_nothing_is_not_entered<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let known = Write { operation: Some(operation("r-1", "aa")), ..creation("store-a") };
    ledger.submit(known.clone(), audited("first")).await.expect("written");
    assert!(matches!(ledger.submit(known, audited("again")).await, Ok(Written::Repeated(_))));
    let taken = ledger.submit(creation("store-a"), audited("taken")).await;
    assert!(matches!(taken, Err(LedgerError::Conflict(_))), "{taken:?}");
    let none = Quota {
        defaults: TenantLimits { stores: Some(0), creates_per_minute: None, ..TenantLimits::default() },
        closed: false,
    };
    let refused = ledger.submit(creation("store-b"), Terms { audit: Some(entry("refused", 1)), ..none.terms() }).await;
    assert!(matches!(refused, Err(LedgerError::NotAdmitted(_))), "{refused:?}");
    assert_eq!(read(&ledger).await, [entry("first", 1)]);
}

async fn refusals_are_entered_beside_and_pages_miss_none<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    for i in 0..10 {
        ledger.submit(creation(&format!("store-{i}")), audited("change")).await.expect("written");
        let refusals: Vec<_> =
            (0..3).map(|j| AuditEntry { decision: Verdict::Denied, ..entry("refusal", i * 10 + j) }).collect();
        ledger.note_refusals(&refusals).await.expect("entered");
    }
    let all = ledger.read_audit(None, 1_000).await.expect("an answer");
    assert_eq!(all.len(), 40);
    assert!(all.iter().map(|(id, _)| *id).is_sorted_by(|one, next| one >= next), "the newest first");
    let times: Vec<_> =
        all.iter().flat_map(|(_, entry)| entry.iter().filter(|entry| entry.method == "refusal")).collect();
    assert_eq!(times[0].time, Timestamp::from_micros(92 * 1_000_000));
    for size in [1, 3, 7] {
        let (mut paged, mut before): (Vec<_>, Option<AuditId>) = (Vec::new(), None);
        let read = async {
            loop {
                let page = ledger.read_audit(before, size).await.expect("an answer");
                before = page.last().map(|(id, _)| *id);
                if page.is_empty() {
                    return;
                }
                paged.extend(page);
            }
        };
        within("all pages", read).await;
        let methods = |entries: &[(AuditId, Option<AuditEntry>)]| {
            entries.iter().filter(|(_, entry)| entry.as_ref().is_some_and(|entry| entry.method == "change")).count()
        };
        assert_eq!((paged.len(), methods(&paged)), (40, 10), "pages of {size}");
    }
}

async fn a_ledger_in_doubt_enters_nothing<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    ledger.submit(creation("store-a"), audited("before")).await.expect("written");
    ledger.cast_doubt("a test").await.expect("noted");
    let doubted = ledger.note_refusals(&[entry("refusal", 1)]).await;
    assert_eq!(doubted, Err(LedgerError::InDoubt("a test".to_owned())));
    assert_eq!(read(&ledger).await, [entry("before", 1)], "it can be read");
    ledger.adopt(Vec::new()).await.expect("adopted");
    ledger.submit(creation("store-b"), audited("after")).await.expect("written");
    assert_eq!(read(&ledger).await, [entry("after", 1), entry("before", 1)], "the audit goes on");
}
