//! Changes of one store that a caller asks for.

use sendstores_client::{
    ChangeStore, CreateStore, DeleteStore, Engine, Error, State, Store, StoreFilter, UpdateStore, v1::operation::Kind,
};

use super::{Subject, create, next, sdk_rig::refusal};

pub(super) async fn a_suspension_is_guarded_and_repeated(subject: Subject) {
    let client = subject.client();
    let store = create(&client, "store-a").await;
    let early = refusal(client.suspend("store-a").await);
    assert!(matches!(early, Error::FailedPrecondition(_)) && !early.retryable(), "{early:?}");
    assert_eq!(early.reason(), Some("STATE_FORBIDS"));
    assert!(matches!(refusal(client.resume("store-none").await), Error::NotFound(_)));
    subject.ready("store-a").await;
    assert_eq!(refusal(client.resume("store-a").await).reason(), Some("STATE_FORBIDS"));
    let stale = refusal(client.suspend(ChangeStore::new("store-a").etag(&store.etag)).await);
    assert_eq!(stale.reason(), Some("ETAG_MISMATCH"));
    let rehearsed = client.suspend(ChangeStore::new("store-a").validate_only(true)).await.expect("possible");
    assert_eq!(rehearsed.state(), State::Suspending);
    assert_eq!(client.get("store-a").await.expect("there").state(), State::Ready, "nothing was written");

    let first = client.suspend(ChangeStore::new("store-a").request_id("s")).await.expect("accepted");
    assert_eq!((first.state(), first.generation), (State::Suspending, 2));
    assert_eq!(first.steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["suspension"]);
    subject.suspended("store-a").await;
    let waited = client.wait_until_suspended("store-a", |_| {}).await.expect("it is so");
    assert_eq!((waited.state(), waited.generation), (State::Suspended, 2));
    let again = client.suspend(ChangeStore::new("store-a").request_id("s")).await.expect("the same");
    assert_eq!(again.revision, first.revision);
    let other = client.suspend("store-a").await.expect("it is so already");
    assert_eq!((other.state(), other.generation), (State::Suspended, 2));
    let reused = refusal(client.resume(ChangeStore::new("store-a").request_id("s")).await);
    assert_eq!(reused.reason(), Some("REQUEST_ID_REUSED"));

    let back = client.resume("store-a").await.expect("accepted");
    assert_eq!((back.state(), back.generation), (State::Resuming, 3));
    assert_eq!(client.resume("store-a").await.expect("it is on its way").generation, 3);
    assert_eq!(refusal(client.suspend("store-a").await).reason(), Some("OPERATION_IN_PROGRESS"));
    subject.ready("store-a").await;
    let ready = client.wait_until_ready("store-a", |_| {}).await.expect("it sells");
    assert_eq!((ready.uid, ready.url), (store.uid, store.url));
}

pub(super) async fn a_deletion_is_guarded_and_repeated(subject: Subject) {
    let client = subject.client();
    let store = create(&client, "store-a").await;
    subject.ready("store-a").await;
    let stale = refusal(client.delete(DeleteStore::new("store-a").etag(&store.etag)).await);
    assert!(matches!(stale, Error::Conflict(_)) && !stale.retryable(), "{stale:?}");
    assert_eq!(stale.reason(), Some("ETAG_MISMATCH"));
    let fresh = client.get("store-a").await.expect("there").etag;
    let first = client.delete(DeleteStore::new("store-a").etag(&fresh).request_id("r")).await.expect("accepted");
    let first = first.expect("a store");
    assert_eq!((first.state(), first.generation), (State::Deleting, 2));
    let again = client.delete(DeleteStore::new("store-a").etag(fresh).request_id("r")).await.expect("the same");
    assert_eq!(again.map(|store| store.revision), Some(first.revision));
    let other = client.delete("store-a").await.expect("it is on its way").expect("a store");
    assert_eq!((other.state(), other.generation), (State::Deleting, 2));
    subject.removed("store-a").await;
    assert!(matches!(refusal(client.get("store-a").await), Error::NotFound(_)));
    let missing = DeleteStore::new("store-a").allow_missing(true).request_id("m");
    assert_eq!(client.delete(missing.clone()).await.expect("no error"), None);
    create(&client, "store-a").await;
    assert_eq!(client.delete(missing).await.expect("as before"), None, "a repetition deletes nothing");
}

