//! The oracle finds what is wrong, under its name, and nothing in a run where all is well.

use super::*;

type Plant = fn(&mut Run);

/// Every fault, where it is planted, and the only rule that it may be found under.
const PLANTS: &[(&str, Rule, Plant)] = &[
    ("a change is not told", Rule::Reliable, |run| drop(stream(run, ALL, 0).remove(4))),
    ("the last change of a store is not told", Rule::Reliable, |run| drop(stream(run, ALL, 1).remove(2))),
    ("the last change of all is not told", Rule::Reliable, |run| stream(run, STATES, 1).truncate(4)),
    ("a snapshot lacks a store", Rule::Reliable, |run| {
        stream(run, ALL, 0).remove(0);
        stream(run, ALL, 0)[1].kind = Kind::Synced { stores: 1 };
    }),
    ("a snapshot is longer than said", Rule::Reliable, |run| stream(run, ALL, 0)[2].kind = Kind::Synced { stores: 1 }),
    ("a watcher never saw a whole snapshot", Rule::Reliable, |run| {
        run.watchers[ALL].streams.truncate(1);
        stream(run, ALL, 0).truncate(2);
    }),
    ("an acknowledged write is not in the log", Rule::Reliable, |run| {
        run.answers[0].shown.entry.revision = 13;
        run.answers.remove(1);
    }),
    ("an acknowledged write was replaced by another", Rule::Reliable, |run| run.answers[2].shown.entry.uid += "x"),
    ("the log has a gap", Rule::Reliable, |run| {
        // Where nobody was due to be told.
        run.watchers.clear();
        run.log.remove(8);
    }),
    ("a change is told twice", Rule::Unique, |run| {
        let again = stream(run, ALL, 0)[4].clone();
        stream(run, ALL, 0).insert(5, again);
    }),
    ("a change is told again behind a resume", Rule::Unique, |run| {
        let again = stream(run, STATES, 0)[4].clone();
        stream(run, STATES, 1).insert(0, again);
    }),
    ("a repeated request had a second effect", Rule::Unique, |run| run.answers[1].shown = shown(run, 4)),
    ("two requests had one effect", Rule::Unique, |run| run.answers[1].request_id = "another".to_owned()),
    ("two changes are told in the wrong order", Rule::Ordered, |run| stream(run, ALL, 1).swap(1, 2)),
    ("a change is told before the snapshot is complete", Rule::Ordered, |run| stream(run, STATES, 0).swap(1, 2)),
    ("a snapshot goes on behind its end", Rule::Ordered, |run| {
        let late = stream(run, ALL, 1)[0].clone();
        let Kind::Changed(shown) = late.kind else { panic!("a change") };
        stream(run, ALL, 1).push(Message { kind: Kind::Snapshot(shown), revision: 7, token: None });
    }),
    ("a resume begins too late", Rule::Resumable, |run| drop(stream(run, ALL, 1).remove(0))),
    ("a resume begins too late for what leaves a filter", Rule::Resumable, |run| {
        drop(stream(run, STATES, 1).remove(0))
    }),
    ("a watcher went on from another token", Rule::Resumable, |run| {
        run.watchers[ALL].streams[1].from = Some(Token { epoch: EPOCH.to_owned(), revision: 5 });
    }),
    ("another state is told than was written", Rule::Atomic, |run| entry(run, ALL, 0, 4).state = State::Failed),
    ("another store is told", Rule::Atomic, |run| entry(run, ALL, 0, 4).uid += "x"),
    ("a removal names another store", Rule::Atomic, |run| {
        stream(run, STATES, 0)[5].kind = Kind::Removed { id: "store-b".to_owned(), uid: "a1".to_owned() };
    }),
    ("a change is told that never was", Rule::Atomic, |run| {
        let mut invented = stream(run, ALL, 1)[5].clone();
        (invented.revision, invented.token) = (13, Some(at(13)));
        stream(run, ALL, 1).push(invented);
    }),
    ("a snapshot shows what was before", Rule::Atomic, |run| {
        let old = snapshot(run, 1);
        stream(run, TENANT, 0)[0] = old;
    }),
    ("two are shown one revision differently", Rule::Atomic, |run| {
        let Kind::Changed(shown) = &mut stream(run, ALL, 0)[4].kind else { panic!("a change") };
        shown.content += "x";
    }),
    ("a writer is answered with a state that was not written", Rule::Atomic, |run| {
        run.answers[2].shown.entry.state = State::Ready;
    }),
    ("a token is ahead of its change", Rule::Bookmarkable, |run| token_of(run, ALL, 0, 4, 5)),
    ("a token is behind its change", Rule::Bookmarkable, |run| token_of(run, ALL, 0, 4, 3)),
    ("a token has another history", Rule::Bookmarkable, |run| {
        stream(run, ALL, 0)[4].token = Some(Token { epoch: "other".to_owned(), revision: 4 });
    }),
    ("a change has no token", Rule::Bookmarkable, |run| stream(run, ALL, 0)[4].token = None),
    ("a heartbeat is ahead of a change that comes", Rule::Bookmarkable, |run| {
        let ahead = Message { kind: Kind::Heartbeat, revision: 4, token: Some(at(4)) };
        stream(run, ALL, 0).insert(4, ahead);
    }),
    ("a heartbeat is behind what was told", Rule::Bookmarkable, |run| {
        let behind = Message { kind: Kind::Heartbeat, revision: 3, token: Some(at(3)) };
        stream(run, ALL, 0).insert(5, behind);
    }),
    ("what synced carries is ahead", Rule::Bookmarkable, |run| token_of(run, STATES, 0, 1, 2)),
    ("a change is told that the filter does not mean", Rule::Filter, |run| {
        let outside = changed(run, 6);
        stream(run, TENANT, 1).insert(0, outside);
    }),
    ("a snapshot has a store that the filter does not mean", Rule::Filter, |run| {
        let outside = snapshot(run, 5);
        stream(run, TENANT, 0).insert(0, outside);
        stream(run, TENANT, 0)[3].kind = Kind::Synced { stores: 3 };
    }),
    ("a store leaves a filter in silence", Rule::Filter, |run| drop(stream(run, STATES, 1).remove(3))),
    ("a store that goes on is told to leave", Rule::Filter, |run| {
        stream(run, STATES, 0)[3].kind = Kind::Removed { id: "store-a".to_owned(), uid: "a1".to_owned() };
    }),
    ("a store is told to leave that was not in", Rule::Filter, |run| {
        let kind = Kind::Removed { id: "store-b".to_owned(), uid: "b1".to_owned() };
        stream(run, STATES, 1).insert(0, Message { kind, revision: 6, token: Some(at(6)) });
    }),
    ("a store that leaves is shown", Rule::Filter, |run| {
        let shown = changed(run, 5);
        stream(run, STATES, 0)[5] = shown;
    }),
];

