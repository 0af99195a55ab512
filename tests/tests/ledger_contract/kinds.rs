//! Resources of several kinds: one log and one order, and the same guarantees for each.

use std::time::Duration;

use sendstores_core::{
    Backup, BackupState, Event, Former, Record, Resource, ResourceId, Revision, Store, Tenant, TenantId, Timestamp,
    Token,
    backup::BackupEvent,
    ledger::{
        Before, Change, Expected, Fence, Ledger, LedgerError, LogEntry, LogPage, Owner, Scan, Unreadable, Write,
        Written,
    },
    tenant::{TenantEvent, TenantState},
};
use sendstores_tests::{
    ledger::{apply, creation, declaration, event, last, operation, stores, tenant_event, tombstone, update},
    samples::{self, parsed, store_id},
    versions::fixture,
};

use crate::worlds::World;

on_both! {
    two_kinds_have_one_log_and_one_order,
    the_same_id_of_two_kinds_is_two_resources,
    a_tenant_is_written_over_what_was_expected_alone,
    a_fenced_write_of_a_tenant_needs_its_claim,
    an_operation_of_one_kind_is_none_of_another,
    a_tenant_that_was_not_found_stays_not_found,
    a_deleted_tenant_is_a_tombstone_until_it_is_swept,
    a_kind_that_nobody_knows_is_passed_over,
    what_a_newer_version_wrote_of_a_tenant_is_kept,
    a_tenant_that_cannot_be_read_concerns_itself_alone,
    tenants_live_through_an_adoption,
    a_token_is_revoked_once_and_swept,
    the_last_use_of_a_token_is_kept_coarsely_and_goes_with_it,
    the_backups_of_a_store_have_one_claim,
    what_a_newer_version_wrote_of_a_backup_is_kept,
}

const LONG: Duration = Duration::from_secs(3600);

async fn tenants<L: Ledger>(ledger: &L) -> Vec<Tenant> {
    let Scan { mut resources, unreadable } = ledger.scan().await.expect("a scan");
    assert_eq!(unreadable, []);
    resources.sort_by(|one: &Tenant, other| one.id.cmp(&other.id));
    resources
}

fn id(text: &str) -> TenantId {
    parsed(text)
}

fn owner(name: &str) -> Owner {
    Owner(name.to_owned())
}

fn record(resource: &impl Resource) -> LogEntry {
    LogEntry::Record(resource.clone().into())
}

async fn log<L: Ledger>(ledger: &L) -> Vec<Change> {
    match ledger.read_log(Revision::ZERO, 100, Duration::ZERO).await {
        Ok(LogPage::Changes(changes)) => changes,
        other => panic!("no changes: {other:?}"),
    }
}

async fn two_kinds_have_one_log_and_one_order<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let shop = apply(&ledger, creation("store-a")).await;
    let acme = apply(&ledger, declaration("acme")).await;
    let opened = apply(&ledger, event(&shop, Event::Converged)).await;
    let suspended = apply(&ledger, tenant_event(&acme, TenantEvent::Suspended)).await;
    let other = apply(&ledger, declaration("bolt")).await;
    assert_eq!(suspended, Tenant { state: TenantState::Suspended, revision: Revision(4), ..suspended.clone() });
    for ledger in [ledger, world.reopen().await] {
        let changes = log(&ledger).await;
        let revisions: Vec<_> = changes.iter().map(|change| change.revision.0).collect();
        assert_eq!(revisions, [1, 2, 3, 4, 5]);
        let entries: Vec<_> = changes.iter().map(|change| change.entry.clone()).collect();
        assert_eq!(entries, [record(&shop), record(&acme), record(&opened), record(&suspended), record(&other)]);
        assert_eq!(changes[2].before, Before::Store(Former { state: shop.state, labels: None }));
        assert_eq!(last(&ledger).await, Revision(5));
        assert_eq!(stores(&ledger).await, Ok(vec![opened.clone()]));
        assert_eq!(tenants(&ledger).await, [suspended.clone(), other.clone()]);
        assert_eq!(ledger.load(&acme.id).await, Ok(Some(suspended.clone())));
        assert_eq!(ledger.load(&id("none")).await, Ok(None));
    }
}

