//! The arguments of a tool. What they may be is in `schema.rs`; a client that does not keep to the schema gets words.

use rmcp::model::JsonObject;
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeMap;

use crate::tools::Trouble;

/// The arguments as their type; a wrong or unknown one is named.
pub(crate) fn parse<T: DeserializeOwned>(arguments: Option<JsonObject>) -> Result<T, Trouble> {
    let value = serde_json::Value::Object(arguments.unwrap_or_default());
    serde_json::from_value(value).map_err(|why| Trouble::Arguments(why.to_string()))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Which stores are meant.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Summarize {
    pub(crate) states: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) tenant: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct List {
    pub(crate) states: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) tenant: String,
    pub(crate) query: String,
    pub(crate) order_by: String,
    pub(crate) limit: Option<u8>,
    pub(crate) cursor: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Get {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) sections: Vec<Section>,
}

/// A part of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Section {
    Status,
    Steps,
    Evidence,
    Diagnosis,
    Spec,
    History,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Id {
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wait {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) until: Until,
    pub(crate) timeout_seconds: Option<u8>,
}

/// What a wait is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Until {
    #[default]
    Ready,
    Deleted,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Changes {
    pub(crate) cursor: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    pub(crate) reason: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Audit {
    pub(crate) resource: String,
    pub(crate) principal: String,
    pub(crate) method: String,
    pub(crate) tenant: String,
    pub(crate) limit: Option<u8>,
    pub(crate) cursor: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Create {
    pub(crate) request_id: String,
    pub(crate) store_id: String,
    pub(crate) tenant: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) shop: Shop,
}

/// The settings of a shop, as in the contract; what is missing has its default.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Shop {
    pub(crate) title: Option<String>,
    pub(crate) admin_email: Option<String>,
    pub(crate) admin_user: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) currency: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) taxes: Option<bool>,
    pub(crate) tax_rate: Option<String>,
    pub(crate) prices_include_tax: Option<bool>,
    pub(crate) weight_unit: Option<String>,
    pub(crate) dimension_unit: Option<String>,
    pub(crate) flat_rate: Option<String>,
    pub(crate) payment_methods: Vec<String>,
    pub(crate) catalogue: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Delete {
    pub(crate) id: String,
    pub(crate) etag: String,
}
