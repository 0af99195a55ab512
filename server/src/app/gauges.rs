//! The gauges that are read when somebody asks for them.

use std::collections::BTreeMap;

use sendstores_core::State;

use crate::{mirror::Mirror, provision::ENGINES};

/// States of a newer version.
const UNKNOWN_STATE: &str = "UNKNOWN";
/// Engines of a newer version.
const OTHER_ENGINE: &str = "other";

/// Reads them.
pub(super) fn read(mirror: &Mirror) {
    for ((state, engine), count) in stores(mirror) {
        metrics::gauge!("sendstores_stores", "state" => state, "engine" => engine).set(count as f64);
    }
    metrics::gauge!("sendstores_mirror_lag_seconds").set(mirror.lag().as_secs_f64());
    metrics::gauge!("sendstores_tokens_without_expiry").set(mirror.count_tokens_without_expiry() as f64);
    metrics_process::Collector::default().collect();
}

/// How many stores there are of each engine in each state, those of which there is none included: a series that ends keeps
/// its last value.
fn stores(mirror: &Mirror) -> BTreeMap<(&'static str, &'static str), usize> {
    let engines = || ENGINES.names().map(|engine| engine.as_str()).chain([OTHER_ENGINE]);
    let states = State::ALL.into_iter().map(|state| state.as_str()).chain([UNKNOWN_STATE]);
    let mut counts: BTreeMap<_, _> =
        states.flat_map(|state| engines().map(move |engine| ((state, engine), 0))).collect();
    for ((state, engine), count) in mirror.count_stores() {
        let state = if State::ALL.contains(&state) { state.as_str() } else { UNKNOWN_STATE };
        let engine = if ENGINES.get(engine).is_some() { engine.as_str() } else { OTHER_ENGINE };
        *counts.entry((state, engine)).or_default() += count;
    }
    counts
}