async fn the_same_id_of_two_kinds_is_two_resources<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let shop = apply(&ledger, creation("store-a")).await;
    let tenant = apply(&ledger, declaration("store-a")).await;
    assert_eq!(ledger.load(&shop.id).await, Ok(Some(shop.clone())));
    assert_eq!(ledger.load(&tenant.id).await, Ok(Some(tenant.clone())));
    let of_shop = ledger.claim(&shop.id, &owner("one"), LONG).await.expect("answered").expect("free");
    let of_tenant = ledger.claim(&tenant.id, &owner("two"), LONG).await.expect("answered").expect("free");
    assert_eq!((of_shop.key, of_tenant.key.clone()), (shop.id.key(), tenant.id.key()));
    let crossed = Write { fence: Some(of_shop.fence), ..update(&tenant) };
    assert_eq!(ledger.write(crossed).await, Err(LedgerError::Fenced));
    ledger.release(&of_tenant).await.expect("released");
    assert_eq!(ledger.claimed_for(&tenant.id).await, Ok(Duration::ZERO));
    assert!(ledger.claimed_for(&shop.id).await.expect("answered") > Duration::ZERO);
    apply(&ledger, tenant_event(&tenant, TenantEvent::Deleted)).await;
    assert_eq!(ledger.sweep(Duration::ZERO, 10).await, Ok(1));
    assert_eq!(ledger.load(&tenant.id).await, Ok(None));
    assert_eq!(ledger.load(&shop.id).await, Ok(Some(shop.clone())));
    assert!(ledger.claimed_for(&shop.id).await.expect("answered") > Duration::ZERO);
}

async fn a_tenant_is_written_over_what_was_expected_alone<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let acme = apply(&ledger, declaration("acme")).await;
    let said = ledger.write(declaration("acme")).await;
    assert_eq!(said, Err(LedgerError::Conflict(Some(Box::new(acme.clone().into())))));
    let renamed = apply(&ledger, tenant_event(&acme, TenantEvent::Renamed(parsed("Acme & Sons")))).await;
    let found = ledger.write(tenant_event(&acme, TenantEvent::Suspended)).await.expect_err("a conflict").found();
    assert_eq!(found, Ok(renamed.clone()));
    let missing = Write { resource: samples::tenant("none"), ..update(&acme) };
    assert_eq!(ledger.write(missing).await, Err(LedgerError::Conflict(None)));
    assert_eq!(last(&ledger).await, renamed.revision);
}

async fn a_fenced_write_of_a_tenant_needs_its_claim<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let acme = apply(&ledger, declaration("acme")).await;
    let fenced = |fence, tenant: &Tenant| Write { fence: Some(fence), ..update(tenant) };
    assert_eq!(ledger.write(fenced(Fence(1), &acme)).await, Err(LedgerError::Fenced));
    let claim = ledger.claim(&acme.id, &owner("one"), LONG).await.expect("answered").expect("free");
    assert_eq!(ledger.claim(&acme.id, &owner("two"), LONG).await, Ok(None));
    let acme = apply(&ledger, fenced(claim.fence, &acme)).await;
    ledger.release(&claim).await.expect("released");
    assert_eq!(ledger.write(fenced(claim.fence, &acme)).await, Err(LedgerError::Fenced));
    let next = ledger.claim(&acme.id, &owner("two"), LONG).await.expect("answered").expect("free");
    assert!(next.fence > claim.fence);
}

async fn an_operation_of_one_kind_is_none_of_another<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let (one, two) = (operation("r-1", "aa"), operation("r-2", "aa"));
    let declare = Write { operation: Some(one.clone()), ..declaration("acme") };
    let acme = apply(&ledger, declare.clone()).await;
    let changed = apply(&ledger, update(&acme)).await;
    assert_eq!(ledger.write(declare).await, Ok(Written::Repeated(acme.clone())));
    assert_eq!(ledger.recall(&one).await, Ok(Some(acme)));
    assert_eq!(ledger.recall::<Store>(&one).await, Err(LedgerError::OperationReused));
    let create = Write { operation: Some(one), ..creation("store-a") };
    assert_eq!(ledger.write(create).await, Err(LedgerError::OperationReused));
    apply(&ledger, Write { operation: Some(two.clone()), ..creation("store-a") }).await;
    let again = Write { operation: Some(two.clone()), ..update(&changed) };
    assert_eq!(ledger.write(again).await, Err(LedgerError::OperationReused));
    assert_eq!(ledger.note_missing(&id("none"), &two).await, Err(LedgerError::OperationReused));
}

