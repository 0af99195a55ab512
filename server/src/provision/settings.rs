//! A store's spec as JSON, for the namespace's annotations.

mod operation;
mod release;

use k8s_openapi::jiff;
use sendstores_core::{
    Engine, ReleaseName, StoreSpec, Timestamp,
    volumes::{Gibibytes, VolumeSizes},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) use operation::{operation, read_operation};
pub(crate) use release::{read_release, release};

use crate::shop::StoredShop;

/// What [`spec`] writes. It stays as it is: what was written into namespaces is read again when a store is adopted.
#[derive(Serialize, Deserialize)]
struct Spec {
    engine: String,
    shop: StoredShop,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    release: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deletion_protection: bool,
    #[serde(default, skip_serializing_if = "Volumes::is_open")]
    volumes: Volumes,
}

/// Sizes in GiB.
#[derive(Default, PartialEq, Eq, Serialize, Deserialize)]
struct Volumes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database_gib: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_gib: Option<u32>,
}

// === impl Volumes ===

impl Volumes {
    fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

/// The whole spec; there is no secret in it.
pub(crate) fn spec(spec: &StoreSpec) -> Value {
    let StoreSpec { engine, shop, release, deletion_protection, volumes } = spec;
    let (engine, shop) = (engine.as_str().to_owned(), StoredShop::from(shop));
    let release = release.as_ref().map(ToString::to_string);
    let size = |size: Option<Gibibytes>| size.map(Gibibytes::get);
    let volumes = Volumes { database_gib: size(volumes.database), content_gib: size(volumes.content) };
    json!(Spec { engine, shop, release, deletion_protection: *deletion_protection, volumes })
}

/// The spec that [`spec`] wrote.
pub(crate) fn read(text: &str) -> Result<StoreSpec, String> {
    let read = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Spec { engine, shop, release, deletion_protection, volumes } = read;
    let engine = Engine::parse(&engine).ok_or_else(|| format!("engine {engine:?} is not known"))?;
    let release = release.as_deref().map(ReleaseName::recorded);
    // A size that is none was written by hand; the volume has its own.
    let size = |size: Option<u32>| size.and_then(Gibibytes::new);
    let volumes = VolumeSizes { database: size(volumes.database_gib), content: size(volumes.content_gib) };
    Ok(StoreSpec { engine, shop: shop.try_into()?, release, deletion_protection, volumes })
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

    #[test]
    fn a_release_is_written_where_there_is_one_and_read_back() {
        let mut store = fixtures::store();
        let before = spec(&store.spec);
        assert_eq!(before.get("release"), None, "a server of the version before writes the same");
        assert_eq!(read(&before.to_string()).unwrap().release, None);
        store.spec.release = Some("2026-11".parse().unwrap());
        let stored = spec(&store.spec);
        assert_eq!(read(&stored.to_string()).unwrap(), store.spec);
        assert_ne!(digest(&stored), digest(&before));
    }

    #[test]
    fn what_was_accepted_once_is_read_whatever_new_shops_may_have() {
        let mut stored = spec(&fixtures::store().spec);
        let older = [("title", "\u{200b}"), ("admin_email", "a@b.c"), ("country", "XX"), ("flat_rate", "1.2345")];
        for (setting, value) in older {
            stored["shop"][setting] = json!(value);
        }
        stored["shop"]["weight_unit"] = json!("stone");
        let read_back = read(&stored.to_string()).unwrap();
        assert_eq!(read_back.shop.unknown_word().unwrap().as_str(), "stone");
        assert_eq!(spec(&read_back), stored);
        stored["shop"]["weight_unit"] = json!("no word");
        assert!(read(&stored.to_string()).unwrap_err().starts_with("shop.weight_unit "));
    }
}
