//! The audit: two streams beside the log, with what callers did and with what they were refused.

use std::time::Duration;

use fred::types::Value;
use sendstores_core::{
    audit::{AuditEntry, AuditId},
    ledger::LedgerError,
};

use super::{
    RedisLedger, Shared, commands,
    connection::Repeat,
    reply::{self, unexpected},
};
use crate::ledger::record::audit;

/// An entry in its place; `None`: this program cannot read it.
type Placed = (AuditId, Option<AuditEntry>);

// === impl RedisLedger ===

impl RedisLedger {
    pub(super) async fn add_refusals(&self, entries: &[AuditEntry]) -> Result<(), LedgerError> {
        let Shared { keys, scripts, audit: kept, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.refusals.clone()];
        // A tenth as many as there are changes.
        let mut args: Vec<Value> = vec![kept.div_ceil(10).to_string().into()];
        for entry in entries {
            args.push(audit::encode(entry)?.into());
        }
        // A second delivery would count them twice.
        self.run(Repeat::Never, &scripts.audit, names, args).await.map(drop)
    }

    /// Up to `most` entries before the id, of both streams together; a few more where the last two have the same id.
    pub(super) async fn audit_entries(&self, before: Option<AuditId>, most: usize) -> Result<Vec<Placed>, LedgerError> {
        let Shared { keys, .. } = &*self.shared;
        let mut entries = self.read_stream(&keys.audit, before, most).await?;
        entries.extend(self.read_stream(&keys.refusals, before, most).await?);
        entries.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
        // The next page begins before the last id of this one.
        let ends =
            |end: usize| entries.get(end).is_none_or(|next| Some(next.0) != entries.get(end - 1).map(|last| last.0));
        let end = (most.max(1)..).find(|end| ends(*end)).unwrap_or(most);
        entries.truncate(end);
        Ok(entries)
    }

    async fn read_stream(&self, key: &str, before: Option<AuditId>, most: usize) -> Result<Vec<Placed>, LedgerError> {
        let from = before.map_or_else(|| "+".to_owned(), |before| format!("({before}"));
        let read = |client| commands::xrevrange(client, key, &from, most);
        let entries = self.shared.commands.next().call(Repeat::Safe, Duration::ZERO, read).await?;
        reply::list(entries)?.into_iter().map(entry).collect()
    }
}

fn entry(value: Value) -> Result<Placed, LedgerError> {
    let mut parts = reply::list(value)?.into_iter();
    let id = reply::text(parts.next())?.parse().map_err(|_| unexpected("an entry of the audit has no id"))?;
    let mut fields = reply::list(parts.next().unwrap_or(Value::Null))?.into_iter();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        if reply::text(Some(name))? == "entry" {
            return Ok((id, audit::decode(&reply::bytes(value)?)));
        }
    }
    Ok((id, None))
}
