//! Steps of the tests that have a ledger.

use std::time::{Duration, SystemTime};

use sendstores_core::{
    Event, Record, Resource, Revision, Store, Tenant, Timestamp,
    ledger::{Change, Expected, Ledger, LedgerError, LogEntry, LogPage, Operation, Scan, Write, Written},
    tenant::TenantEvent,
};
use uuid::Uuid;

use crate::{
    samples::{self, parsed, store_id},
    wait::{until, within},
};

/// A change of a store whose record can be read.
pub trait Readable {
    fn store(&self) -> &Store;
}

impl Readable for Change {
    fn store(&self) -> &Store {
        match &self.entry {
            LogEntry::Record(Record::Store(store)) => store,
            other => panic!("no store: {other:?}"),
        }
    }
}

pub fn operation(id: &str, digest: &str) -> Operation {
    Operation { id: parsed(id), scope: None, digest: digest.to_owned() }
}

/// A write of a new store.
pub fn creation(id: &str) -> Write {
    Write { resource: samples::store(id), expected: Expected::Vacant, fence: None, operation: None }
}

/// A write of a new tenant.
pub fn declaration(id: &str) -> Write<Tenant> {
    Write { resource: samples::tenant(id), expected: Expected::Vacant, fence: None, operation: None }
}

/// A write of what `tenant` becomes by `event`.
pub fn tenant_event(tenant: &Tenant, event: TenantEvent) -> Write<Tenant> {
    update(&tenant.after(event, Timestamp::from_micros(1_700_000_001_000_000)).expect("possible"))
}

/// A write of `resource` over what it was read as.
pub fn update<R: Resource>(resource: &R) -> Write<R> {
    let expected = Expected::Revision(resource.revision());
    Write { resource: resource.clone(), expected, fence: None, operation: None }
}

/// A write of what `store` becomes by `event`.
pub fn event(store: &Store, event: Event) -> Write {
    update(&store.after(event, Timestamp::from_micros(1_700_000_001_000_000)).expect("legal"))
}

/// The resource that was written now.
pub async fn apply<L: Ledger, R: Resource>(ledger: &L, write: Write<R>) -> R {
    let written = ledger.write(write).await;
    assert!(matches!(written, Ok(Written::Applied(_))), "not applied: {written:?}");
    written.expect("applied").into_resource()
}

/// A store that was created and deleted.
pub async fn tombstone<L: Ledger>(ledger: &L, id: &str) -> Store {
    let store = apply(ledger, creation(id)).await;
    let store = apply(ledger, event(&store, Event::DeleteRequested)).await;
    apply(ledger, event(&store, Event::Removed)).await
}

/// Every store, none of which is set aside.
pub async fn stores<L: Ledger>(ledger: &L) -> Result<Vec<Store>, LedgerError> {
    let Scan { resources: stores, unreadable } = ledger.scan().await?;
    assert_eq!(unreadable, []);
    Ok(stores)
}

pub async fn last<L: Ledger>(ledger: &L) -> Revision {
    ledger.last_revision().await.expect("a revision")
}

/// What the call says once the ledger is reached again.
pub async fn settled<T>(mut call: impl AsyncFnMut() -> Result<T, LedgerError>) -> Result<T, LedgerError> {
    until("the ledger to be reached", async || match call().await {
        Err(LedgerError::Unavailable(_)) => None,
        answered => Some(answered),
    })
    .await
}

/// Writes, and asks again while the ledger cannot be reached, as a caller does: by an operation, because what was not
/// answered may have been written.
pub async fn written<L: Ledger>(ledger: &L, write: Write) -> Store {
    let write = Write { operation: Some(operation(&Uuid::now_v7().to_string(), "aa")), ..write };
    settled(async || ledger.write(write.clone()).await).await.expect("written").into_resource()
}

/// Writes a new store with a UUID of its own, as another replica would.
pub async fn create<L: Ledger>(ledger: &L, id: &str, tenant: &str) -> Store {
    let store = Store { uid: parsed(&Uuid::now_v7().to_string()), tenant: Some(parsed(tenant)), ..samples::store(id) };
    let write = Write { resource: store, expected: Expected::Vacant, fence: None, operation: None };
    ledger.write(write).await.expect("created").into_resource()
}

/// Makes `event` happen to the store as it is now, as another replica would.
pub async fn happen<L: Ledger>(ledger: &L, id: &str, event: Event) -> Store {
    change(ledger, id, |store| store.after(event, SystemTime::now().into()).expect("legal")).await
}

/// Writes `next` over the store as it is now, however often others come before.
pub async fn change<L: Ledger>(ledger: &L, id: &str, next: impl Fn(&Store) -> Store) -> Store {
    let changed = async {
        loop {
            let store = ledger.load(&store_id(id)).await.expect("the ledger").expect("the store");
            let write = Write { resource: next(&store), ..update(&store) };
            match ledger.write(write).await {
                Err(LedgerError::Conflict(_)) => {}
                written => return written.expect("written").into_resource(),
            }
        }
    };
    within("a write without a conflict", changed).await
}

/// The whole log, none of which was trimmed.
pub async fn whole_log<L: Ledger>(ledger: &L) -> Vec<Change> {
    let end = last(ledger).await;
    let mut all: Vec<Change> = Vec::new();
    loop {
        let at = all.last().map_or(Revision::ZERO, |change| change.revision);
        if at >= end {
            return all;
        }
        match ledger.read_log(at, 500, Duration::ZERO).await.expect("a page") {
            LogPage::Changes(changes) => {
                assert!(!changes.is_empty(), "the log ends at {at} instead of {end}");
                all.extend(changes);
            }
            LogPage::Compacted { .. } => panic!("compacted at {at}"),
        }
    }
}
