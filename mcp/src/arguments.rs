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

#[cfg(test)]
mod tests {
    use proptest::{
        collection::vec,
        prelude::*,
        sample::select,
        test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::tools::Tool;

    fn any_json() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            4 => select(&["id", "READY", "ready", "status", "store-a", "\u{202e}\u{1b}[2J", "\0"][..]).prop_map(Value::from),
            1 => any::<String>().prop_map(Value::from),
            1 => (any::<char>(), 1..30_000_usize).prop_map(|(c, times)| c.to_string().repeat(times).into()),
        ];
        let leaf = prop_oneof![
            4 => text,
            1 => Just(Value::Null),
            1 => any::<bool>().prop_map(Value::from),
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<f64>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            let fields =
                vec((any::<String>(), inner.clone()), 0..6).prop_map(|all| all.into_iter().collect::<JsonObject>());
            prop_oneof![vec(inner, 0..6).prop_map(Value::Array), fields.prop_map(Value::Object)]
        })
    }

    /// Any value in some of the properties that the schema of the tool has, and sometimes in one that it does not have.
    fn arguments(tool: Tool) -> impl Strategy<Value = JsonObject> {
        let mut names: Vec<String> = Vec::new();
        if let Some(properties) = tool.facts().schema()["properties"].as_object() {
            names.extend(properties.keys().cloned());
        }
        names.push("else".to_owned());
        let shop = (select(&["title", "taxes", "catalogue", "payment_methods", "else"][..]), any_json())
            .prop_map(|(name, value)| json!({ name: value }));
        vec((select(names), prop_oneof![4 => any_json(), 1 => shop]), 0..5)
            .prop_map(|all| all.into_iter().collect::<JsonObject>())
    }

    /// The arguments of one tool as their type.
    fn parse_for(tool: Tool, arguments: JsonObject) -> Result<(), Trouble> {
        let arguments = Some(arguments);
        match tool {
            Tool::Whoami => parse::<Nothing>(arguments).map(drop),
            Tool::SummarizeStores => parse::<Summarize>(arguments).map(drop),
            Tool::ListStores => parse::<List>(arguments).map(drop),
            Tool::GetStore => parse::<Get>(arguments).map(drop),
            Tool::ExplainStore => parse::<Id>(arguments).map(drop),
            Tool::WaitForStore => parse::<Wait>(arguments).map(drop),
            Tool::ChangesSince => parse::<Changes>(arguments).map(drop),
            Tool::ExplainReason => parse::<Reason>(arguments).map(drop),
            Tool::ListAudit => parse::<Audit>(arguments).map(drop),
            Tool::CheckStore | Tool::CreateStore => parse::<Create>(arguments).map(drop),
            Tool::DeleteStore => parse::<Delete>(arguments).map(drop),
        }
    }

    /// As `server/src/hostile.rs` does it: the same cases each time, more with `SENDSTORES_TEST_LONG`.
    #[test]
    fn whatever_an_assistant_sends_is_parsed_or_refused_in_bounded_words() {
        let seed: u64 = std::env::var("SENDSTORES_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let cases = if std::env::var_os("SENDSTORES_TEST_LONG").is_some() { 10_000 } else { 100 };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        for tool in Tool::ALL {
            let config = Config { cases, failure_persistence: None, ..Config::default() };
            let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
            let outcome = runner.run(&arguments(tool), |arguments| {
                let Err(why) = parse_for(tool, arguments) else { return Ok(()) };
                prop_assert!(matches!(why, Trouble::Arguments(_)));
                let said = why.text();
                prop_assert!(said.chars().count() < 2_100, "{} characters", said.chars().count());
                prop_assert!(!said.chars().any(|c| c == '\u{1b}' || c == '\u{202e}' || c == '\0'), "{said:?}");
                Ok(())
            });
            assert!(outcome.is_ok(), "SENDSTORES_TEST_SEED={seed} {tool:?}: {outcome:?}");
        }
    }
}
