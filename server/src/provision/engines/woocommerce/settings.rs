//! The shop's settings as JSON, for the programs inside the store.

use sendstores_core::{Store, shop::Catalogue};
use serde_json::{Value, json};

use crate::{
    provision::settings::{digest, spec},
    shop::StoredShop,
};

/// What `install` reads; here alone the merchant's password leaves its Secret.
pub(crate) fn install(store: &Store, admin_password: &str) -> Value {
    with_settings(store, json!({ "url": store.url, "admin_password": admin_password }))
}

/// What `configure` reads.
pub(crate) fn configure(store: &Store) -> Value {
    let marker = digest(&spec(&store.spec));
    with_settings(
        store,
        json!({ "marker": marker, "sample_catalogue": store.spec.shop.catalogue == Catalogue::Sample }),
    )
}

/// What `restore` reads, which does the work of both.
pub(crate) fn restore(store: &Store, admin_password: &str) -> Value {
    both(configure(store), install(store, admin_password))
}

/// Every program is given all settings and takes what it needs.
fn with_settings(store: &Store, others: Value) -> Value {
    both(json!(StoredShop::from(&store.spec.shop)), others)
}

fn both(mut line: Value, more: Value) -> Value {
    if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
        line.extend(more);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::steps::fixtures;

    const HOSTILE: [&str; 6] =
        ["--exec=x", "'\"\\ $(id) `id`", "{{ .Values.x }}", "a, b=c; {d}", "Käse \u{1f6d2} \u{5e9}", "</script> %s"];

    #[test]
    fn hostile_titles_survive_byte_for_byte_on_one_line() {
        for title in HOSTILE {
            let store = fixtures::store_titled(title);
            for value in [install(&store, "secret"), configure(&store), spec(&store.spec)["shop"].clone()] {
                let line = value.to_string();
                assert!(!line.contains('\n'));
                let back: Value = serde_json::from_str(&line).unwrap();
                assert_eq!(back["title"].as_str().unwrap().as_bytes(), title.as_bytes());
            }
        }
    }

    #[test]
    fn a_restore_is_told_all_that_the_others_are() {
        let store = fixtures::store();
        let line = restore(&store, "secret");
        for (key, value) in [install(&store, "secret"), configure(&store)].iter().filter_map(Value::as_object).flatten()
        {
            assert_eq!(line[key], *value, "{key}");
        }
    }
}