const EPOCH: &str = "e1";
const ALL: usize = 0;
const STATES: usize = 1;
const TENANT: usize = 2;

/// Store, uid, tenant and state at revision 1, 2, ...
const LOG: [(&str, &str, &str, State); 12] = [
    ("store-a", "a1", "acme", State::Provisioning),
    ("store-b", "b1", "other", State::Provisioning),
    ("store-a", "a1", "acme", State::Ready),
    ("store-c", "c1", "acme", State::Provisioning),
    ("store-b", "b1", "other", State::Deleting),
    ("store-b", "b1", "other", State::Deleted),
    ("store-a", "a1", "acme", State::Deleting),
    ("store-c", "c1", "acme", State::Ready),
    ("store-a", "a1", "acme", State::Deleted),
    ("store-a", "a2", "acme", State::Provisioning),
    ("store-c", "c1", "acme", State::Degraded),
    ("store-a", "a2", "acme", State::Ready),
];

fn at(revision: u64) -> Token {
    Token { epoch: EPOCH.to_owned(), revision }
}

fn stream(run: &mut Run, watcher: usize, stream: usize) -> &mut Vec<Message> {
    &mut run.watchers[watcher].streams[stream].messages
}

fn entry(run: &mut Run, watcher: usize, index: usize, message: usize) -> &mut Entry {
    let Kind::Changed(shown) = &mut stream(run, watcher, index)[message].kind else { panic!("a change") };
    &mut shown.entry
}

fn token_of(run: &mut Run, watcher: usize, index: usize, message: usize, revision: u64) {
    stream(run, watcher, index)[message].token = Some(at(revision));
}

fn shown(run: &Run, revision: usize) -> Shown {
    Shown { entry: run.log[revision - 1].clone(), content: format!("content {revision}") }
}

