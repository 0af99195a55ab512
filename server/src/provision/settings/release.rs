//! What a store was made from, as JSON for the namespace's annotation.

use std::collections::BTreeMap;

use sendstores_core::{Release, ReleaseName, release::Volume};
use serde::Deserialize;
use serde_json::{Value, json};

/// Every field may be missing: what is there is better than nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotation {
    name: Option<String>,
    versions: BTreeMap<String, String>,
    revision: u32,
    chart: String,
    chart_digest: String,
    values_digest: String,
    source: Option<String>,
    images: BTreeMap<String, String>,
    volumes: BTreeMap<String, VolumeAnnotation>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VolumeAnnotation {
    size: String,
    class: Option<String>,
}

pub(crate) fn release(release: &Release) -> Value {
    let Release { name, versions, revision, chart, chart_digest, values_digest, source, images, volumes } = release;
    let volume =
        |(name, Volume { size, class }): (&String, &Volume)| (name.clone(), json!({"size": size, "class": class}));
    json!({
        "name": name.as_ref().map(ReleaseName::as_str),
        "versions": versions.iter().collect::<BTreeMap<_, _>>(),
        "revision": revision,
        "chart": chart,
        "chart_digest": chart_digest,
        "values_digest": values_digest,
        "source": source,
        "images": images,
        "volumes": volumes.iter().map(volume).collect::<serde_json::Map<_, _>>(),
    })
}

/// What [`release`] wrote.
pub(crate) fn read_release(text: &str) -> Result<Release, String> {
    let read = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Annotation { name, versions, revision, chart, chart_digest, values_digest, source, images, volumes } = read;
    let (name, versions) = (name.as_deref().map(ReleaseName::recorded), versions.into_iter().collect());
    let volume = |(name, VolumeAnnotation { size, class })| (name, Volume { size, class });
    let volumes = volumes.into_iter().map(volume).collect();
    Ok(Release { name, versions, revision, chart, chart_digest, values_digest, source, images, volumes })
}