pub(super) async fn a_rehearsal_writes_nothing(subject: Subject) {
    let client = subject.client();
    let rehearsed = client.create(CreateStore::new().id("store-a").validate_only(true)).await.expect("possible");
    assert_eq!(rehearsed.state(), State::Provisioning);
    assert!(matches!(refusal(client.get("store-a").await), Error::NotFound(_)));
    create(&client, "store-a").await;
    let rehearsed = client.delete(DeleteStore::new("store-a").validate_only(true)).await.expect("possible");
    assert_eq!(rehearsed.map(|store| store.state()), Some(State::Deleting));
    assert_eq!(client.get("store-a").await.expect("still there").state(), State::Provisioning);
}

pub(super) async fn an_id_is_free_again_after_its_store(subject: Subject) {
    let client = subject.client();
    let first = create(&client, "store-a").await;
    client.delete("store-a").await.expect("accepted");
    assert!(matches!(refusal(client.create(CreateStore::new().id("store-a")).await), Error::AlreadyExists(_)));
    subject.removed("store-a").await;
    assert_ne!(create(&client, "store-a").await.uid, first.uid);
}

pub(super) async fn a_protected_store_is_not_deleted(subject: Subject) {
    let client = subject.client();
    let made = client.create(CreateStore::new().id("store-a").deletion_protection(true)).await.expect("accepted");
    let is_protected =
        |store: &sendstores_client::Store| store.spec.as_ref().is_some_and(|spec| spec.deletion_protection);
    assert!(is_protected(&made));
    for delete in [DeleteStore::new("store-a"), DeleteStore::new("store-a").force(true)] {
        let refused = refusal(client.delete(delete).await);
        assert!(matches!(refused, Error::FailedPrecondition(_)), "{refused:?}");
        assert_eq!(refused.reason(), Some("DELETION_PROTECTED"));
    }
    let nothing = refusal(client.update(UpdateStore::new("store-a")).await);
    let Error::InvalidArgument { violations, .. } = &nothing else { panic!("{nothing:?}") };
    assert_eq!(violations[0].field, "update_mask");
    let open = UpdateStore::new("store-a").deletion_protection(false);
    let rehearsed = UpdateStore::new(ChangeStore::new("store-a").validate_only(true)).deletion_protection(false);
    assert!(!is_protected(&client.update(rehearsed).await.expect("possible")));
    assert_eq!(refusal(client.delete("store-a").await).reason(), Some("DELETION_PROTECTED"));
    let opened = client.update(open.clone()).await.expect("accepted");
    assert_eq!((is_protected(&opened), opened.generation, opened.state()), (false, 2, State::Provisioning));
    assert_eq!(client.update(open).await.expect("it is so").generation, 2);
    assert_eq!(refusal(client.undelete("store-a").await).reason(), Some("NOT_DELETED"));
    client.delete("store-a").await.expect("accepted");
    assert_eq!(refusal(client.undelete("store-a").await).reason(), Some("STATE_FORBIDS"));
    let late = UpdateStore::new("store-a").deletion_protection(true);
    assert_eq!(refusal(client.update(late).await).reason(), Some("STATE_FORBIDS"));
}

pub(super) async fn an_update_is_an_operation_that_is_tried_again_and_cancelled(subject: Subject) {
    let client = subject.client();
    create(&client, "store-a").await;
    let nothing = refusal(client.cancel_operation("store-a", "").await);
    assert_eq!(nothing.reason(), Some("NOT_CANCELLABLE"));
    subject.ready("store-a").await;
    assert_eq!(refusal(client.retry_operation("store-a").await).reason(), Some("STATE_FORBIDS"));
    let unnamed = refusal(client.update(UpdateStore::new("store-a").release("")).await);
    let Error::InvalidArgument { violations, .. } = &unnamed else { panic!("{unnamed:?}") };
    assert_eq!(violations[0].field, "spec.release");

    client.suspend(ChangeStore::new("store-a").request_id("s")).await.expect("accepted");
    let suspended = client.get("store-a").await.expect("a store");
    let operation = suspended.operation.clone().expect("an operation");
    assert_eq!((operation.kind(), operation.generation), (Kind::Suspend, suspended.generation));
    let refused = refusal(client.cancel_operation("store-a", &operation.id).await);
    assert_eq!(refused.reason(), Some("NOT_CANCELLABLE"));
    let other = refusal(client.cancel_operation("store-a", "op-99").await);
    assert_eq!(other.reason(), Some("NOT_CANCELLABLE"));
    let goes_on = client.retry_operation("store-a").await.expect("it goes on");
    assert_eq!((goes_on.state(), goes_on.generation), (State::Suspending, suspended.generation));
    client.resume("store-a").await.expect("accepted");
    let busy = refusal(client.suspend("store-a").await);
    assert!(matches!(busy, Error::Conflict(_)), "{busy:?}");
    assert_eq!(busy.reason(), Some("OPERATION_IN_PROGRESS"));
}

