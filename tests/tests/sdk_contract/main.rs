//! One table of cases that the real server and the fake one of the client crate pass alike.

mod accounts;
mod backups;
mod changes;
#[path = "../sdk_rig/mod.rs"]
mod sdk_rig;

use accounts::{
    a_caller_is_told_who_it_is, a_tenant_has_no_more_stores_than_it_may, a_tenant_is_declared_changed_and_removed,
    a_token_is_made_once_shown_once_and_revoked, the_audit_has_what_calls_did, what_is_wrong_of_a_token_is_named,
};
use backups::{a_backup_is_made_once_waited_for_and_removed, what_is_wrong_of_a_backup_is_named};
use changes::{
    a_deletion_is_guarded_and_repeated, a_protected_store_is_not_deleted, a_rehearsal_writes_nothing,
    a_release_is_one_that_is_offered, a_suspension_is_guarded_and_repeated, an_id_is_free_again_after_its_store,
    an_update_is_an_operation_that_is_tried_again_and_cancelled, labels_are_replaced_as_a_whole_and_said_to_watches,
};
use futures::{StreamExt, TryStreamExt, future::join_all};
use sdk_rig::{Rig, refusal};
use sendstores_client::{
    Client, CreateStore, DeleteStore, Error, Event as Seen, ListStores, ResumeToken, RetryPolicy, State, Store,
    StoreFilter, StoreView, Watch,
    testing::FakeServer,
    v1::{ListRequest, failure::Reason},
};
use sendstores_core::Event;
use sendstores_tests::{steps, wait::within};

/// A server, and what its cluster does.
enum Subject {
    Real(Box<Rig>),
    Fake(FakeServer),
}

// === impl Subject ===

impl Subject {
    /// A client that repeats nothing.
    fn client(&self) -> Client {
        match self {
            Self::Real(rig) => rig.client.clone(),
            Self::Fake(server) => server.client(),
        }
    }

    /// A client that goes on by itself.
    fn persistent(&self) -> Client {
        let url = match self {
            Self::Real(rig) => rig.url.clone(),
            Self::Fake(server) => server.url(),
        };
        Client::builder().retry(RetryPolicy::default()).connect_lazy(&url).expect("an address")
    }

    async fn at_step(&self, id: &str, detail: &str) {
        match self {
            Self::Real(rig) => rig.at_step(id, steps::RELEASE, detail).await,
            Self::Fake(server) => drop(server.at_step(id, "release", detail).expect("a store")),
        }
    }

    async fn ready(&self, id: &str) {
        match self {
            Self::Real(rig) => rig.event(id, Event::Converged).await,
            Self::Fake(server) => drop(server.ready(id).expect("a store")),
        }
    }

    async fn suspended(&self, id: &str) {
        match self {
            Self::Real(rig) => rig.event(id, Event::Slept).await,
            Self::Fake(server) => drop(server.suspended(id).expect("a store")),
        }
    }

    async fn removed(&self, id: &str) {
        match self {
            Self::Real(rig) => rig.event(id, Event::Removed).await,
            Self::Fake(server) => drop(server.removed(id).expect("a store")),
        }
    }

    async fn fail(&self, id: &str, message: &str) {
        match self {
            Self::Real(rig) => rig.give_up(id, message).await,
            Self::Fake(server) => drop(server.fail(id, Reason::ValuesRefused, message).expect("a store")),
        }
    }

    /// Loses the history so far.
    async fn forget(&self, id: &str) {
        match self {
            Self::Real(rig) => {
                for _ in 0..10 {
                    rig.at_step(id, steps::RELEASE, "again").await;
                }
            }
            Self::Fake(server) => {
                server.at_step(id, "release", "again").expect("a store");
                server.compact();
            }
        }
    }
}

/// Each case as a test on both.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod real {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(super::Subject::Real(Box::new(super::Rig::with_history(4).await))).await;
                }
            )+
        }
        mod fake {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(super::Subject::Fake(super::FakeServer::start().await.expect("a port"))).await;
                }
            )+
        }
    };
}

