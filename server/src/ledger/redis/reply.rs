//! What the scripts answer: a word, and what belongs to it.

use std::vec::IntoIter;

use fred::{bytes::Bytes, types::Value};
use sendstores_core::{
    Key, Kind, Record, Resource, Revision,
    ledger::{Before, Change, LedgerError, LogEntry, LogPage, Unreadable},
};

use crate::ledger::record;

pub(super) struct Reply {
    pub(super) word: String,
    rest: IntoIter<Value>,
}

// === impl Reply ===

impl Reply {
    /// Reads a reply, or the refusal that every script may answer with.
    pub(super) fn read(value: Value) -> Result<Self, LedgerError> {
        let Value::Array(parts) = value else { return Err(unexpected("no list")) };
        let mut rest = parts.into_iter();
        let word = text(rest.next())?;
        let mut reply = Self { word, rest };
        match reply.word.as_str() {
            "replaced" => {
                let epoch = reply.text()?;
                Err(replaced(&epoch))
            }
            "behind" => Err(gone_back(reply.revision()?)),
            "forked" => Err(forked(reply.revision()?)),
            "doubt" => Err(LedgerError::InDoubt(reply.text()?)),
            "fenced" => Err(LedgerError::Fenced),
            "reused" => Err(LedgerError::OperationReused),
            "nothing" => Err(LedgerError::FoundNothing),
            "headless" => Err(headless().into()),
            _ => Ok(reply),
        }
    }

    /// What a write meets that finds another record of this kind than it expected.
    pub(super) fn conflict(mut self, kind: Kind) -> LedgerError {
        let found = match self.rest.next() {
            Some(Value::Null) | None => Ok(None),
            Some(value) => bytes(value).and_then(|value| Ok(Some(Box::new(stored(kind, &value)?)))),
        };
        found.map_or_else(|error| error, LedgerError::Conflict)
    }

    pub(super) fn next(&mut self) -> Result<Value, LedgerError> {
        self.rest.next().ok_or_else(|| unexpected("too short"))
    }

    pub(super) fn text(&mut self) -> Result<String, LedgerError> {
        text(self.rest.next())
    }

    pub(super) fn number(&mut self) -> Result<u64, LedgerError> {
        self.text()?.parse().map_err(|_| unexpected("no number"))
    }

    pub(super) fn revision(&mut self) -> Result<Revision, LedgerError> {
        self.number().map(Revision)
    }

    /// A stored value.
    pub(super) fn resource<R: Resource>(&mut self) -> Result<R, LedgerError> {
        Ok(record::typed(stored(R::KIND, &bytes(self.next()?)?)?)?)
    }
}

/// Another history has taken the place of the one that was known; none, if `epoch` is empty.
pub(super) fn replaced(epoch: &str) -> LedgerError {
    LedgerError::EpochChanged(match epoch {
        "" => "it is empty".to_owned(),
        epoch => format!("it is {epoch} now"),
    })
}

/// The history lost its end and was gone on with: `revision` is another change than the one that was known.
pub(super) fn forked(revision: Revision) -> LedgerError {
    LedgerError::EpochChanged(format!("its revision {revision} is another change than before"))
}

/// Which write gave the entry, if an entry is there and says so.
pub(super) fn tip(entries: Value) -> Result<Option<String>, LedgerError> {
    let Some(entry) = list(entries)?.into_iter().next() else { return Ok(None) };
    Ok(fields(list(entry)?.into_iter().nth(1))?.tip)
}

/// The history was cut back to `last`: an old copy took the place of the data.
pub(super) fn gone_back(last: Revision) -> LedgerError {
    LedgerError::EpochChanged(format!("it went back to revision {last}"))
}

pub(super) fn unexpected(what: &str) -> LedgerError {
    LedgerError::Corrupt(format!("a reply is not as expected: {what}"))
}

/// The resource of a stored value: `<revision> <mark> <attempts> <record>`.
pub(super) fn stored(kind: Kind, value: &[u8]) -> Result<Record, Unreadable> {
    let mut parts = value.splitn(4, |&byte| byte == b' ');
    let revision =
        parts.next().and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok());
    let (Some(revision), Some(record)) = (revision, parts.nth(2)) else {
        return Err(headless());
    };
    record::decode(kind, record, Revision(revision))
}

fn headless() -> Unreadable {
    Unreadable { key: None, revision: Revision::ZERO, why: "the stored value does not begin as it must".to_owned() }
}

/// Some changes and what they are tied to.
pub(super) struct Page {
    pub(super) page: LogPage,
    /// Names the last write of the page; the write before it, if the page is empty.
    pub(super) tip: Option<String>,
}

