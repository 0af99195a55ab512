//! What a revision of a release holds: the chart and the values that it was made from. helm keeps both in its own record,
//! so they outlive the server's files and its disk.

use std::{
    fs,
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::values;

/// What is read of a record at most. A Secret holds 1 MiB, and texts shrink to a fifth or a tenth.
const MAX_CONTENT: u64 = 32 * 1024 * 1024;

/// Where the chart of a store stands while helm reads it; removed when dropped.
pub(super) struct Unpacked(PathBuf);

/// One revision.
#[derive(Debug, Deserialize)]
pub(crate) struct Content {
    chart: Chart,
    /// What was given on top of the chart's own values.
    #[serde(default)]
    config: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Chart {
    metadata: Map<String, Value>,
    #[serde(default)]
    templates: Option<Vec<File>>,
    #[serde(default)]
    files: Option<Vec<File>>,
    #[serde(default)]
    values: Option<Value>,
    /// The values' schema, in base64.
    #[serde(default)]
    schema: Option<String>,
}

#[derive(Debug, Deserialize)]
struct File {
    name: String,
    /// In base64.
    #[serde(default)]
    data: Option<String>,
}

// === impl Content ===

impl Content {
    /// From the value `release` of a record's Secret.
    pub(crate) fn decode(data: &[u8]) -> Result<Self, String> {
        let packed = BASE64_STANDARD.decode(data.trim_ascii()).map_err(|error| format!("no base64: {error}"))?;
        let mut text = Vec::new();
        let read = GzDecoder::new(packed.as_slice()).take(MAX_CONTENT).read_to_end(&mut text);
        read.map_err(|error| format!("no gzip: {error}"))?;
        let content: Self = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        match content.chart.metadata.get("dependencies").and_then(Value::as_array) {
            Some(charts) if !charts.is_empty() => {
                Err("helm does not keep the charts that this one depends on".to_owned())
            }
            _ => Ok(content),
        }
    }

    /// Name and version of the chart.
    pub(crate) fn chart(&self) -> String {
        let text = |field: &str| self.chart.metadata.get(field).and_then(Value::as_str).unwrap_or("?").to_owned();
        format!("{}-{}", text("name"), text("version"))
    }

    /// Tells one chart from another. The chart's own values are not part of it: helm puts those of a revision in their
    /// place where it reuses them.
    pub(crate) fn chart_digest(&self) -> String {
        let mut files: Vec<_> = self.files().map(|file| (file.name.as_str(), file.data.as_deref())).collect();
        files.sort_unstable();
        let mut hash = Sha256::new();
        let metadata = Value::Object(self.chart.metadata.clone()).to_string();
        let described = [("metadata", Some(metadata.as_str())), ("schema", self.chart.schema.as_deref())];
        for (name, data) in described.into_iter().chain(files) {
            let data = data.unwrap_or_default();
            for part in [name, data] {
                hash.update(part.len().to_be_bytes());
                hash.update(part);
            }
        }
        hex(hash)
    }

    /// Tells one environment from another.
    pub(crate) fn values_digest(&self) -> String {
        digest_of(self.values())
    }

    /// The same, had it at `paths` what `other` has there.
    pub(crate) fn values_digest_like(&self, other: &Self, paths: &[&str]) -> String {
        let (mut all, other) = (self.values(), other.values());
        for path in paths {
            let path = format!("/{}", path.replace('.', "/"));
            if let (Some(value), Some(wanted)) = (all.pointer_mut(&path), other.pointer(&path)) {
                value.clone_from(wanted);
            }
        }
        digest_of(all)
    }

    /// All values of the revision, the chart's own included.
    pub(crate) fn values(&self) -> Value {
        let mut all = self.chart.values.clone().unwrap_or_default();
        overlay(&mut all, self.config());
        all
    }

    /// The values of the revision, apart from the chart's own.
    fn config(&self) -> Value {
        self.config.clone().filter(Value::is_object).unwrap_or_else(|| Value::Object(Map::new()))
    }

    fn files(&self) -> impl Iterator<Item = &File> {
        self.chart.templates.iter().chain(&self.chart.files).flatten()
    }

    /// Writes chart and values into `folder`, which is made anew.
    pub(super) fn unpack(&self, folder: PathBuf) -> io::Result<Unpacked> {
        // Left by a server that was killed meanwhile.
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs::create_dir_all(&folder)?;
        let unpacked = Unpacked(folder);
        let chart = unpacked.chart();
        // JSON is YAML too.
        write(&chart, "Chart.yaml", Value::Object(self.chart.metadata.clone()).to_string().as_bytes())?;
        write(&chart, "values.yaml", self.chart.values.clone().unwrap_or_default().to_string().as_bytes())?;
        write(&unpacked.0, "values.json", self.config().to_string().as_bytes())?;
        if let Some(schema) = &self.chart.schema {
            write(&chart, "values.schema.json", &decoded(schema)?)?;
        }
        for file in self.files() {
            write(&chart, &file.name, &decoded(file.data.as_deref().unwrap_or_default())?)?;
        }
        Ok(unpacked)
    }
}

fn digest_of(values: Value) -> String {
    let mut hash = Sha256::new();
    // serde_json sorts the keys of an object, so the same values always have the same text.
    hash.update(values::environment(values).to_string());
    hex(hash)
}

fn decoded(text: &str) -> io::Result<Vec<u8>> {
    BASE64_STANDARD.decode(text).map_err(io::Error::other)
}

/// Writes one file below `folder`, and nowhere else, whatever its name says.
fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !inside {
        return Err(io::Error::other(format!("a file of the chart is called {name:?}")));
    }
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap_or(folder))?;
    fs::write(path, content)
}