pub(super) async fn a_release_is_one_that_is_offered(subject: Subject) {
    let client = subject.client();
    let offered = client.releases().await.expect("the releases");
    let [standing_in] = &offered[..] else { panic!("one: {offered:?}") };
    assert_eq!(
        (standing_in.name.as_str(), standing_in.engine(), standing_in.default),
        ("default", Engine::Woocommerce, true)
    );
    let release = |store: Store| store.spec.expect("a spec").release;
    assert_eq!(release(client.create(CreateStore::new()).await.expect("accepted")), "");
    assert_eq!(release(client.create(CreateStore::new().release("default")).await.expect("accepted")), "default");
    let unknown = refusal(client.create(CreateStore::new().release("2026-11")).await);
    assert_eq!(unknown.reason(), Some("RELEASE_UNKNOWN"));
    let Error::InvalidArgument { violations, .. } = &unknown else { panic!("{unknown:?}") };
    assert_eq!(violations[0].field, "spec.release");
}

pub(super) async fn labels_are_replaced_as_a_whole_and_said_to_watches(subject: Subject) {
    let client = subject.client();
    let labelled = CreateStore::new().id("store-a").label("team", "a").label("tier", "gold");
    let made = client.create(labelled).await.expect("accepted");
    let of = |team: &str| {
        let labels = [("team".to_owned(), team.to_owned())].into();
        StoreFilter { labels, ..StoreFilter::default() }
    };
    let mut before = client.watch(of("a")).await.expect("open");
    let mut after = client.watch(of("b")).await.expect("open");
    assert_eq!(next(&mut before).await, "snapshot store-a Provisioning");
    assert_eq!((next(&mut before).await, next(&mut after).await), ("synced 1".to_owned(), "synced 0".to_owned()));

    let to = |team: &str| UpdateStore::new(ChangeStore::new("store-a").request_id(team)).labels([("team", team)]);
    let rehearsed = UpdateStore::new(ChangeStore::new("store-a").validate_only(true)).labels([("team", "b")]);
    assert_eq!(client.update(rehearsed).await.expect("possible").labels["team"], "b");
    let changed = client.update(to("b")).await.expect("accepted");
    assert_eq!((changed.generation, changed.state()), (made.generation + 1, State::Provisioning));
    assert_eq!(changed.labels, [("team".to_owned(), "b".to_owned())].into(), "all of them are replaced");
    assert_eq!(next(&mut before).await, "removed store-a");
    assert_eq!(next(&mut after).await, "changed store-a Provisioning");
    let listed = async |team: &str| client.list(of(team)).await.expect("a page").stores.len();
    assert_eq!((listed("a").await, listed("b").await), (0, 1));

    assert_eq!(client.update(to("b")).await.expect("the same").revision, changed.revision);
    let stale = UpdateStore::new(ChangeStore::new("store-a").etag(&made.etag)).labels([("team", "c")]);
    assert_eq!(refusal(client.update(stale).await).reason(), Some("ETAG_MISMATCH"));
    let wrong = refusal(client.update(UpdateStore::new("store-a").labels([("a b", "c")])).await);
    let Error::InvalidArgument { violations, .. } = &wrong else { panic!("{wrong:?}") };
    assert_eq!(violations[0].field, "labels");
    // One intent, however many fields.
    let both = UpdateStore::new("store-a").labels(Vec::<(&str, &str)>::new()).deletion_protection(true);
    let bare = client.update(both).await.expect("accepted");
    assert_eq!((bare.generation, bare.labels.len()), (made.generation + 2, 0));
    assert_eq!(next(&mut after).await, "removed store-a");
}
