//! The stored form of an entry of the audit. A field may be added: a reader passes over what it does not know.

use sendstores_core::{
    TenantId, Timestamp,
    audit::{AuditEntry, Verdict},
    ledger::LedgerError,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct AuditRecord {
    version: u32,
    time: i64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    principal: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tenants: Vec<String>,
    method: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    resource: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    uid: String,
    decision: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    call: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    peer: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    agent: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    via: String,
    #[serde(default = "one")]
    count: u64,
    #[serde(default, skip_serializing_if = "is_false")]
    hidden: bool,
}

/// A program of the first version would show a hidden entry to tenants, so that such an entry has the second, which it passes over.
const VERSION: u32 = 1;
const VERSION_OF_HIDDEN: u32 = 2;

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The entry as text.
pub(in crate::ledger) fn encode(entry: &AuditEntry) -> Result<String, LedgerError> {
    let AuditEntry {
        time,
        principal,
        tenants,
        method,
        resource,
        uid,
        decision,
        reason,
        call,
        peer,
        agent,
        via,
        count,
        hidden,
    } = entry.clone();
    let record = AuditRecord {
        version: if hidden { VERSION_OF_HIDDEN } else { VERSION },
        time: time.as_micros(),
        principal,
        tenants: tenants.iter().map(ToString::to_string).collect(),
        method,
        resource,
        uid,
        decision: decision.as_str().to_owned(),
        reason,
        call,
        peer,
        agent,
        via,
        count,
        hidden,
    };
    serde_json::to_string(&record).map_err(|error| LedgerError::Corrupt(error.to_string()))
}

/// The entry that `text` is the record of. `None`: it is damaged, or of a version that this program does not know.
pub(in crate::ledger) fn decode(text: &[u8]) -> Option<AuditEntry> {
    let record: AuditRecord = serde_json::from_slice(text).ok()?;
    if record.version > VERSION_OF_HIDDEN {
        return None;
    }
    // Whose it is must be known as a whole: else it could be shown to others.
    let tenants: Option<Vec<TenantId>> = record.tenants.iter().map(|tenant| tenant.parse().ok()).collect();
    Some(AuditEntry {
        time: Timestamp::from_micros(record.time),
        principal: record.principal,
        tenants: tenants?,
        method: record.method,
        resource: record.resource,
        uid: record.uid,
        decision: Verdict::parse(&record.decision),
        reason: record.reason,
        call: record.call,
        peer: record.peer,
        agent: record.agent,
        via: record.via,
        count: record.count,
        hidden: record.hidden,
    })
}
