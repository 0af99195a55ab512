//! Records of other versions, and records that are damaged.

use std::time::Duration;

use sendstores_core::{
    Former, Happening, Revision, State, Store, Timestamp,
    engine::Engine,
    ledger::{Before, Change, Ledger, LedgerError, LogEntry, LogPage, Unreadable},
};
use sendstores_tests::{
    ledger::{Readable, apply, change, creation, last, update},
    samples::store_id,
    versions::fixture,
};

use crate::worlds::World;

on_both! {
    what_a_newer_version_wrote_is_kept_through_changes,
    a_state_that_is_not_known_stands_in_the_log,
    a_record_that_cannot_be_read_concerns_its_store_alone,
    a_store_is_back_once_its_record_can_be_read,
}

async fn load<L: Ledger>(ledger: &L, id: &str) -> Store {
    ledger.load(&store_id(id)).await.expect("an answer").expect("a store")
}

async fn log_behind<L: Ledger>(ledger: &L, after: Revision) -> Vec<Change> {
    match ledger.read_log(after, 100, Duration::ZERO).await {
        Ok(LogPage::Changes(changes)) => changes,
        other => panic!("no changes: {other:?}"),
    }
}

fn unreadable<T: std::fmt::Debug>(said: Result<T, LedgerError>) -> Unreadable {
    match said {
        Err(LedgerError::Unreadable(unreadable)) => *unreadable,
        other => panic!("not unreadable: {other:?}"),
    }
}

async fn what_a_newer_version_wrote_is_kept_through_changes<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    for name in ["state", "engine", "settings", "words"] {
        let id = format!("store-{name}");
        world.put(&id, &fixture(&format!("next/{name}")).to_string()).await;
        let read = load(&ledger, &id).await;
        let written =
            change(&ledger, &id, |store| store.credentials_read(Default::default(), Timestamp::from_micros(1))).await;
        assert_eq!(load(&world.reopen().await, &id).await, written, "{name}");
        let (unknown, state, steps, evidence) = (read.unknown, read.state, read.steps, read.evidence);
        assert_eq!((written.state, written.steps, written.evidence), (state, steps, evidence), "{name}");
        assert_eq!(written.unknown, unknown, "{name}");
        assert_eq!(written.history.entries().last().map(|entry| entry.what), Some(Happening::CredentialsRead));
    }
    assert!(load(&ledger, "store-engine").await.spec.engine == Engine::new("magento"));
}

async fn a_state_that_is_not_known_stands_in_the_log<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    world.put("store-state", &fixture("next/state").to_string()).await;
    let restoring = load(&ledger, "store-state").await;
    apply(&ledger, update(&restoring)).await;
    let changes = log_behind(&ledger, Revision::ZERO).await;
    assert_eq!(changes.len(), 2);
    assert!(matches!(restoring.state, State::Unknown(word) if word.as_str() == "RESTORING"));
    assert_eq!(changes[1].before, Before::Store(Former { state: restoring.state, labels: None }));
    assert_eq!(changes[1].store().unknown, restoring.unknown);
}

async fn a_record_that_cannot_be_read_concerns_its_store_alone<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let other = apply(&ledger, creation("store-other")).await;
    for bad in [fixture("next/version").to_string(), "{".to_owned(), "nonsense".to_owned()] {
        let begun = last(&ledger).await;
        world.put("store-version", &bad).await;
        let at = begun.next();
        for said in [
            ledger.load(&store_id("store-version")).await.map(drop),
            ledger.write(creation("store-version")).await.map(drop),
        ] {
            let unreadable = unreadable(said);
            let found = (unreadable.id(), unreadable.revision);
            assert_eq!(found, (Some(store_id("store-version")), at), "{bad}");
        }
        let other = change(&ledger, "store-other", Store::clone).await;
        for ledger in [&ledger, &world.reopen().await] {
            let scan = ledger.scan::<Store>().await.expect("a scan");
            assert_eq!(scan.resources, vec![other.clone()], "{bad}");
            assert_eq!(scan.unreadable.len(), 1, "{bad}");
            let changes = log_behind(ledger, begun).await;
            let records: Vec<_> = changes.iter().map(|change| matches!(change.entry, LogEntry::Record(_))).collect();
            assert_eq!(records, [false, true], "{bad}");
            assert_eq!(changes[0].entry, LogEntry::Unreadable(scan.unreadable[0].clone()), "{bad}");
        }
    }
    assert_eq!(load(&ledger, "store-other").await.uid, other.uid);
}

async fn a_store_is_back_once_its_record_can_be_read<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    world.put("store-state", "nonsense").await;
    unreadable(ledger.load(&store_id("store-state")).await);
    world.put("store-state", &fixture("next/state").to_string()).await;
    let store = load(&ledger, "store-state").await;
    apply(&ledger, update(&store)).await;
    assert_eq!(ledger.scan::<Store>().await.map(|scan| (scan.resources.len(), scan.unreadable.len())), Ok((1, 0)));
}
