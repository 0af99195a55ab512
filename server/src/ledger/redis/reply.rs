//! What the scripts answer: a word, and what belongs to it.

use std::vec::IntoIter;

use fred::{bytes::Bytes, types::Value};
use sendstores_core::{
    Revision, Store,
    ledger::{Before, Change, LedgerError, LogPage},
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
            "doubt" => Err(LedgerError::InDoubt(reply.text()?)),
            "fenced" => Err(LedgerError::Fenced),
            "reused" => Err(LedgerError::OperationReused),
            "conflict" => match reply.rest.next() {
                Some(Value::Null) | None => Err(LedgerError::Conflict(None)),
                Some(value) => Err(LedgerError::Conflict(Some(Box::new(stored(&bytes(value)?)?)))),
            },
            _ => Ok(reply),
        }
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
    pub(super) fn store(&mut self) -> Result<Store, LedgerError> {
        stored(&bytes(self.next()?)?)
    }
}

/// Another history has taken the place of the one that was known; none, if `epoch` is empty.
pub(super) fn replaced(epoch: &str) -> LedgerError {
    LedgerError::EpochChanged(match epoch {
        "" => "it is empty".to_owned(),
        epoch => format!("it is {epoch} now"),
    })
}

/// The history was cut back to `last`: an old copy took the place of the data.
pub(super) fn gone_back(last: Revision) -> LedgerError {
    LedgerError::EpochChanged(format!("it went back to revision {last}"))
}

pub(super) fn unexpected(what: &str) -> LedgerError {
    LedgerError::Corrupt(format!("a reply is not as expected: {what}"))
}

/// The store of a stored value: `<revision> <mark> <attempts> <record>`.
pub(super) fn stored(value: &[u8]) -> Result<Store, LedgerError> {
    let mut parts = value.splitn(4, |&byte| byte == b' ');
    let revision =
        parts.next().and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok());
    let (Some(revision), Some(record)) = (revision, parts.nth(2)) else {
        return Err(LedgerError::Corrupt("a stored value has no head".to_owned()));
    };
    record::decode(record, Revision(revision))
}

/// The entries of the log behind `after`. Revisions are dense, so a missing one was trimmed away.
pub(super) fn page(entries: Value, after: Revision, epoch: &str) -> Result<LogPage, LedgerError> {
    let mut changes = Vec::new();
    let mut due = after.next();
    for entry in list(entries)? {
        let mut parts = list(entry)?.into_iter();
        let id = text(parts.next())?;
        let revision = id.strip_suffix("-0").and_then(|digits| digits.parse().ok()).map(Revision);
        let revision = revision.ok_or_else(|| unexpected("an entry of the log has another id"))?;
        let Fields { epoch: written_in, before, record } = fields(parts.next())?;
        if written_in != epoch {
            return Err(replaced(&written_in));
        }
        if revision != due {
            // What stands before the gap is good; the gap is reported when the reader has come there.
            let begun = !changes.is_empty();
            let oldest = revision.back(1);
            return Ok(if begun { LogPage::Changes(changes) } else { LogPage::Compacted { oldest } });
        }
        changes.push(Change { revision, before, store: record::decode(&record, revision)? });
        due = revision.next();
    }
    Ok(LogPage::Changes(changes))
}

/// The fields of an entry.
struct Fields {
    epoch: String,
    before: Before,
    record: Bytes,
}

fn fields(value: Option<Value>) -> Result<Fields, LedgerError> {
    let mut epoch = None;
    let mut before = Before::Unknown;
    let mut record = None;
    let mut parts = list(value.unwrap_or(Value::Null))?.into_iter();
    while let Some(name) = parts.next() {
        let value = parts.next();
        match text(Some(name))?.as_str() {
            "epoch" => epoch = Some(text(value)?),
            "before" => before = record::before(&text(value)?)?,
            "record" => record = value.map(bytes).transpose()?,
            _ => {}
        }
    }
    let (Some(epoch), Some(record)) = (epoch, record) else {
        return Err(unexpected("an entry of the log lacks a field"));
    };
    Ok(Fields { epoch, before, record })
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
