//! The terms of a write, as its script has them.

use std::{collections::BTreeMap, time::Duration};

use fred::types::Value;
use sendstores_core::{
    Record, Revision, TenantId,
    admission::{Denial, Quota, Terms},
    ledger::LedgerError,
};

use super::{
    RedisLedger, Shared,
    connection::Repeat,
    reply::{Reply, unexpected},
};
use crate::ledger::record::{self, audit};

/// The tenant of the record, if it is of a store, the quota, the entry of the audit, and the labels of the record, if it is
/// of a store.
pub(super) fn args(record: &Record, terms: &Terms) -> Result<[Value; 4], LedgerError> {
    let tenant = match record {
        Record::Store(store) => store.tenant.as_ref().map(TenantId::as_str),
        Record::Tenant(_) | Record::Token(_) | Record::Backup(_) => None,
    };
    let quota = terms.quota.map(|Quota { defaults, closed }| {
        let limit = |most: Option<u32>| most.map_or_else(|| "-".to_owned(), |most| most.to_string());
        let tenants = if closed { "closed" } else { "open" };
        format!("{} {} {tenants}", limit(defaults.stores), limit(defaults.creates_per_minute))
    });
    let entry = terms.audit.as_ref().map(audit::encode).transpose()?.unwrap_or_default();
    let (tenant, quota) = (tenant.unwrap_or_default(), quota.unwrap_or_default());
    Ok([tenant.into(), quota.into(), entry.into(), record::labels(record)?.into()])
}

/// What a write is refused with whose terms are not met.
pub(super) fn denied(mut reply: Reply) -> LedgerError {
    let mut read = || {
        let why = reply.text()?;
        let mut number = || reply.number();
        Ok(match why.as_str() {
            "undeclared" => Denial::Undeclared,
            "stores" => Denial::Stores { most: limit(number()?) },
            "rate" => Denial::Rate { most: limit(number()?), retry_after: Duration::from_micros(number()?) },
            "notempty" => Denial::NotEmpty { stores: number()? },
            other => return Err(unexpected(other)),
        })
    };
    read().map_or_else(|error| error, LedgerError::NotAdmitted)
}

fn limit(most: u64) -> u32 {
    u32::try_from(most).unwrap_or(u32::MAX)
}

// === impl RedisLedger ===

impl RedisLedger {
    pub(super) async fn compare_counts(
        &self,
        at: Revision,
        stores: &BTreeMap<TenantId, u64>,
    ) -> Result<Option<u64>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.counts.clone()];
        let counts = stores.iter().flat_map(|(tenant, stores)| [tenant.to_string(), stores.to_string()]);
        let args = std::iter::once(at.to_string()).chain(counts).map(Value::from).collect();
        // A second comparison would find what the first has put right.
        let mut reply = self.run(Repeat::Never, &scripts.check, names, args).await?;
        (reply.word == "checked").then(|| reply.number()).transpose()
    }
}
