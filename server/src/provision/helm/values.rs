//! The store's own values: the one document that helm reads on its standard input.

use sendstores_core::Store;
use serde_json::{Value, json};

use super::content::overlay;
use crate::provision::names;

/// The id of no store, to render what chart and environment come to.
pub(super) const CHECK: &str = "store-check";

/// JSON, which is YAML too. No text of a user is in it: title and e-mail go to the bootstrap alone. The sizes of volumes are no part of
/// it: they are the store's, and tell no release from another.
pub(super) fn document(store: &Store, exposed: bool) -> String {
    of_store(store, exposed).to_string()
}

/// The same, with the sizes of the volumes.
pub(super) fn sized(store: &Store, exposed: bool, sizes: Value) -> String {
    with(of_store(store, exposed), sizes)
}

fn of_store(store: &Store, exposed: bool) -> Value {
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
}

fn with(mut values: Value, sizes: Value) -> String {
    overlay(&mut values, sizes);
    values.to_string()
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

/// What alone is said to a revision that keeps all its other values. Of the sizes, those that are others now.
pub(super) fn exposure(exposed: bool, sizes: Value) -> String {
    with(json!({"ingress": {"enabled": exposed}}), sizes)
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
