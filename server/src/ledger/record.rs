//! The stored form of resources: one JSON object each, apart from the domain and from the API so that each can change
//! alone. A kind of resource has one file here, and one row in [`encode`] and [`decode`].
//!
//! The revision is not in it: the ledger that writes the record sets it, and keeps it beside.
//!
//! Replicas of two versions share the records. Words and fields that this version does not know are kept, and written
//! back with the record.

pub(super) mod audit;
mod backup;
mod diagnosis;
mod operation;
mod release;
mod store;
mod tenant;
#[cfg(test)]
mod tests;
mod text;
mod token;
mod unknown;
mod volumes;

use std::{
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    str::FromStr,
    sync::Arc,
};

use sendstores_core::{
    Backup, Former, Key, Kind, Labels, Record, Resource, Revision, State, Store, Tenant, Token,
    ledger::{Before, LedgerError, Unreadable},
};
use serde::{Deserialize, Serialize};

/// A resource with a stored form.
trait Stored: Resource {
    /// The record, with texts that may be borrowed from the resource or from the stored text.
    type Form<'a>: Serialize + Deserialize<'a>;

    /// Raised when an older program could misread a record, which then sets that resource aside. Words and fields may be
    /// added without raising it, because a reader keeps what it does not know.
    const VERSION: u32;

    fn form(&self) -> Self::Form<'_>;

    fn of_form(form: Self::Form<'_>, revision: Revision) -> Result<Self, String>;
}

/// What is read first of a record that cannot be read as a whole.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    id: Option<String>,
}

/// The record as text.
pub(super) fn encode(record: &Record) -> Result<String, LedgerError> {
    match record {
        Record::Store(store) => text_of(store),
        Record::Tenant(tenant) => text_of(tenant),
        Record::Token(token) => text_of(token),
        Record::Backup(backup) => text_of(backup),
    }
}

/// The resource that `text` is the record of, at `revision`.
pub(super) fn decode(kind: Kind, text: &[u8], revision: Revision) -> Result<Record, Unreadable> {
    survived(revision, || match kind {
        Kind::Store => read::<Store>(text, revision),
        Kind::Tenant => read::<Tenant>(text, revision),
        Kind::Token => read::<Token>(text, revision),
        Kind::Backup => read::<Backup>(text, revision),
    })
}

/// A panic over one record sets that one aside: it stays in Redis, and would end every replica at each of its starts.
fn survived<T>(revision: Revision, decode: impl FnOnce() -> Result<T, Unreadable>) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_payload| {
        metrics::counter!("sendstores_panics_total", "where" => "record").increment(1);
        Err(Unreadable { key: None, revision, why: "this server cannot read it: it panicked".to_owned() })
    })
}

/// The resource of a record that is known to be of its kind.
pub(super) fn typed<R: Resource>(record: Record) -> Result<R, Unreadable> {
    R::try_from(record).map_err(|record| Unreadable {
        key: Some(record.key()),
        revision: record.revision(),
        why: format!("it is no {}", R::KIND.as_str()),
    })
}

/// The stored form of what a store was before a change: its state, or nothing; and its labels, where the change replaced them. An entry
/// of an older program never has labels: that program could not change them.
pub(super) fn before(state: &str, labels: Option<&str>) -> Before {
    if state.is_empty() {
        return Before::Nothing;
    }
    let labels = match labels.map(read_labels) {
        None => None,
        Some(Some(labels)) => Some(labels),
        Some(None) => return Before::Unknown,
    };
    State::kept(state).map_or(Before::Unknown, |state| Before::Store(Former { state, labels }))
}

/// The labels of a record, for the comparison with those before; empty for a resource without labels.
pub(super) fn labels(record: &Record) -> Result<String, LedgerError> {
    match record {
        Record::Store(store) => {
            let labels: BTreeMap<_, _> = store.labels.iter().collect();
            serde_json::to_string(&labels).map_err(|error| LedgerError::Corrupt(error.to_string()))
        }
        Record::Tenant(_) | Record::Token(_) | Record::Backup(_) => Ok(String::new()),
    }
}

fn read_labels(text: &str) -> Option<Labels> {
    let pairs: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    Labels::parse(pairs).ok()
}

fn text_of<R: Stored>(resource: &R) -> Result<String, LedgerError> {
    let form = resource.form();
    let text = match resource.unknown() {
        None => serde_json::to_string(&form),
        Some(unknown) => unknown::put_back(&form, unknown),
    };
    text.map_err(|error| LedgerError::Corrupt(error.to_string()))
}

fn read<R: Stored>(text: &[u8], revision: Revision) -> Result<Record, Unreadable> {
    understood::<R>(text, revision).map(Into::into).map_err(|why| {
        let head = serde_json::from_slice(text).unwrap_or(Head { version: None, id: None });
        let why = match head.version {
            Some(version) if version > R::VERSION => {
                format!("its version is {version}, and this program knows {} at most", R::VERSION)
            }
            _ => why,
        };
        Unreadable { key: head.id.and_then(|id| Key::parse(R::KIND, &id)), revision, why }
    })
}

fn understood<R: Stored>(text: &[u8], revision: Revision) -> Result<R, String> {
    let mut complete = true;
    let mut json = serde_json::Deserializer::from_slice(text);
    let form: Result<R::Form<'_>, _> = serde_ignored::deserialize(&mut json, |_| complete = false);
    let form = form.and_then(|form| json.end().map(|()| form)).map_err(|error| error.to_string())?;
    let mut resource = R::of_form(form, revision)?;
    if !complete {
        let unknown = unknown::beside(text, &resource.form()).map_err(|error| error.to_string())?;
        resource.set_unknown(unknown.map(Arc::new));
    }
    Ok(resource)
}

/// Refuses a version that this program does not know.
fn check_version(version: u32, known: u32) -> Result<(), String> {
    if version > known { Err(format!("its version is {version}")) } else { Ok(()) }
}

/// Parses the text of `field`.
fn parse<T: FromStr>(field: &str, text: &str) -> Result<T, String>
where
    T::Err: fmt::Display,
{
    text.parse().map_err(|error| format!("{field} {error}"))
}

/// What the text of `field` names, known or not.
fn kept<T>(field: &str, text: &str, kept: fn(&str) -> Option<T>) -> Result<T, String> {
    kept(text).ok_or_else(|| format!("{field} {text:?} is no word, or one too many that is not known"))
}
