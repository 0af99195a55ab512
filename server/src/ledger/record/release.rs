//! The stored form of what a store was made from.

use std::collections::BTreeMap;

use sendstores_core::{Release, ReleaseName, release::Volume};
use serde::{Deserialize, Serialize};

use super::text::Text;

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ReleaseRecord<'a> {
    revision: u32,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    versions: BTreeMap<Text<'a>, Text<'a>>,
    chart: Text<'a>,
    chart_digest: Text<'a>,
    values_digest: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Text<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    images: BTreeMap<Text<'a>, Text<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    volumes: BTreeMap<Text<'a>, VolumeRecord<'a>>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct VolumeRecord<'a> {
    #[serde(borrow)]
    size: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<Text<'a>>,
}

// === impl ReleaseRecord ===

impl<'a> From<&'a Release> for ReleaseRecord<'a> {
    fn from(release: &'a Release) -> Self {
        let Release { name, versions, revision, chart, chart_digest, values_digest, source, images, volumes } = release;
        let volume = |(name, Volume { size, class }): (&'a String, &'a Volume)| {
            (name.into(), VolumeRecord { size: size.into(), class: class.as_ref().map(Into::into) })
        };
        Self {
            revision: *revision,
            name: name.as_ref().map(|name| name.as_str().into()),
            versions: versions.iter().map(|(software, version)| (software.into(), version.into())).collect(),
            chart: chart.into(),
            chart_digest: chart_digest.into(),
            values_digest: values_digest.into(),
            source: source.as_ref().map(Into::into),
            images: images.iter().map(|(container, image)| (container.into(), image.into())).collect(),
            volumes: volumes.iter().map(volume).collect(),
        }
    }
}

impl From<ReleaseRecord<'_>> for Release {
    fn from(record: ReleaseRecord<'_>) -> Self {
        let ReleaseRecord { revision, name, versions, chart, chart_digest, values_digest, source, images, volumes } =
            record;
        let owned = |(key, value): (Text<'_>, Text<'_>)| (key.into_owned(), value.into_owned());
        let volume = |(name, VolumeRecord { size, class }): (Text<'_>, VolumeRecord<'_>)| {
            (name.into_owned(), Volume { size: size.into_owned(), class: class.map(Text::into_owned) })
        };
        Self {
            revision,
            name: name.map(|name| ReleaseName::recorded(&name)),
            versions: versions.into_iter().map(owned).collect(),
            chart: chart.into_owned(),
            chart_digest: chart_digest.into_owned(),
            values_digest: values_digest.into_owned(),
            source: source.map(Text::into_owned),
            images: images.into_iter().map(owned).collect(),
            volumes: volumes.into_iter().map(volume).collect(),
        }
    }
}
