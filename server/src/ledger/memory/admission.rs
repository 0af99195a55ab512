//! The terms of a write, checked as the script of the ledger on Redis does.

use std::{collections::BTreeMap, time::Duration};

use sendstores_core::{
    Key, Kind, Record, TenantId,
    admission::{Denial, Quota, RATE_WINDOW, Terms},
    ledger::LedgerError,
};

use super::history::History;

// === impl History ===

impl History {
    /// Refuses what the terms do not admit. What is admitted takes its part of the tenant's rate.
    pub(super) fn admit(&mut self, record: &Record, terms: &Terms) -> Result<(), LedgerError> {
        let Some(quota) = terms.quota else { return Ok(()) };
        match record {
            Record::Store(store) if !store.is_deleted() && !self.lives(&record.key()) => match &store.tenant {
                Some(tenant) => self.admit_store(tenant, quota).map_err(LedgerError::NotAdmitted),
                None => Ok(()),
            },
            Record::Tenant(tenant) if record.is_deleted() => match self.count(&tenant.id) {
                0 => Ok(()),
                stores => Err(LedgerError::NotAdmitted(Denial::NotEmpty { stores })),
            },
            _ => Ok(()),
        }
    }

    fn admit_store(&mut self, tenant: &TenantId, quota: Quota) -> Result<(), Denial> {
        let declared = match self.load(&Key::Tenant(tenant.clone())) {
            Ok(Some(Record::Tenant(declared))) if !declared.is_deleted() => Some(declared),
            _ => None,
        };
        if declared.is_none() && quota.closed {
            return Err(Denial::Undeclared);
        }
        let limits = declared.map(|declared| declared.limits).unwrap_or_default().or(quota.defaults);
        if let Some(most) = limits.stores
            && self.count(tenant) >= u64::from(most)
        {
            return Err(Denial::Stores { most });
        }
        let Some(most) = limits.creates_per_minute else { return Ok(()) };
        let (now, window) = (self.now(), RATE_WINDOW);
        let part =
            Duration::from_micros(u64::try_from(window.as_micros()).unwrap_or(u64::MAX) / u64::from(most.max(1)));
        let till = self.rates.get(tenant).copied().unwrap_or(now).max(now).after(part);
        let ahead = till.since(now);
        if ahead > window {
            return Err(Denial::Rate { most, retry_after: ahead - window });
        }
        self.rates.insert(tenant.clone(), till);
        Ok(())
    }

    /// By how many stores this count differs from another one.
    pub(super) fn differs_by(&self, stores: &BTreeMap<TenantId, u64>) -> u64 {
        let mut counts = self.counts();
        stores.iter().map(|(tenant, count)| counts.remove(tenant).unwrap_or(0).abs_diff(*count)).sum::<u64>()
            + counts.values().sum::<u64>()
    }

    fn count(&self, tenant: &TenantId) -> u64 {
        self.counts().get(tenant).copied().unwrap_or(0)
    }

    fn counts(&self) -> BTreeMap<TenantId, u64> {
        let mut counts = BTreeMap::new();
        for key in self.keys(Kind::Store) {
            if let Ok(Some(Record::Store(store))) = self.load(key)
                && !store.is_deleted()
                && let Some(tenant) = store.tenant
            {
                *counts.entry(tenant).or_insert(0) += 1;
            }
        }
        counts
    }
}
