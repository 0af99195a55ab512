//! The store's own values: the one document that helm reads on its standard input.

use sendstores_core::Store;
use serde_json::{Value, json};

use crate::provision::names;

/// The id of no store, to render what chart and environment come to.
pub(super) const CHECK: &str = "store-check";

/// JSON, which is YAML too. No text of a user is in it: title and e-mail go to the bootstrap alone.
pub(super) fn document(store: &Store, exposed: bool) -> String {
    json!({
        "store": {
            "id": store.id.as_str(),
            "uid": store.uid.as_str(),
            "url": store.url,
            "host": host(&store.url),
        },
        "credentials": {"secretName": names::CREDENTIALS},
        "ingress": {"enabled": exposed},
    })
    .to_string()
}

/// The same of [`CHECK`].
pub(super) fn of_a_check() -> String {
    let host = "store-check.example.com";
    json!({
        "store": {"id": CHECK, "uid": uuid::Uuid::nil().to_string(), "url": format!("https://{host}"), "host": host},
        "credentials": {"secretName": names::CREDENTIALS},
        "ingress": {"enabled": true},
    })
    .to_string()
}

/// What alone is said to a revision that keeps all its other values.
pub(super) fn exposure(exposed: bool) -> String {
    json!({"ingress": {"enabled": exposed}}).to_string()
}

/// Values without what [`document`] sets for one store.
pub(super) fn environment(mut values: Value) -> Value {
    if let Value::Object(values) = &mut values {
        values.remove("store");
        values.remove("credentials");
        if let Some(Value::Object(ingress)) = values.get_mut("ingress") {
            ingress.remove("enabled");
        }
    }
    values
}

/// The host part of an origin, without the port.
fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::steps::fixtures;

    #[test]
    fn hosts_have_no_port_and_no_path() {
        for (url, wanted) in [
            ("http://store-a.localhost:8080", "store-a.localhost"),
            ("https://store-a.example.com", "store-a.example.com"),
            ("https://store-a.example.com:443/", "store-a.example.com"),
        ] {
            assert_eq!(host(url), wanted, "{url}");
        }
    }

    #[test]
    fn the_document_holds_the_store_and_no_user_text() {
        let store = fixtures::store_titled("{{ .Values }} --set x=y \"'\\ \u{1f6d2}");
        let text = document(&store, true);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["store"]["id"], store.id.as_str());
        assert_eq!(value["store"]["host"], format!("{}.localhost", store.id));
        assert_eq!(value["ingress"]["enabled"], true);
        assert!(!text.contains(".Values") && !text.contains("--set") && !text.contains("owner@"));
    }
}