on_both!(
    a_store_of_defaults,
    a_request_id_makes_one_store,
    what_is_wrong_is_named,
    a_rehearsal_writes_nothing,
    a_deletion_is_guarded_and_repeated,
    a_suspension_is_guarded_and_repeated,
    a_protected_store_is_not_deleted,
    an_update_is_an_operation_that_is_tried_again_and_cancelled,
    a_release_is_one_that_is_offered,
    labels_are_replaced_as_a_whole_and_said_to_watches,
    an_id_is_free_again_after_its_store,
    lists_are_in_order_filtered_and_in_pages,
    stores_are_ordered_searched_and_counted,
    a_watch_is_a_snapshot_then_changes,
    what_leaves_a_filter_is_removed,
    a_watch_goes_on_after_its_token,
    a_token_is_of_one_filter,
    a_lost_history_is_said,
    a_lost_history_is_healed,
    credentials_have_their_time,
    a_backup_is_made_once_waited_for_and_removed,
    what_is_wrong_of_a_backup_is_named,
    waits_end_as_the_store_does,
    a_caller_is_told_who_it_is,
    a_token_is_made_once_shown_once_and_revoked,
    what_is_wrong_of_a_token_is_named,
    a_tenant_is_declared_changed_and_removed,
    a_tenant_has_no_more_stores_than_it_may,
    the_audit_has_what_calls_did,
);

async fn create(client: &Client, id: &str) -> Store {
    client.create(CreateStore::new().id(id)).await.expect("created")
}

async fn watch(client: &Client, states: &[State]) -> Watch {
    let states = states.iter().map(|state| (*state).into()).collect();
    client.watch(StoreFilter { states, ..StoreFilter::default() }).await.expect("open")
}

/// The next event but heartbeats, as words.
async fn next(watch: &mut Watch) -> String {
    let next = async {
        loop {
            let event = watch.next().await;
            let event = event.expect("an event").expect("no error");
            return match event.event {
                Seen::Heartbeat { .. } => continue,
                Seen::Snapshot(store) => format!("snapshot {} {:?}", store.id, store.state()),
                Seen::Changed(store) => {
                    assert_eq!(store.revision, event.revision);
                    format!("changed {} {:?}", store.id, store.state())
                }
                Seen::Removed { id, .. } => format!("removed {id}"),
                Seen::Synced { stores } => format!("synced {stores}"),
                other => format!("{other:?}"),
            };
        }
    };
    within("an event that is no heartbeat", next).await
}

async fn all<const N: usize>(watch: &mut Watch) -> [String; N] {
    let mut events = [const { String::new() }; N];
    for event in &mut events {
        *event = next(watch).await;
    }
    events
}

async fn a_store_of_defaults(subject: Subject) {
    let client = subject.client();
    let store = client.create(CreateStore::new().tenant("acme").label("team", "a")).await.expect("created");
    assert!(store.id.starts_with("store-") && store.id.len() == 14, "{}", store.id);
    assert_eq!((store.state(), store.generation, store.uid.len()), (State::Provisioning, 1, 36));
    assert_eq!((store.tenant.as_str(), store.labels["team"].as_str()), ("acme", "a"));
    let shop = store.spec.clone().and_then(|spec| spec.shop).expect("settings");
    let texts = [&shop.title, &shop.admin_user, &shop.country, &shop.currency, &shop.locale, &shop.timezone];
    assert_eq!(texts.map(String::as_str), ["My shop", "merchant", "US:CA", "USD", "en_US", "UTC"]);
    let texts = [&shop.weight_unit, &shop.dimension_unit, &shop.flat_rate];
    assert_eq!(texts.map(String::as_str), ["kg", "cm", "5.00"]);
    assert_eq!(shop.admin_email, format!("admin@{}.localhost", store.id));
    assert_eq!(
        (shop.payment_methods.as_slice(), shop.catalogue, store.spec.map(|spec| spec.engine)),
        (&[1, 2][..], 1, Some(1))
    );
    assert_eq!(client.get(&store.id).await.expect("there").uid, store.uid);
}

async fn a_request_id_makes_one_store(subject: Subject) {
    let client = subject.client();
    let wanted = CreateStore::new().request_id("r1").title("One");
    let many = join_all((0..10).map(|_| client.create(wanted.clone()))).await;
    let uids: std::collections::HashSet<_> = many.into_iter().map(|store| store.expect("created").uid).collect();
    assert_eq!(uids.len(), 1, "however often, and at once");
    let error = refusal(client.create(wanted.title("Another")).await);
    assert!(matches!(error, Error::InvalidArgument { .. }) && error.reason() == Some("REQUEST_ID_REUSED"), "{error:?}");
    let Error::InvalidArgument { violations, .. } = &error else { unreachable!("just seen") };
    assert_eq!(violations[0].field, "request_id");
    let error = refusal(client.delete(DeleteStore::new("store-a").request_id("r1")).await);
    assert_eq!(error.reason(), Some("REQUEST_ID_REUSED"), "an id is for one request of any kind");
}