async fn a_tenant_that_was_not_found_stays_not_found<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let nothing = operation("r-1", "aa");
    assert_eq!(ledger.note_missing(&id("acme"), &nothing).await, Ok(None));
    let acme = apply(&ledger, declaration("acme")).await;
    assert_eq!(ledger.note_missing(&acme.id, &nothing).await, Ok(None));
    assert_eq!(ledger.recall::<Tenant>(&nothing).await, Err(LedgerError::FoundNothing));
    let delete = Write { operation: Some(nothing), ..tenant_event(&acme, TenantEvent::Deleted) };
    assert_eq!(ledger.write(delete).await, Err(LedgerError::FoundNothing));
    let said = ledger.note_missing(&acme.id, &operation("r-2", "aa")).await;
    assert_eq!(said, Err(LedgerError::Conflict(Some(Box::new(acme.into())))));
}

async fn a_deleted_tenant_is_a_tombstone_until_it_is_swept<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let (acme, bolt) = (apply(&ledger, declaration("acme")).await, apply(&ledger, declaration("bolt")).await);
    ledger.claim(&acme.id, &owner("one"), LONG).await.expect("answered").expect("free");
    let dead = apply(&ledger, tenant_event(&acme, TenantEvent::Deleted)).await;
    apply(&ledger, tenant_event(&bolt, TenantEvent::Deleted)).await;
    tombstone(&ledger, "store-dead").await;
    assert_eq!(ledger.load(&dead.id).await, Ok(Some(dead.clone())));
    let bolt = apply(&ledger, declaration("bolt")).await;
    assert_eq!(ledger.sweep(LONG, 10).await, Ok(0), "too young");
    assert_eq!(ledger.sweep(Duration::ZERO, 1).await, Ok(1));
    assert_eq!(ledger.sweep(Duration::ZERO, 10).await, Ok(1));
    assert_eq!((ledger.load(&dead.id).await, ledger.load(&store_id("store-dead")).await), (Ok(None), Ok(None)));
    assert_eq!(ledger.claimed_for(&dead.id).await, Ok(Duration::ZERO), "the claim went with it");
    assert_eq!(tenants(&ledger).await, [bolt], "it has begun again");
}

async fn a_kind_that_nobody_knows_is_passed_over<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let acme = apply(&ledger, declaration("acme")).await;
    world.put_other_kind().await;
    let shop = apply(&ledger, creation("store-a")).await;
    for ledger in [ledger, world.reopen().await] {
        let entries: Vec<_> = log(&ledger).await.into_iter().map(|change| change.entry).collect();
        assert_eq!(entries, [record(&acme), LogEntry::OtherKind, record(&shop)]);
        assert_eq!(stores(&ledger).await, Ok(vec![shop.clone()]));
        assert_eq!(tenants(&ledger).await, std::slice::from_ref(&acme));
    }
}

async fn what_a_newer_version_wrote_of_a_tenant_is_kept<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    world.put_tenant("acme", &fixture("next/tenant").to_string()).await;
    let read = ledger.load(&id("acme")).await.expect("answered").expect("a tenant");
    assert!(matches!(read.state, TenantState::Unknown(word) if word.as_str() == "ON_TRIAL"));
    let written = apply(&ledger, update(&read)).await;
    let again = world.reopen().await.load(&id("acme")).await.expect("answered").expect("a tenant");
    assert!(again.unknown.is_some());
    assert_eq!(again, written);
}

async fn a_tenant_that_cannot_be_read_concerns_itself_alone<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let bolt = apply(&ledger, declaration("bolt")).await;
    let shop = apply(&ledger, creation("store-a")).await;
    world.put_tenant("acme", "nonsense").await;
    let unreadable = |said: Result<(), LedgerError>| match said {
        Err(LedgerError::Unreadable(unreadable)) => *unreadable,
        other => panic!("not unreadable: {other:?}"),
    };
    for said in [ledger.load(&id("acme")).await.map(drop), ledger.write(declaration("acme")).await.map(drop)] {
        let Unreadable { key, revision, why } = unreadable(said);
        assert_eq!((key, revision), (Some(id("acme").key()), Revision(3)), "{why}");
    }
    let scan = ledger.scan::<Tenant>().await.expect("a scan");
    assert_eq!((scan.resources, scan.unreadable.len()), (vec![bolt], 1));
    assert_eq!(stores(&ledger).await, Ok(vec![shop]));
    assert_eq!(log(&ledger).await[2].entry, LogEntry::Unreadable(scan.unreadable[0].clone()));
}

