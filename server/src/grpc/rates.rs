//! How many calls each caller with tenants may make in a second, on this replica.
//!
//! Each such caller has one cell, whichever of its connections a call comes by. A connection keeps the cell beside what it
//! knows of its caller, so that a call costs one exchange of an atomic number, and one without a limit costs nothing.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use governor::Quota as CellQuota;
use governor::{
    DefaultDirectRateLimiter, RateLimiter,
    clock::{Clock, DefaultClock},
};
use sendstores_core::Principal;

use super::status::{Refusal, Tenancy};

/// Above this number of cells, those of callers who have no connection are forgotten before another one is made.
const MOST: usize = 4_096;

/// The cell of one caller.
pub(super) struct Cell {
    most: NonZeroU32,
    limiter: DefaultDirectRateLimiter,
}

/// The cells of all callers that have a limit.
#[derive(Default)]
pub(super) struct Rates(Mutex<HashMap<String, Arc<Cell>>>);

// === impl Rates ===

impl Rates {
    /// The cell of a caller with this limit. A new limit begins a new cell.
    pub(super) fn cell(&self, principal: &Principal, most: Option<u32>) -> Option<Arc<Cell>> {
        let most = most.and_then(NonZeroU32::new)?;
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = principal.to_string();
        if let Some(cell) = cells.get(&name).filter(|cell| cell.most == most) {
            return Some(cell.clone());
        }
        if cells.len() >= MOST {
            cells.retain(|_, cell| Arc::strong_count(cell) > 1);
        }
        let cell = Arc::new(Cell { most, limiter: RateLimiter::direct(CellQuota::per_second(most)) });
        cells.insert(name, cell.clone());
        Some(cell)
    }
}

// === impl Cell ===

impl Cell {
    /// Takes the place of one call.
    pub(super) fn take(&self) -> Result<(), Refusal> {
        self.limiter.check().map_err(|full| {
            let retry_after = full.wait_time_from(DefaultClock::default().now());
            Tenancy::Calls { most: self.most.get(), retry_after }.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_one_cell_for_all_its_connections_and_another_limit_another_cell() {
        let rates = Rates::default();
        let ci = Principal { name: "ci".parse().expect("a name"), ..Principal::anonymous() };
        assert!(rates.cell(&ci, None).is_none());
        let (one, two) = (rates.cell(&ci, Some(2)).expect("a cell"), rates.cell(&ci, Some(2)).expect("a cell"));
        assert_eq!((one.take(), two.take()), (Ok(()), Ok(())));
        let Err(Refusal::Tenancy(Tenancy::Calls { most: 2, retry_after })) = one.take() else { panic!("one too many") };
        assert!(!retry_after.is_zero() && retry_after.as_secs() < 1, "{retry_after:?}");
        assert!(rates.cell(&ci, Some(3)).expect("a cell").take().is_ok());
        assert!(
            rates.cell(&Principal::anonymous(), Some(2)).expect("a cell").take().is_ok(),
            "others are not affected"
        );
    }
}