async fn what_is_wrong_is_named(subject: Subject) {
    let client = subject.client();
    create(&client, "store-a").await;
    let taken = refusal(client.create(CreateStore::new().id("store-a")).await);
    assert!(matches!(taken, Error::AlreadyExists(_)), "{taken:?}");
    assert_eq!(taken.to_string(), "the id store-a is taken; choose another, or none (STORE_EXISTS)");
    assert_eq!(taken.cause().and_then(|cause| cause.metadata()).map(|data| data["store_id"].as_str()), Some("store-a"));

    let wrong = refusal(client.create(CreateStore::new().id("Shop").currency("euro").label("a b", "c")).await);
    let Error::InvalidArgument { violations, .. } = &wrong else { panic!("{wrong:?}") };
    let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["store_id", "labels", "spec.shop.currency"]);
    for id in ["default", "store-", "store--", "store-A", &format!("store-{}", "a".repeat(35))] {
        assert_eq!(refusal(client.get(id).await).reason(), Some("INVALID_FIELD"), "{id}");
    }
    let missing = refusal(client.get("store-b").await);
    assert_eq!(missing.to_string(), "there is no store store-b (STORE_NOT_FOUND)");
    assert!(matches!(refusal(client.delete("store-b").await), Error::NotFound(_)));
    let filter = StoreFilter { states: vec![99], ids: vec!["x".to_owned()], ..StoreFilter::default() };
    let wrong = refusal(client.list(filter.clone()).await);
    let Error::InvalidArgument { violations, .. } = &wrong else { panic!("{wrong:?}") };
    assert_eq!(
        violations.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(),
        ["filter.ids[0]", "filter.states[0]"]
    );
    assert_eq!(refusal(client.watch(filter).await).reason(), Some("INVALID_FIELD"));
}

async fn lists_are_in_order_filtered_and_in_pages(subject: Subject) {
    let client = subject.client();
    let ids: Vec<String> = (0..60).map(|i| format!("store-{i:02}")).collect();
    for id in ids.iter().rev() {
        create(&client, id).await;
    }
    subject.ready("store-07").await;
    client.delete("store-59").await.expect("accepted");
    subject.removed("store-59").await;
    let first = client.list(StoreFilter::default()).await.expect("a page");
    assert_eq!(
        (first.stores.len(), first.next_page_token.is_empty(), first.resume_token.is_empty()),
        (50, false, false)
    );
    let all: Vec<Store> = client.list_all(StoreFilter::default()).try_collect().await.expect("all");
    assert_eq!(all.iter().map(|store| &store.id).collect::<Vec<_>>(), ids[..59].iter().collect::<Vec<_>>());
    let page = ListRequest { page_size: 2, page_token: first.next_page_token, ..ListRequest::default() };
    let page = client.list_page(page).await.expect("a page");
    assert_eq!(page.stores.iter().map(|store| store.id.as_str()).collect::<Vec<_>>(), ["store-50", "store-51"]);
    let ready = StoreFilter { states: vec![State::Ready.into()], ..StoreFilter::default() };
    let ready = client.list(ready).await.expect("a page").stores;
    assert_eq!(ready.iter().map(|store| store.id.as_str()).collect::<Vec<_>>(), ["store-07"]);
    for (request, reason) in [
        (ListRequest { page_size: 501, ..ListRequest::default() }, "INVALID_FIELD"),
        (ListRequest { page_token: "made up".to_owned(), ..ListRequest::default() }, "PAGE_TOKEN_INVALID"),
    ] {
        assert_eq!(refusal(client.list_page(request).await).reason(), Some(reason));
    }
}

