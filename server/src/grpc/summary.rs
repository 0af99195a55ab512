//! GetSummary: the stores by number, from the mirror in one pass.

use std::{cmp::Reverse, sync::Arc, time::SystemTime};

use sendstores_core::{
    Principal, Timestamp,
    ledger::Ledger,
    summary::{Changes, Summary, TenantCount},
};
use sendstores_proto::v1 as wire;
use wire::get_summary_response as part;

use super::{
    StoreApi, convert,
    parse::{self, Violations},
    status::Refusal,
};
use crate::mirror::Counted;

/// As many tenants are named.
const TENANTS: usize = 100;

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_get_summary(
        &self,
        request: wire::GetSummaryRequest,
        caller: Arc<Principal>,
    ) -> Result<wire::GetSummaryResponse, Refusal> {
        let wire::GetSummaryRequest { filter, consistency } = request;
        let mut violations = Violations::default();
        let filter = parse::filter(&mut violations, filter, &caller.scope);
        let consistency = parse::consistency(&mut violations, consistency);
        let (filter, consistency) = violations.finish(filter.zip(consistency))?;
        let backend = self.backend()?;
        let fresh = backend.mirror.ready(consistency, &backend.ledger).await?;
        backend.require_complete_mirror()?;
        let counted = backend.mirror.summary(&filter, SystemTime::now().into());
        Ok(response(counted, fresh))
    }
}

fn response(counted: Counted, fresh: Timestamp) -> wire::GetSummaryResponse {
    let Counted { summary, oldest, revision } = counted;
    let Summary { total, states, reasons, tenants, engines, oldest: since, changes } = summary;
    let states = merged(states.into_iter().map(|(state, stores)| (convert::state(state).into(), stores)));
    let mut reasons = merged(reasons.into_iter().map(|(reason, stores)| (convert::reason(reason).into(), stores)));
    reasons.sort_by_key(|(reason, stores)| (Reverse(*stores), *reason));
    let engines = merged(engines.into_iter().map(|(engine, stores)| (convert::engine(engine).into(), stores)));
    let tenants_total = tenants.len();
    let mut tenants: Vec<_> = tenants.into_iter().collect();
    // Those with as many stores stay in the order of their ids.
    tenants.sort_by_key(|(_, count)| Reverse(count.stores));
    let tenants = tenants.into_iter().take(TENANTS).map(|(tenant, TenantCount { stores, ready })| part::TenantCount {
        tenant: tenant.map(|id| id.to_string()).unwrap_or_default(),
        stores: number(stores),
        ready: number(ready),
    });
    let Changes { since: hour, created, became_ready, deleted, changed } = changes;
    wire::GetSummaryResponse {
        total_size: number(total),
        states: states.into_iter().map(|(state, stores)| part::StateCount { state, stores }).collect(),
        failure_reasons: reasons.into_iter().map(|(reason, stores)| part::ReasonCount { reason, stores }).collect(),
        tenants: tenants.collect(),
        tenants_total: number(tenants_total),
        engines: engines.into_iter().map(|(engine, stores)| part::EngineCount { engine, stores }).collect(),
        oldest_not_ready: oldest.map(|store| convert::basic(&store)),
        oldest_not_ready_since: since.map(|(since, _)| convert::time(since)),
        last_hour: Some(part::Changes {
            since: Some(convert::time(hour)),
            created: number(created),
            became_ready: number(became_ready),
            deleted: number(deleted),
            changed: number(changed),
        }),
        revision: revision.0,
        fresh_time: Some(convert::time(fresh)),
    }
}

/// Sorted by the contract's number. Several words that this version does not know have one number there.
fn merged(counts: impl Iterator<Item = (i32, usize)>) -> Vec<(i32, i32)> {
    let mut merged = std::collections::BTreeMap::<i32, usize>::new();
    counts.for_each(|(word, stores)| *merged.entry(word).or_default() += stores);
    merged.into_iter().map(|(word, stores)| (word, number(stores))).collect()
}

fn number(stores: usize) -> i32 {
    i32::try_from(stores).unwrap_or(i32::MAX)
}
