//! The stored form of what a store was made from.

use std::collections::BTreeMap;

use sendstores_core::{Release, release::Volume};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ReleaseRecord {
    revision: u32,
    chart: String,
    chart_digest: String,
    values_digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    images: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    volumes: BTreeMap<String, VolumeRecord>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct VolumeRecord {
    size: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
}

// === impl ReleaseRecord ===

impl From<&Release> for ReleaseRecord {
    fn from(release: &Release) -> Self {
        let Release { revision, chart, chart_digest, values_digest, source, images, volumes } = release;
        let volume = |(name, Volume { size, class }): (&String, &Volume)| {
            (name.clone(), VolumeRecord { size: size.clone(), class: class.clone() })
        };
        Self {
            revision: *revision,
            chart: chart.clone(),
            chart_digest: chart_digest.clone(),
            values_digest: values_digest.clone(),
            source: source.clone(),
            images: images.clone(),
            volumes: volumes.iter().map(volume).collect(),
        }
    }
}

impl From<ReleaseRecord> for Release {
    fn from(record: ReleaseRecord) -> Self {
        let ReleaseRecord { revision, chart, chart_digest, values_digest, source, images, volumes } = record;
        let volume = |(name, VolumeRecord { size, class })| (name, Volume { size, class });
        let volumes = volumes.into_iter().map(volume).collect();
        Self { revision, chart, chart_digest, values_digest, source, images, volumes }
    }
}