async fn stores_are_ordered_searched_and_counted(subject: Subject) {
    let client = subject.client();
    for id in ["store-b", "store-c", "store-a", "store-d"] {
        create(&client, id).await;
    }
    subject.ready("store-b").await;
    subject.fail("store-c", "lost").await;
    client.delete("store-d").await.expect("accepted");
    subject.removed("store-d").await;
    let listed = async |list: ListStores| {
        let page = client.list(list.view(StoreView::Basic)).await.expect("a page");
        let ids: Vec<String> = page.stores.into_iter().map(|store| store.id).collect();
        (ids.join(" "), page.total_size)
    };
    let all = || ListStores::new(StoreFilter::default());
    for (order, wanted) in [
        ("id desc", "store-c store-b store-a"),
        ("create_time", "store-b store-c store-a"),
        ("create_time desc", "store-a store-c store-b"),
        ("update_time  desc", "store-c store-b store-a"),
    ] {
        assert_eq!(listed(all().order_by(order)).await, (wanted.to_owned(), 3), "{order}");
    }
    assert_eq!(listed(all().query("E-B")).await, ("store-b".to_owned(), 1));
    let request = ListRequest { order_by: "create_time".to_owned(), page_size: 2, ..ListRequest::default() };
    let first = client.list_page(request.clone()).await.expect("a page");
    let next = ListRequest { page_token: first.next_page_token, ..request };
    let other = ListRequest { order_by: "create_time desc".to_owned(), ..next.clone() };
    assert_eq!(refusal(client.list_page(other).await).reason(), Some("PAGE_TOKEN_INVALID"));
    let last = client.list_page(next).await.expect("a page");
    assert_eq!((last.stores[0].id.as_str(), last.stores.len(), last.total_size), ("store-a", 1, 3));

    let summary = client.summary(StoreFilter::default()).await.expect("a summary");
    let states: Vec<_> = summary.states.iter().map(|one| (one.state(), one.stores)).collect();
    assert_eq!(states, [(State::Provisioning, 1), (State::Ready, 1), (State::Failed, 1)]);
    let reasons: Vec<_> = summary.failure_reasons.iter().map(|one| (one.reason(), one.stores)).collect();
    assert_eq!((summary.total_size, reasons), (3, vec![(Reason::ValuesRefused, 1)]));
    let (hour, oldest) = (summary.last_hour.expect("an hour"), summary.oldest_not_ready.expect("a store"));
    assert_eq!((hour.created, hour.became_ready, hour.deleted, hour.changed), (4, 1, 1, 4));
    assert_eq!((oldest.id.as_str(), summary.oldest_not_ready_since), ("store-c", oldest.create_time));
}

async fn a_watch_is_a_snapshot_then_changes(subject: Subject) {
    let client = subject.client();
    create(&client, "store-a").await;
    let mut watch = watch(&client, &[]).await;
    assert_eq!(all(&mut watch).await, ["snapshot store-a Provisioning", "synced 1"]);
    create(&client, "store-b").await;
    subject.at_step("store-a", "").await;
    subject.ready("store-a").await;
    client.delete("store-b").await.expect("accepted");
    subject.removed("store-b").await;
    let events = [
        "changed store-b Provisioning",
        "changed store-a Provisioning",
        "changed store-a Ready",
        "changed store-b Deleting",
        "changed store-b Deleted",
    ];
    assert_eq!(all(&mut watch).await, events);
}

async fn what_leaves_a_filter_is_removed(subject: Subject) {
    let client = subject.client();
    create(&client, "store-a").await;
    create(&client, "store-b").await;
    let mut watch = watch(&client, &[State::Ready, State::Failed]).await;
    assert_eq!(next(&mut watch).await, "synced 0");
    subject.ready("store-a").await;
    subject.fail("store-b", "lost").await;
    client.delete("store-a").await.expect("accepted");
    client.delete("store-b").await.expect("accepted");
    let events = ["changed store-a Ready", "changed store-b Failed", "removed store-a", "removed store-b"];
    assert_eq!(all(&mut watch).await, events);
}

async fn a_watch_goes_on_after_its_token(subject: Subject) {
    let client = subject.client();
    create(&client, "store-a").await;
    let mut first = watch(&client, &[]).await;
    assert_eq!(all(&mut first).await, ["snapshot store-a Provisioning", "synced 1"]);
    let token = first.resume_token().expect("a token").clone();
    let listed = client.list(StoreFilter::default()).await.expect("a page").resume_token;
    drop(first);
    subject.ready("store-a").await;
    client.delete("store-a").await.expect("accepted");
    for token in [token, ResumeToken::from(listed)] {
        let mut watch = client.watch_from(StoreFilter::default(), token).await.expect("open");
        assert_eq!(all(&mut watch).await, ["changed store-a Ready", "changed store-a Deleting"]);
    }
}

async fn a_token_is_of_one_filter(subject: Subject) {
    let client = subject.client();
    for id in ["store-a", "store-b"] {
        create(&client, id).await;
    }
    let of = |states: &[State]| {
        let states = states.iter().map(|state| (*state).into()).collect();
        StoreFilter { states, ..StoreFilter::default() }
    };
    let (all, one) = (of(&[]), of(&[State::Provisioning, State::Ready]));
    let token = async |filter: &StoreFilter| client.list(filter.clone()).await.expect("a page").resume_token;
    let watch = async |filter: &StoreFilter, token: String| {
        client.watch_from(filter.clone(), ResumeToken::from(token)).await.map(drop)
    };
    watch(&of(&[State::Ready, State::Provisioning]), token(&one).await).await.expect("the same in another order");
    let others = of(&[State::Failed]);
    assert_eq!(refusal(watch(&others, token(&one).await).await).reason(), Some("RESUME_TOKEN_INVALID"));
    assert_eq!(refusal(watch(&all, token(&one).await).await).reason(), Some("RESUME_TOKEN_INVALID"));
    assert_eq!(refusal(watch(&one, token(&all).await).await).reason(), Some("HISTORY_COMPACTED"));

    let page = |filter: &StoreFilter, page_token| ListRequest {
        filter: Some(filter.clone()),
        page_size: 1,
        page_token,
        ..ListRequest::default()
    };
    let next = client.list_page(page(&one, String::new())).await.expect("a page").next_page_token;
    let error = refusal(client.list_page(page(&all, next.clone())).await);
    assert_eq!(error.reason(), Some("PAGE_TOKEN_INVALID"));
    let second = client.list_page(page(&one, next)).await.expect("a page").stores;
    assert_eq!(second.iter().map(|store| store.id.as_str()).collect::<Vec<_>>(), ["store-b"]);
}

