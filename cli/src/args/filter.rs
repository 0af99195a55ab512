//! The selection of stores.

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser, ValueParser},
};
use sendstores_client::{State, StoreFilter};

const STATES: [&str; 12] = [
    "provisioning",
    "ready",
    "degraded",
    "updating",
    "suspending",
    "suspended",
    "resuming",
    "failed",
    "retaining",
    "retained",
    "deleting",
    "deleted",
];

#[derive(Args, Clone, Debug)]
pub(crate) struct FilterArgs {
    /// Only stores in this state. Repeat it, or separate states with commas.
    #[arg(long = "state", value_delimiter = ',', ignore_case = true, value_parser = state())]
    states: Vec<State>,
    /// Only stores with this label. Repeat it to require several labels.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Only stores of this tenant.
    #[arg(long)]
    tenant: Option<String>,
}

// === impl FilterArgs ===

impl FilterArgs {
    pub(crate) fn into_filter(self, ids: Vec<String>) -> StoreFilter {
        let Self { states, labels, tenant } = self;
        StoreFilter {
            ids,
            states: states.into_iter().map(i32::from).collect(),
            labels: labels.into_iter().collect(),
            tenant: tenant.unwrap_or_default(),
            ..StoreFilter::default()
        }
    }
}

fn state() -> ValueParser {
    let named = |name: String| {
        State::from_str_name(&format!("STATE_{}", name.to_ascii_uppercase())).ok_or("there is no such state")
    };
    PossibleValuesParser::new(STATES).try_map(named).into()
}

pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE, such as team=a".to_owned()),
    }
}
