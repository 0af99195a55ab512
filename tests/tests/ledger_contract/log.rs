use std::time::Duration;

use sendstores_core::{
    Event, Former, Labels, Revision, State, Store,
    ledger::{Before, Change, Ledger, LedgerError, LogPage},
};
use sendstores_tests::{
    ledger::{Readable, apply, creation, event, last, tombstone, update},
    wait::within,
};

use crate::worlds::World;

on_both! {
    the_log_has_every_change_in_order,
    an_empty_log_is_not_compacted,
    a_reader_is_woken_by_a_change,
    two_readers_are_woken_by_one_change,
    a_reader_follows_without_a_gap,
    a_reader_at_the_end_waits_no_longer_than_asked,
    a_position_before_the_history_is_compacted,
    a_history_of_one_change,
    a_change_tells_what_the_store_was_before,
    a_change_of_labels_tells_which_they_were,
}

const LONG: Duration = Duration::from_secs(60);

/// What a page brings: stores, or from where it can be read.
type Read = Result<Vec<Store>, Revision>;

fn changes(stores: &[Store]) -> Read {
    Ok(stores.to_vec())
}

fn page(page: Result<LogPage, LedgerError>) -> Read {
    let store = |change: Change| {
        assert_eq!(change.revision, change.store().revision);
        change.store().clone()
    };
    match page.expect("a page") {
        LogPage::Changes(changes) => Ok(changes.into_iter().map(store).collect()),
        LogPage::Compacted { oldest } => Err(oldest),
    }
}

async fn read<L: Ledger>(ledger: &L, after: u64, most: usize) -> Read {
    page(ledger.read_log(Revision(after), most, Duration::ZERO).await)
}

async fn the_log_has_every_change_in_order<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let first = apply(&ledger, creation("store-a")).await;
    let other = apply(&ledger, creation("store-b")).await;
    let second = apply(&ledger, update(&first)).await;
    let all = [first, other, second];
    assert_eq!(read(&ledger, 0, 100).await, changes(&all));
    assert_eq!(read(&ledger, 0, 2).await, changes(&all[..2]));
    assert_eq!(read(&ledger, 1, 2).await, changes(&all[1..]));
    assert_eq!(read(&ledger, 2, 100).await, changes(&all[2..]));
    assert_eq!(read(&ledger, 3, 100).await, changes(&[]));
    tombstone(&ledger, "store-c").await;
    ledger.sweep(Duration::ZERO, 100).await.expect("swept");
    assert_eq!(read(&ledger, 3, 100).await, read(&world.reopen().await, 3, 100).await);
    assert_eq!(last(&ledger).await, Revision(6));
}

async fn an_empty_log_is_not_compacted<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    assert_eq!(read(&ledger, 0, 100).await, changes(&[]));
    assert_eq!(read(&ledger, 0, 0).await, changes(&[]));
}

async fn a_reader_is_woken_by_a_change<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let reader = tokio::spawn({
        let ledger = ledger.clone();
        async move { ledger.read_log(Revision::ZERO, 100, LONG).await }
    });
    let store = apply(&ledger, creation("store-a")).await;
    assert_eq!(page(reader.await.expect("no panic")), changes(&[store]));
}

async fn two_readers_are_woken_by_one_change<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let readers = [0, 1].map(|_| {
        let ledger = ledger.clone();
        tokio::spawn(async move { ledger.read_log(Revision::ZERO, 100, LONG).await })
    });
    let store = apply(&ledger, creation("store-a")).await;
    for reader in readers {
        assert_eq!(page(reader.await.expect("no panic")), changes(std::slice::from_ref(&store)));
    }
}

async fn a_reader_follows_without_a_gap<W: World>() {
    const COUNT: u64 = 300;
    let world = W::new().await;
    let ledger = world.ledger();
    let reader = tokio::spawn({
        let ledger = ledger.clone();
        async move {
            let mut at = Revision::ZERO;
            while at < Revision(COUNT) {
                let page = ledger.read_log(at, 7, LONG).await.expect("a page");
                let LogPage::Changes(changes) = page else { panic!("compacted at {at}") };
                assert!(!changes.is_empty() && changes.len() <= 7);
                for change in changes {
                    assert_eq!((change.revision, change.store().revision), (at.next(), at.next()));
                    at = change.revision;
                }
            }
        }
    });
    let mut store = apply(&ledger, creation("store-a")).await;
    for _ in 1..COUNT {
        store = apply(&ledger, update(&store)).await;
    }
    within("every change to be read", reader).await.expect("every change");
}