async fn a_lost_history_is_said(subject: Subject) {
    let client = subject.client();
    create(&client, "store-a").await;
    let mut watch = watch(&client, &[]).await;
    assert_eq!(all(&mut watch).await, ["snapshot store-a Provisioning", "synced 1"]);
    let token = watch.resume_token().expect("a token").clone();
    subject.forget("store-a").await;
    let error = refusal(client.watch_from(StoreFilter::default(), token).await);
    assert!(matches!(error, Error::HistoryCompacted(_)), "{error:?}");
    let made_up = ResumeToken::from("made up".to_owned());
    let error = refusal(client.watch_from(StoreFilter::default(), made_up).await);
    assert_eq!(error.reason(), Some("RESUME_TOKEN_INVALID"));
}

async fn a_lost_history_is_healed(subject: Subject) {
    let client = subject.persistent();
    create(&client, "store-a").await;
    let mut first = watch(&client, &[]).await;
    assert_eq!(all(&mut first).await, ["snapshot store-a Provisioning", "synced 1"]);
    let token = first.resume_token().expect("a token").clone();
    subject.forget("store-a").await;
    let mut watch = client.watch_from(StoreFilter::default(), token).await.expect("open");
    assert_eq!(all(&mut watch).await, ["Reset", "snapshot store-a Provisioning", "synced 1"]);
}

async fn credentials_have_their_time(subject: Subject) {
    let client = subject.client();
    create(&client, "store-a").await;
    let early = refusal(client.credentials("store-a").await);
    assert_eq!(early.reason(), Some("CREDENTIALS_NOT_READY"));
    if let Subject::Real(rig) = &subject {
        rig.make_credentials("store-a").await;
    }
    subject.ready("store-a").await;
    let before = client.get("store-a").await.expect("there");
    let credentials = client.credentials("store-a").await.expect("made");
    assert_eq!((credentials.user.as_str(), credentials.password.expose().is_empty()), ("merchant", false));
    assert_eq!(credentials.admin_url, format!("{}/wp-admin/", before.url));
    assert_eq!(client.get("store-a").await.expect("there").revision, before.revision + 1, "each call is on record");
    client.delete("store-a").await.expect("accepted");
    assert_eq!(refusal(client.credentials("store-a").await).reason(), Some("STORE_DELETING"));
    assert!(matches!(refusal(client.credentials("store-b").await), Error::NotFound(_)));
}

async fn waits_end_as_the_store_does(subject: Subject) {
    let client = subject.client();
    create(&client, "store-a").await;
    let begun = tokio::sync::Notify::new();
    let wait = client.wait_until_ready("store-a", |_| begun.notify_one());
    let play = async {
        begun.notified().await;
        subject.at_step("store-a", "under way").await;
        subject.ready("store-a").await;
    };
    let (ready, ()) = within("READY", async { tokio::join!(wait, play) }).await;
    assert_eq!(ready.expect("ready").state(), State::Ready);

    create(&client, "store-b").await;
    subject.fail("store-b", "the chart refuses the values").await;
    let error = refusal(client.wait_until_ready("store-b", |_| {}).await);
    assert_eq!(error.to_string(), "store store-b failed: the chart refuses the values (VALUES_REFUSED)");
    client.delete("store-b").await.expect("accepted");
    let begun = tokio::sync::Notify::new();
    let wait = client.wait_until_deleted("store-b", |_| begun.notify_one());
    let play = async {
        begun.notified().await;
        subject.removed("store-b").await;
    };
    within("DELETED", async { tokio::join!(wait, play) }).await.0.expect("gone");
    assert!(matches!(refusal(client.wait_until_ready("store-c", |_| {}).await), Error::NotFound(_)));
}