async fn tenants_live_through_an_adoption<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let kept = apply(&ledger, declaration("kept")).await;
    let stale = apply(&ledger, declaration("stale")).await;
    let gone = apply(&ledger, declaration("gone")).await;
    apply(&ledger, tenant_event(&gone, TenantEvent::Deleted)).await;
    let claim = ledger.claim(&kept.id, &owner("one"), LONG).await.expect("answered").expect("free");
    ledger.cast_doubt("a test says so").await.expect("cast");
    let doubted = Err(LedgerError::InDoubt("a test says so".to_owned()));
    assert_eq!(ledger.write(declaration("other")).await, doubted);
    assert_eq!(ledger.load(&kept.id).await, Ok(Some(kept.clone())), "reads go on");

    let back = Tenant { display_name: parsed("Renamed"), ..stale.clone() };
    let records: Vec<Record> =
        vec![back.clone().into(), samples::store("store-a").into(), samples::tenant("gone").into()];
    ledger.adopt(records).await.expect("adopted");
    let at = |revision, tenant| Tenant { revision: Revision(revision), ..tenant };
    let all = [at(7, samples::tenant("gone")), kept.clone(), at(5, back)];
    for ledger in [&ledger, &world.reopen().await] {
        assert_eq!(tenants(ledger).await, all);
        let changes = ledger.read_log(Revision(4), 10, Duration::ZERO).await;
        let Ok(LogPage::Changes(changes)) = changes else { panic!("{changes:?}") };
        let keys = changes.iter().map(|change| match &change.entry {
            LogEntry::Record(record) => record.key(),
            other => panic!("{other:?}"),
        });
        assert_eq!(keys.collect::<Vec<_>>(), [id("stale").key(), store_id("store-a").key(), id("gone").key()]);
    }
    let fenced = Write { fence: Some(claim.fence), ..update(&kept) };
    assert_eq!(ledger.write(fenced).await, Err(LedgerError::Fenced), "its claim is void");
    assert_eq!(ledger.sweep(Duration::ZERO, 10).await, Ok(0), "no tombstone any more");
    let revived = Write { expected: Expected::Revision(Revision(7)), ..update(&samples::tenant("gone")) };
    assert_eq!(apply(&ledger, revived).await.revision, Revision(8));
}

async fn a_token_is_revoked_once_and_swept<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let creation = Write {
        resource: samples::token("4fKq0ZpL2x", "acme"),
        expected: Expected::Vacant,
        fence: None,
        operation: Some(operation("r-1", "aa")),
    };
    let token = apply(&ledger, creation.clone()).await;
    let repeated = Write { resource: samples::token("otherother", "acme"), ..creation };
    assert_eq!(ledger.write(repeated).await, Ok(Written::Repeated(token.clone())), "no second token");
    let later = Timestamp::from_micros(1_700_000_001_000_000);
    let revoked = apply(&ledger, update(&token.revoked(later))).await;
    assert_eq!(ledger.write(update(&token)).await, Err(LedgerError::Conflict(Some(Box::new(revoked.clone().into())))));
    for ledger in [&ledger, &world.reopen().await] {
        assert_eq!(ledger.load(&token.id).await, Ok(Some(revoked.clone())));
        let changes = log(ledger).await;
        let entries: Vec<_> = changes.into_iter().map(|change| change.entry).collect();
        assert_eq!(entries, [record(&token), record(&revoked)]);
    }
    assert_eq!(ledger.sweep(LONG, 10).await, Ok(0));
    assert_eq!(ledger.sweep(Duration::ZERO, 10).await, Ok(1));
    assert_eq!(ledger.load(&token.id).await, Ok(None::<Token>));
}

