//! A store's spec as JSON, for the namespace's annotations.

mod read;
mod release;

use k8s_openapi::jiff;
use sendstores_core::{StoreSpec, Timestamp, shop::ShopSettings};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) use read::read;
pub(crate) use release::{read_release, release};

/// The whole spec; there is no secret in it.
pub(crate) fn spec(spec: &StoreSpec) -> Value {
    json!({"engine": spec.engine.as_str(), "shop": shop(&spec.shop)})
}

/// Tells one spec from another.
pub(crate) fn digest(spec_json: &Value) -> String {
    // serde_json sorts the keys of an object, so the same spec always has the same text.
    let hash = Sha256::digest(spec_json.to_string());
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A point in time, as RFC 3339.
pub(crate) fn time(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.as_micros()).unwrap_or_default().to_string()
}

/// What [`time`] wrote.
pub(crate) fn read_time(text: &str) -> Result<Timestamp, String> {
    let time: jiff::Timestamp = text.parse().map_err(|error| format!("{error}"))?;
    Ok(Timestamp::from_micros(time.as_microsecond()))
}

fn shop(shop: &ShopSettings) -> Value {
    let ShopSettings {
        title,
        admin_email,
        admin_user,
        country,
        currency,
        locale,
        timezone,
        taxes,
        weight_unit,
        dimension_unit,
        payment_methods,
        flat_rate,
        catalogue,
    } = shop;
    json!({
        "title": title.as_str(),
        "admin_email": admin_email.as_str(),
        "admin_user": admin_user.as_str(),
        "country": country.as_str(),
        "currency": currency.as_str(),
        "locale": locale.as_str(),
        "timezone": timezone.as_str(),
        "taxes": taxes,
        "weight_unit": weight_unit.as_str(),
        "dimension_unit": dimension_unit.as_str(),
        "payment_methods": payment_methods.iter().map(|method| method.as_str()).collect::<Vec<_>>(),
        "flat_rate": flat_rate.as_str(),
        "catalogue": catalogue.as_str(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::steps::fixtures;

    #[test]
    fn another_spec_has_another_digest() {
        let [a, b] = ["One", "Two"].map(|title| digest(&spec(&fixtures::store_titled(title).spec)));
        assert_ne!(a, b);
        assert_eq!(a, digest(&spec(&fixtures::store_titled("One").spec)));
        assert_eq!(a.len(), 32);
    }
}