/// Puts `over` on top of `values` as helm does: objects are merged, `null` takes a key away, all else replaces.
pub(super) fn overlay(values: &mut Value, over: Value) {
    match (values, over) {
        (Value::Object(values), Value::Object(over)) => {
            for (key, value) in over {
                match value {
                    Value::Null => drop(values.remove(&key)),
                    value => overlay(values.entry(key).or_insert(Value::Null), value),
                }
            }
        }
        (values, over) => *values = over,
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

// === impl Unpacked ===

impl Unpacked {
    /// The folder of the chart.
    pub(super) fn chart(&self) -> PathBuf {
        self.0.join("chart")
    }

    /// The values file.
    pub(super) fn values(&self) -> PathBuf {
        self.0.join("values.json")
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, folder = %self.0.display(), "an unpacked chart could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use serde_json::json;

    use super::*;

    /// A record as helm writes it.
    fn packed(revision: &Value) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(revision.to_string().as_bytes()).unwrap();
        BASE64_STANDARD.encode(gzip.finish().unwrap()).into_bytes()
    }

    fn revision() -> Value {
        let file = |name: &str, text: &str| json!({"name": name, "data": BASE64_STANDARD.encode(text)});
        json!({"name": "store", "version": 3, "manifest": "---", "chart": {
            "metadata": {"apiVersion": "v2", "name": "woocommerce", "version": "0.3.0"},
            "lock": null,
            "templates": [file("templates/mysql/set.yaml", "kind: {{ .x }}"), file("templates/_pod.tpl", "")],
            "files": [file("README.md", "Käse")],
            "schema": BASE64_STANDARD.encode("{}"),
            "values": {"storage": {"database": "1Gi", "content": "1Gi"}, "ingress": {"enabled": false}},
        }, "config": {"storage": {"database": "2Gi"}, "ingress": {"enabled": true}, "store": {"id": "store-a"}}})
    }

    fn content(revision: &Value) -> Content {
        Content::decode(&packed(revision)).unwrap()
    }

    #[test]
    fn a_record_gives_back_the_chart_and_the_values() {
        let folder = tempfile::TempDir::new().unwrap();
        let content = content(&revision());
        assert_eq!(content.chart(), "woocommerce-0.3.0");
        let unpacked = content.unpack(folder.path().join("store-a")).unwrap();
        let text = |path: PathBuf| fs::read_to_string(path).unwrap();
        let chart = |name: &str| text(unpacked.chart().join(name));
        assert_eq!(chart("templates/mysql/set.yaml"), "kind: {{ .x }}");
        assert_eq!((chart("templates/_pod.tpl").as_str(), chart("README.md").as_str()), ("", "Käse"));
        assert_eq!(chart("values.schema.json"), "{}");
        let json = |text: String| serde_json::from_str::<Value>(&text).unwrap();
        assert_eq!(json(chart("Chart.yaml")), revision()["chart"]["metadata"]);
        assert_eq!(json(chart("values.yaml")), revision()["chart"]["values"]);
        assert_eq!(json(text(unpacked.values())), revision()["config"]);
        drop(unpacked);
        assert!(!folder.path().join("store-a").exists(), "nothing is left");
    }

    #[test]
    fn no_file_is_written_outside_of_the_folder() {
        let folder = tempfile::TempDir::new().unwrap();
        for name in ["../escaped", "/tmp/escaped", "templates/../../escaped", ""] {
            let mut revision = revision();
            revision["chart"]["files"][0]["name"] = json!(name);
            assert!(content(&revision).unpack(folder.path().join("inner/store-a")).is_err(), "{name}");
        }
        assert_eq!(fs::read_dir(folder.path().join("inner")).unwrap().count(), 0);
    }

    #[test]
    fn digests_speak_of_the_chart_and_of_the_environment_and_of_no_store() {
        let digests = |revision: &Value| {
            let content = content(revision);
            (content.chart_digest(), content.values_digest())
        };
        let (chart, values) = digests(&revision());
        let mut other = revision();
        other["config"]["store"]["id"] = json!("store-b");
        other["config"]["ingress"]["enabled"] = json!(false);
        // As helm leaves it where the values of the revision before were reused.
        other["chart"]["values"]["storage"]["database"] = json!("2Gi");
        assert_eq!(digests(&other), (chart.clone(), values.clone()));
        let mut larger = revision();
        larger["config"]["storage"]["database"] = json!("20Gi");
        assert_eq!(digests(&larger).0, chart);
        assert_ne!(digests(&larger).1, values);
        let mut newer = revision();
        newer["chart"]["templates"][0]["data"] = json!(BASE64_STANDARD.encode("kind: {{ .y }}"));
        assert_ne!(digests(&newer).0, chart);
        assert_eq!(digests(&newer).1, values);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for nonsense in ["", "%%%", "bm8gZ3ppcA=="] {
            assert!(Content::decode(nonsense.as_bytes()).is_err(), "{nonsense}");
        }
        let mut dependent = revision();
        dependent["chart"]["metadata"]["dependencies"] = json!([{"name": "mysql"}]);
        let why = Content::decode(&packed(&dependent)).unwrap_err();
        assert!(why.contains("depends on"), "{why}");
        assert!(Content::decode(&packed(&json!({"chart": 7}))).is_err());
    }
}