async fn the_last_use_of_a_token_is_kept_coarsely_and_goes_with_it<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let resource = samples::token("4fKq0ZpL2x", "acme");
    let token = apply(&ledger, Write { resource, expected: Expected::Vacant, fence: None, operation: None }).await;
    let at = |minute: i64| Timestamp::from_micros(1_700_000_000_000_000 + minute * 60_000_000);
    let hour = Duration::from_secs(3600);
    let note = async |minute: i64| ledger.note_uses(&[(token.id.clone(), at(minute))], hour).await.expect("noted");
    assert_eq!(ledger.last_uses(std::slice::from_ref(&token.id)).await, Ok(vec![None]));
    assert_eq!(ledger.last_uses(&[]).await, Ok(vec![]));
    let log_before = last(&ledger).await;
    assert_eq!(note(0).await, [Some(at(0))]);
    assert_eq!(note(59).await, [Some(at(0))], "nearly as new");
    assert_eq!(note(60).await, [Some(at(60))]);
    assert_eq!(note(10).await, [Some(at(60))], "another replica was faster");
    let unknown: sendstores_core::TokenId = parsed("0000000000");
    let mixed = [(unknown.clone(), at(1)), (token.id.clone(), at(200))];
    assert_eq!(ledger.note_uses(&mixed, hour).await, Ok(vec![None, Some(at(200))]));
    assert_eq!(last(&ledger).await, log_before, "it is no change");
    let ids = [unknown, token.id.clone()];
    assert_eq!(world.reopen().await.last_uses(&ids).await, Ok(vec![None, Some(at(200))]));
    apply(&ledger, update(&token.revoked(at(201)))).await;
    assert_eq!(ledger.last_uses(&ids[1..]).await, Ok(vec![Some(at(200))]), "a revoked token shows it, too");
    assert_eq!(ledger.sweep(Duration::ZERO, 10).await, Ok(1));
    assert_eq!(ledger.last_uses(&ids[1..]).await, Ok(vec![None]));
}

async fn the_backups_of_a_store_have_one_claim<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let create = |backup| Write { resource: backup, expected: Expected::Vacant, fence: None, operation: None };
    let first = apply(&ledger, create(samples::backup(1, "first"))).await;
    let second = apply(&ledger, create(samples::backup(1, "second"))).await;
    let other = apply(&ledger, create(samples::backup(2, "first"))).await;
    let claim = ledger.claim(&first.id, &owner("one"), LONG).await.expect("answered").expect("free");
    assert_eq!(ledger.claim(&second.id, &owner("two"), LONG).await, Ok(None));
    let of_other = ledger.claim(&other.id, &owner("two"), LONG).await.expect("answered").expect("free");
    let fenced = |fence, backup: &Backup| Write { fence: Some(fence), ..update(backup) };
    let begun = |backup: &Backup| backup.after(BackupEvent::Begun, Timestamp::from_micros(1)).expect("possible");
    let first = apply(&ledger, Write { resource: begun(&first), ..fenced(claim.fence, &first) }).await;
    let second = apply(&ledger, Write { resource: begun(&second), ..fenced(claim.fence, &second) }).await;
    assert_eq!(ledger.write(fenced(of_other.fence, &second)).await, Err(LedgerError::Fenced));
    assert_eq!(ledger.renew(std::slice::from_ref(&claim), LONG).await, Ok(vec![true]));

    let ending = BackupEvent::DeleteRequested;
    let going = first.after(ending, Timestamp::from_micros(2)).expect("possible");
    let going = apply(&ledger, Write { resource: going, ..fenced(claim.fence, &first) }).await;
    let gone = going.after(BackupEvent::Removed, Timestamp::from_micros(3)).expect("possible");
    apply(&ledger, Write { resource: gone, ..fenced(claim.fence, &going) }).await;
    assert_eq!(ledger.sweep(Duration::ZERO, 10).await, Ok(1));
    assert_eq!(ledger.load(&first.id).await, Ok(None::<Backup>));
    assert!(
        ledger.claimed_for(&second.id).await.expect("answered") > Duration::ZERO,
        "the claim is not the tombstone's"
    );
    ledger.release(&claim).await.expect("released");
    assert_eq!(ledger.claimed_for(&second.id).await, Ok(Duration::ZERO));
    assert_eq!(world.reopen().await.load(&second.id).await, Ok(Some(second)));
}

async fn what_a_newer_version_wrote_of_a_backup_is_kept<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let record = fixture("next/backup");
    let id: sendstores_core::BackupId = parsed(record["id"].as_str().expect("an id"));
    world.put_backup(id.as_str(), &record.to_string()).await;
    let read = ledger.load(&id).await.expect("answered").expect("a backup");
    assert!(matches!(read.state, BackupState::Unknown(word) if word.as_str() == "VERIFYING"));
    let written = apply(&ledger, update(&read)).await;
    let again = world.reopen().await.load(&id).await.expect("answered").expect("a backup");
    assert!(again.unknown.is_some());
    assert_eq!(again, written);
}
