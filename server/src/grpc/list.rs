//! Get and List: reads from the mirror, never older than any answer given before unless the caller allows it.

use sendstores_core::{State, ledger::Ledger};
use sendstores_proto::v1 as wire;

use super::{
    StoreApi, convert,
    parse::{self, Violations},
    status::Refusal,
    token,
};
use crate::mirror::Page;

const DEFAULT_PAGE: i32 = 50;
const MAX_PAGE: i32 = 500;

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_get(&self, request: wire::GetRequest) -> Result<wire::GetResponse, Refusal> {
        let wire::GetRequest { id, consistency } = request;
        let mut violations = Violations::default();
        let id = violations.parse("id", &id);
        let consistency = parse::consistency(&mut violations, consistency);
        let (id, consistency) = violations.finish(id.zip(consistency))?;
        let backend = self.backend()?;
        // Looked up before the store is: what is told of the store is that new, or newer.
        let fresh = backend.mirror.ready(consistency, &backend.ledger).await?;
        let Some(store) = backend.mirror.get(&id).filter(|store| store.state != State::Deleted) else {
            backend.all_are_known()?;
            return Err(Refusal::StoreNotFound(id));
        };
        Ok(wire::GetResponse { store: Some(convert::store(&store)), fresh_time: Some(convert::time(fresh)) })
    }

    pub(super) async fn handle_list(&self, request: wire::ListRequest) -> Result<wire::ListResponse, Refusal> {
        let wire::ListRequest { filter, page_size, page_token, consistency } = request;
        let mut violations = Violations::default();
        let filter = parse::filter(&mut violations, filter);
        if !(0..=MAX_PAGE).contains(&page_size) {
            violations.add("page_size", format!("must be 0 to {MAX_PAGE}"));
        }
        let consistency = parse::consistency(&mut violations, consistency);
        let (filter, consistency) = violations.finish(filter.zip(consistency))?;
        let after = if page_token.is_empty() { None } else { Some(token::open_page(&page_token, &filter)?) };
        let most =
            usize::try_from(if page_size == 0 { DEFAULT_PAGE } else { page_size }).map_err(|_| Refusal::Internal)?;

        let backend = self.backend()?;
        let fresh = backend.mirror.ready(consistency, &backend.ledger).await?;
        backend.all_are_known()?;
        let Page { stores, more, position } = backend.mirror.list(&filter, after.as_ref(), most);
        let last = stores.last().filter(|_| more);
        Ok(wire::ListResponse {
            next_page_token: last.map(|last| token::page(&last.id, &filter)).unwrap_or_default(),
            stores: stores.iter().map(|store| convert::store(store)).collect(),
            revision: position.revision.0,
            resume_token: token::resume(&position.epoch, position.revision),
            fresh_time: Some(convert::time(fresh)),
        })
    }
}