/// The entries of the log after `after`, which `tip` wrote as far as is known. Revisions are dense, so a missing one was
/// trimmed away; and each entry names the write before it, so that a history which lost its end and then was gone on
/// with by others differs from the one that was known, however long it has become.
pub(super) fn page(entries: Value, after: Revision, tip: Option<String>, epoch: &str) -> Result<Page, LedgerError> {
    let mut changes = Vec::new();
    let (mut due, mut tip) = (after.next(), tip);
    for entry in list(entries)? {
        let mut parts = list(entry)?.into_iter();
        let id = text(parts.next())?;
        let revision = id.strip_suffix("-0").and_then(|digits| digits.parse().ok()).map(Revision);
        let revision = revision.ok_or_else(|| unexpected("an entry of the log has another id"))?;
        let fields = fields(parts.next())?;
        let Fields { epoch: written_in, before, tip: its_tip, prev, .. } = &fields;
        if written_in != epoch {
            return Err(replaced(written_in));
        }
        if revision != due {
            // What stands before the gap is good; the gap is reported when the reader has come there.
            let begun = !changes.is_empty();
            let oldest = revision.back(1);
            let page = if begun { LogPage::Changes(changes) } else { LogPage::Compacted { oldest } };
            return Ok(Page { page, tip });
        }
        if let (Some(known), Some(prev)) = (&tip, prev)
            && known != prev
        {
            return Err(forked(revision.back(1)));
        }
        tip.clone_from(its_tip);
        changes.push(Change { revision, before: before.clone(), entry: fields.entry(revision) });
        due = revision.next();
    }
    Ok(Page { page: LogPage::Changes(changes), tip })
}

/// The fields of an entry.
struct Fields {
    epoch: String,
    /// `None`: one of a newer version.
    kind: Option<Kind>,
    before: Before,
    /// Absent in what an older program wrote, as `tip` and `prev` may be.
    id: Option<String>,
    record: Bytes,
    tip: Option<String>,
    prev: Option<String>,
}

fn fields(value: Option<Value>) -> Result<Fields, LedgerError> {
    let mut epoch = None;
    let (mut kind, mut state, mut labels) = (Some(Kind::Store), None, None);
    let (mut id, mut record, mut tip, mut prev) = (None, None, None, None);
    let mut parts = list(value.unwrap_or(Value::Null))?.into_iter();
    while let Some(name) = parts.next() {
        let value = parts.next();
        match text(Some(name))?.as_str() {
            "epoch" => epoch = Some(text(value)?),
            // Entries of stores say nothing: they are older than other kinds.
            "kind" => kind = Kind::parse(&text(value)?),
            "before" => state = text(value).ok(),
            // What is no text says as little as a text that cannot be read.
            "before_labels" => labels = Some(text(value).unwrap_or_default()),
            "id" => id = text(value).ok(),
            "tip" => tip = Some(text(value)?),
            "prev" => prev = Some(text(value)?).filter(|prev| !prev.is_empty()),
            "record" => record = value.map(bytes).transpose()?,
            _ => {}
        }
    }
    let epoch = epoch.ok_or_else(|| unexpected("an entry of the log has no epoch"))?;
    // Without one it is a record that cannot be read.
    let record = record.unwrap_or_default();
    let before = state.map_or(Before::Unknown, |state| record::before(&state, labels.as_deref()));
    Ok(Fields { epoch, kind, before, id, record, tip, prev })
}

// === impl Fields ===

impl Fields {
    fn entry(&self, revision: Revision) -> LogEntry {
        let Some(kind) = self.kind else { return LogEntry::OtherKind };
        match record::decode(kind, &self.record, revision) {
            Ok(record) => LogEntry::Record(record),
            Err(unreadable) => {
                let named = self.id.as_deref().and_then(|id| Key::parse(kind, id));
                LogEntry::Unreadable(Unreadable { key: named.or(unreadable.key), ..unreadable })
            }
        }
    }
}

pub(super) fn list(value: Value) -> Result<Vec<Value>, LedgerError> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(unexpected("no list")),
    }
}

pub(super) fn text(value: Option<Value>) -> Result<String, LedgerError> {
    value.and_then(Value::into_string).ok_or_else(|| unexpected("no text"))
}