async fn a_reader_at_the_end_waits_no_longer_than_asked<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    apply(&ledger, creation("store-a")).await;
    let waited = ledger.read_log(Revision(1), 100, Duration::from_millis(1_500));
    assert_eq!(page(waited.await), changes(&[]));
    // A change behind the wait is found by the next read.
    let store = apply(&ledger, creation("store-b")).await;
    assert_eq!(page(ledger.read_log(Revision(1), 100, LONG).await), changes(&[store]));
}

async fn a_position_before_the_history_is_compacted<W: World>() {
    let world = W::with_history(5).await;
    let ledger = world.ledger();
    let mut written = vec![apply(&ledger, creation("store-a")).await];
    for _ in 1..5 {
        written.push(apply(&ledger, update(&written[written.len() - 1])).await);
    }
    assert_eq!(read(&ledger, 0, 100).await, changes(&written), "all five are kept");
    for _ in 5..12 {
        written.push(apply(&ledger, update(&written[written.len() - 1])).await);
    }
    for lost in 0..7 {
        assert_eq!(read(&ledger, lost, 100).await, Err(Revision(7)), "{lost}");
        assert_eq!(page(ledger.read_log(Revision(lost), 1, LONG).await), Err(Revision(7)), "{lost}");
    }
    for kept in 7..=12 {
        assert_eq!(read(&ledger, kept, 100).await, changes(&written[usize::try_from(kept).expect("fits")..]), "{kept}");
    }
}

async fn a_history_of_one_change<W: World>() {
    let world = W::with_history(1).await;
    let ledger = world.ledger();
    let first = apply(&ledger, creation("store-a")).await;
    let second = apply(&ledger, update(&first)).await;
    assert_eq!(read(&ledger, 0, 100).await, Err(Revision(1)));
    assert_eq!(read(&ledger, 1, 100).await, changes(&[second]));
    assert_eq!(read(&ledger, 2, 100).await, changes(&[]));
}

async fn a_change_tells_what_the_store_was_before<W: World>() {
    let world = W::with_history(5).await;
    let ledger = world.ledger();
    tombstone(&ledger, "store-a").await;
    // The id is free, and the next store of that name has nothing before it.
    let store = apply(&ledger, creation("store-a")).await;
    let store = apply(&ledger, event(&store, Event::Converged)).await;
    apply(&ledger, update(&store)).await;
    let page = ledger.read_log(Revision(1), 100, Duration::ZERO).await.expect("a page");
    let LogPage::Changes(changes) = page else { panic!("{page:?}") };
    let before: Vec<_> = changes.iter().map(|change| change.before.clone()).collect();
    let [provisioning, deleting, ready] = [State::Provisioning, State::Deleting, State::Ready].map(former);
    assert_eq!(before, [provisioning.clone(), deleting, Before::Nothing, provisioning, ready]);
}

/// The store before a change that left its labels as they were.
fn former(state: State) -> Before {
    Before::Store(Former { state, labels: None })
}

async fn a_change_of_labels_tells_which_they_were<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let store = apply(&ledger, creation("store-a")).await;
    let of = |labels: &[(&str, &str)]| {
        Labels::parse(labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))).expect("valid")
    };
    let sets = [of(&[("team", "a"), ("1", "007")]), of(&[]), of(&[]), of(&[("team", "b")]), of(&[("team", "b")])];
    let mut written = vec![store];
    for labels in &sets {
        let last = written[written.len() - 1].clone();
        written.push(apply(&ledger, update(&Store { labels: labels.clone(), ..last })).await);
    }
    let page = world.reopen().await.read_log(Revision(1), 100, Duration::ZERO).await.expect("a page");
    let LogPage::Changes(changes) = page else { panic!("{page:?}") };
    let before: Vec<_> = changes.iter().map(|change| change.before.clone()).collect();
    let relabelled =
        |labels: &Labels| Before::Store(Former { state: State::Provisioning, labels: Some(labels.clone()) });
    let same = former(State::Provisioning);
    let wanted = [relabelled(&written[0].labels), relabelled(&sets[0]), same.clone(), relabelled(&sets[2]), same];
    assert_eq!(before, wanted);
}