fn changed(run: &Run, revision: usize) -> Message {
    let token = Some(at(revision as u64));
    Message { kind: Kind::Changed(shown(run, revision)), revision: revision as u64, token }
}

fn removed(run: &Run, revision: usize) -> Message {
    let Entry { id, uid, .. } = run.log[revision - 1].clone();
    Message { kind: Kind::Removed { id, uid }, ..changed(run, revision) }
}

fn snapshot(run: &Run, revision: usize) -> Message {
    Message { kind: Kind::Snapshot(shown(run, revision)), token: None, ..changed(run, revision) }
}

fn synced(stores: usize, revision: u64) -> Message {
    Message { kind: Kind::Synced { stores }, revision, token: Some(at(revision)) }
}

fn heartbeat(revision: u64) -> Message {
    Message { kind: Kind::Heartbeat, revision, token: Some(at(revision)) }
}

/// A run in which every promise was kept, written down by hand.
fn good() -> Run {
    let entry = |(i, (id, uid, tenant, state)): (usize, &(&str, &str, &str, State))| Entry {
        revision: i as u64 + 1,
        id: (*id).to_owned(),
        uid: (*uid).to_owned(),
        tenant: (*tenant).to_owned(),
        labels: BTreeMap::new(),
        state: *state,
    };
    let log = LOG.iter().enumerate().map(entry).collect();
    let mut run = Run { epoch: EPOCH.to_owned(), log, ..Run::default() };
    let (c, r, s) =
        (|revision| changed(&run, revision), |revision| removed(&run, revision), |revision| snapshot(&run, revision));
    let all = vec![
        (None, vec![s(1), s(2), synced(2, 2), c(3), c(4), c(5), c(6), heartbeat(6)]),
        (Some(6), vec![c(7), c(8), c(9), c(10), c(11), c(12), heartbeat(12)]),
    ];
    let states = vec![
        (None, vec![s(1), synced(1, 1), c(2), c(3), c(4), r(5)]),
        (Some(5), vec![r(7), c(8), c(10), r(11), c(12), heartbeat(12)]),
    ];
    // One connection came to nothing.
    let tenant = vec![
        (None, vec![s(3), s(4), synced(2, 5)]),
        (Some(5), vec![c(7), c(8), c(9), c(10), heartbeat(10)]),
        (Some(10), vec![]),
        (Some(10), vec![c(11), c(12)]),
    ];
    let filters = [
        Filter::default(),
        Filter { states: vec![State::Provisioning, State::Ready], ..Filter::default() },
        Filter { tenant: "acme".to_owned(), ..Filter::default() },
    ];
    let watchers = [("all", all), ("states", states), ("tenant", tenant)].into_iter().zip(filters);
    let watchers = watchers.map(|((name, streams), filter)| {
        let streams = streams.into_iter().map(|(from, messages)| Stream { from: from.map(at), messages }).collect();
        Watcher { name: name.to_owned(), filter, streams, until: 12 }
    });
    let watchers = watchers.collect();
    let answers = [("create-a", 1), ("create-a", 1), ("create-b", 2), ("delete-b", 5), ("delete-a", 7)];
    run.answers = answers.map(|(id, at)| Answer { request_id: id.to_owned(), shown: shown(&run, at) }).into();
    run.watchers = watchers;
    run
}

#[test]
fn a_run_that_keeps_every_promise_has_no_fault() {
    let run = good();
    run.assert_faultless();
    assert_eq!(run.summary(), "12 changes, 5 answers, 3 watchers, 8 streams (5 resumed), 37 messages");
}

#[test]
fn a_watcher_may_begin_anew_when_its_snapshot_broke() {
    let mut run = good();
    let broken = Stream { from: None, messages: vec![snapshot(&run, 1)] };
    run.watchers[ALL].streams.insert(0, broken);
    run.assert_faultless();
}

#[test]
fn every_planted_fault_is_found_under_its_name() {
    for (what, rule, plant) in PLANTS {
        let mut run = good();
        plant(&mut run);
        let faults = judge(&run);
        let rules: Vec<_> = faults.iter().map(|fault| fault.rule).collect();
        assert!(!faults.is_empty() && rules.iter().all(|found| found == rule), "{what}: {rule:?}, found {faults:#?}");
    }
}