pub(super) fn bytes(value: Value) -> Result<Bytes, LedgerError> {
    match value {
        Value::String(text) => Ok(text.into_inner()),
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(unexpected("no bytes")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};
    use sendstores_core::{Former, Labels, State};

    use super::*;
    use crate::hostile;

    fn entry(id: &str, fields: &[(&str, &str)]) -> Value {
        let fields = fields.iter().flat_map(|(name, value)| [*name, *value]).map(Value::from).collect();
        Value::Array(vec![id.into(), Value::Array(fields)])
    }

    #[test]
    fn an_entry_of_another_kind_takes_its_revision_and_nothing_else() {
        let other = [("epoch", "e"), ("kind", "comet"), ("record", "{}"), ("tip", "b"), ("prev", "a")];
        let own = [("epoch", "e"), ("kind", "store"), ("record", "{"), ("tip", "c"), ("prev", "b"), ("before", "")];
        let entries = Value::Array(vec![entry("8-0", &other), entry("9-0", &own)]);
        let Page { page, tip } = page(entries, Revision(7), Some("a".to_owned()), "e").unwrap();
        let LogPage::Changes(changes) = page else { panic!("{page:?}") };
        let passed: Vec<_> =
            changes.iter().map(|change| (change.revision, change.entry == LogEntry::OtherKind)).collect();
        assert_eq!(passed, [(Revision(8), true), (Revision(9), false)]);
        assert_eq!(tip.as_deref(), Some("c"));
    }

    #[test]
    fn an_entry_says_which_labels_a_change_replaced() {
        let labels = |pairs: &[(&str, &str)]| {
            Labels::parse(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))).expect("valid")
        };
        let said = |more: &[(&str, &str)]| {
            let fields = [&[("epoch", "e"), ("record", "{"), ("before", "READY")], more].concat();
            let entries = Value::Array(vec![entry("8-0", &fields)]);
            let Page { page, .. } = page(entries, Revision(7), None, "e").unwrap();
            let LogPage::Changes(changes) = page else { panic!("{page:?}") };
            changes[0].before.clone()
        };
        let ready = |labels| Before::Store(Former { state: State::Ready, labels });
        assert_eq!(said(&[]), ready(None), "as the version before wrote it");
        assert_eq!(said(&[("before_labels", r#"{"team":"a"}"#)]), ready(Some(labels(&[("team", "a")]))));
        assert_eq!(said(&[("before_labels", "{}")]), ready(Some(labels(&[]))));
        assert_eq!(said(&[("before_labels", "{")]), Before::Unknown);
    }

    /// A text of Redis: one that the ledger writes, or any.
    fn word() -> impl Strategy<Value = Value> {
        const LABELS: &str = r#"{"team":"a"}"#;
        let known = [
            "", "e", "epoch", "kind", "store", "tenant", "before", "READY", "id", "tip", "prev", "record", "{}", LABELS,
        ];
        let replies = ["replaced", "behind", "forked", "doubt", "fenced", "reused", "nothing", "headless", "ok"];
        let numbers = ["8-0", "9-0", "0-0", "-1", "18446744073709551615-0", "18446744073709551616-0", "7 a 0 {}"];
        let texts = prop_oneof![
            8 => select([&known[..], &replies, &numbers].concat()).prop_map(ToOwned::to_owned),
            1 => hostile::text(),
        ];
        texts.prop_map(Value::from)
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            8 => word(),
            1 => Just(Value::Null),
            1 => any::<i64>().prop_map(Value::Integer),
            1 => any::<f64>().prop_map(Value::Double),
            1 => any::<bool>().prop_map(Value::Boolean),
            1 => vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Bytes(bytes.into())),
        ];
        leaf.prop_recursive(4, 60, 12, |inner| vec(inner, 0..12).prop_map(Value::Array))
    }

    /// Entries as the log has them, with anything in the place of some of their parts.
    fn entries() -> impl Strategy<Value = Value> {
        let field = |name: &'static str| (Just(Value::from(name)), prop_oneof![6 => word(), 1 => any_value()]);
        let before = (field("before"), field("before_labels"));
        let fields = (field("kind"), before, field("id"), field("tip"), field("prev"), field("record"));
        let fields = fields.prop_map(|(a, (b, c), d, e, f, g)| [("epoch".into(), "e".into()), a, b, c, d, e, f, g]);
        let fields = fields.prop_map(|fields| Value::Array(fields.into_iter().flat_map(|(a, b)| [a, b]).collect()));
        let id = prop_oneof![3 => Just(Value::from("8-0")), 3 => Just(Value::from("9-0")), 1 => word()];
        let entry =
            prop_oneof![8 => (id, fields).prop_map(|(id, fields)| Value::Array(vec![id, fields])), 1 => any_value()];
        vec(entry, 0..4).prop_map(Value::Array)
    }

    #[test]
    fn whatever_a_script_answers_is_read_or_refused() {
        hostile::check(&any_value(), |value| {
            let _ = tip(value.clone());
            let Ok(mut reply) = Reply::read(value.clone()) else { return };
            for kind in Kind::ALL.iter().copied() {
                drop(Reply::read(value.clone()).expect("as before").conflict(kind));
            }
            let _ = (reply.revision(), reply.resource::<sendstores_core::Store>(), reply.text(), reply.next());
        });
    }

    #[test]
    fn whatever_the_log_has_its_changes_are_dense_or_it_is_refused() {
        hostile::check(&(entries(), any::<bool>()), |(entries, knows)| {
            let tip = knows.then(|| "a".to_owned());
            match page(entries, Revision(7), tip, "e") {
                Ok(Page { page: LogPage::Changes(changes), .. }) => {
                    let revisions: Vec<_> = changes.iter().map(|change| change.revision.0).collect();
                    assert_eq!(revisions, (8..8 + revisions.len() as u64).collect::<Vec<_>>());
                }
                Ok(Page { page: LogPage::Compacted { oldest }, .. }) => assert_ne!(oldest, Revision(7)),
                Err(_) => {}
            }
        });
    }
}
