//! Get and List: reads from the mirror, never older than any answer given before unless the caller allows it.

use std::sync::Arc;

use bytes::Bytes;
use sendstores_core::{Principal, State, Timestamp, ledger::Ledger};
use sendstores_proto::v1 as wire;

use super::{
    Backend, StoreApi, cached, convert,
    parse::{self, Violations},
    status::Refusal,
    token::{self, NextPage, ResumeBinding},
};
use crate::mirror::{Consistency, Entry, Page};

/// Bytes of the stores of one page. Most gRPC clients refuse a message of more than 4 MiB by default.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024 - 64 * 1024;

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_get(
        &self,
        request: wire::GetRequest,
        caller: Arc<Principal>,
    ) -> Result<cached::GetResponse, Refusal> {
        let wire::GetRequest { id, consistency } = request;
        let mut violations = Violations::default();
        let id = violations.parse("id", &id);
        let consistency = parse::consistency(&mut violations, consistency);
        let (id, consistency) = violations.finish(id.zip(consistency))?;
        let backend = self.backend()?;
        // Looked up before the store is: what is answered of the store is that new, or newer.
        let fresh = backend.mirror.ready(consistency, &backend.ledger).await?;
        let there = backend.mirror.get(&id).filter(|store: &Arc<Entry>| store.state != State::Deleted);
        let Some(store) = there.as_ref().filter(|store| caller.scope.contains(store.tenant.as_ref())) else {
            if backend.mirror.unreadable(&id).is_some() {
                return Err(Refusal::RecordUnreadable(id));
            }
            backend.require_complete_mirror()?;
            return Err(match there {
                Some(hidden) => Refusal::StoreHidden { id, uid: hidden.uid.clone(), tenant: hidden.tenant.clone() },
                None => Refusal::StoreNotFound(id),
            });
        };
        let store = cached::with_updates(store, self.engines(), &backend.releases.offers());
        Ok(cached::GetResponse { store, fresh_time: Some(convert::time(fresh)) })
    }

    pub(super) async fn handle_list(
        &self,
        request: wire::ListRequest,
        caller: Arc<Principal>,
    ) -> Result<cached::ListResponse, Refusal> {
        let wire::ListRequest { filter, page_size, page_token, consistency, order_by, query, view } = request;
        let mut violations = Violations::default();
        let listing = parse::listing(&mut violations, filter, (&query, &order_by), &caller.scope);
        let most = parse::page_size(&mut violations, page_size);
        let consistency = parse::consistency(&mut violations, consistency);
        let view = parse::view(&mut violations, view);
        let parsed = listing.zip(consistency).zip(most.zip(view));
        let ((listing, consistency), (most, view)) = violations.finish(parsed)?;
        let next = if page_token.is_empty() { None } else { Some(token::open_page(&page_token, &listing)?) };

        let backend = self.backend()?;
        let fresh = backend.ready(consistency, next.as_ref()).await?;
        backend.require_complete_mirror()?;
        let after = next.as_ref().map(|next| &next.after);
        let Page { stores, more, total, position } = backend.mirror.list(&listing, after, most);
        let offers = backend.releases.offers();
        let encoded = page(stores.iter().map(|store| view.encode(store, self.engines(), &offers)), MAX_PAGE_BYTES);
        let more = more || encoded.len() < stores.len();
        let first = next.map_or(position, |next| next.first);
        let last = stores[..encoded.len()].last().filter(|_| more);
        let last = last.map(|last| NextPage { first: first.clone(), after: listing.order.place(last) });
        Ok(cached::ListResponse {
            next_page_token: last.map(|next| token::page(&next, &listing)).unwrap_or_default(),
            stores: encoded,
            revision: first.revision.0,
            resume_token: token::resume(&first, &ResumeBinding::of(&listing.filter)),
            fresh_time: Some(convert::time(fresh)),
            total_size: i32::try_from(total).unwrap_or(i32::MAX),
        })
    }
}

/// As many of the first stores as have `most` bytes together, and always one, so that a list comes to its end.
fn page(stores: impl Iterator<Item = Bytes>, most: usize) -> Vec<Bytes> {
    let mut total = 0;
    let fits = |store: &Bytes| {
        let is_first = total == 0;
        total += store.len();
        is_first || total <= most
    };
    stores.take_while(fits).collect()
}

// === impl Backend ===

impl<L: Ledger> Backend<L> {
    /// Waits until a page may be answered. It must be no older than the first page of its list, which another replica may
    /// have given: else who watches on from the first would miss what this one does not show. So a read that may be stale
    /// becomes one that may not where this replica lags.
    async fn ready(&self, consistency: Consistency, next: Option<&NextPage>) -> Result<Timestamp, Refusal> {
        let fresh = self.mirror.ready(consistency, &self.ledger).await?;
        let Some(NextPage { first, .. }) = next else { return Ok(fresh) };
        if first.epoch != self.mirror.position().epoch {
            return Err(Refusal::PageTokenInvalid);
        }
        if first.revision <= self.mirror.revision() {
            return Ok(fresh);
        }
        let fresh = self.mirror.ready(Consistency::Linearizable, &self.ledger).await?;
        // No caller was shown a revision that the ledger does not have.
        if first.revision <= self.mirror.revision() { Ok(fresh) } else { Err(Refusal::PageTokenInvalid) }
    }
}
