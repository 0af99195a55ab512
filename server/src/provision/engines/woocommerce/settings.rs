//! The shop's settings as JSON, for the programs inside the store.

use sendstores_core::{Store, shop::Catalogue};
use serde_json::{Value, json};

use crate::provision::settings::{digest, spec};

/// What `install` reads; here alone the merchant's password leaves its Secret.
pub(crate) fn install(store: &Store, admin_password: &str) -> Value {
    let shop = &store.spec.shop;
    json!({
        "url": store.url,
        "title": shop.title.as_str(),
        "admin_user": shop.admin_user.as_str(),
        "admin_email": shop.admin_email.as_str(),
        "admin_password": admin_password,
        "locale": shop.locale.as_str(),
    })
}

/// What `configure` reads.
pub(crate) fn configure(store: &Store) -> Value {
    let shop = &store.spec.shop;
    json!({
        "marker": digest(&spec(&store.spec)),
        "admin_user": shop.admin_user.as_str(),
        "title": shop.title.as_str(),
        "country": shop.country.as_str(),
        "currency": shop.currency.as_str(),
        "timezone": shop.timezone.as_str(),
        "taxes": shop.taxes,
        "weight_unit": shop.weight_unit.as_str(),
        "dimension_unit": shop.dimension_unit.as_str(),
        "payment_methods": shop.payment_methods.iter().map(|method| method.as_str()).collect::<Vec<_>>(),
        "flat_rate": shop.flat_rate.as_str(),
        "sample_catalogue": shop.catalogue == Catalogue::Sample,
    })
}

/// What `restore` reads, which does the work of both.
pub(crate) fn restore(store: &Store, admin_password: &str) -> Value {
    let mut line = configure(store);
    if let (Value::Object(line), Value::Object(install)) = (&mut line, install(store, admin_password)) {
        line.extend(install);
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
