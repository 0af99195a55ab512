//! A helm that misbehaves as told, and as much of a Kubernetes API as is asked about it: the release's records.

use std::{
    convert::Infallible,
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use http::{Method, Request, Response, header::ACCEPT};
use kube::client::Body;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What the shim does when it is to install.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Its work, and ends well.
    Work,
    /// Nothing, and ends well.
    Nothing,
    /// Its work, and fails.
    WorkThenFail,
    /// Never ends, and ignores SIGTERM; so does its child.
    Hang,
    /// Writes to both outputs for ever.
    Flood,
    /// Fails as helm does when the schema refuses the values.
    RefuseValues,
    /// Fails as helm does when an object cannot be changed in place, as long as there is a release.
    RefuseChange,
}

/// The shim and what it recorded.
pub struct HelmShim {
    folder: Arc<TempDir>,
}

// === impl HelmShim ===

impl HelmShim {
    pub fn new(deed: Deed) -> Self {
        let folder = TempDir::new().expect("a folder");
        let shim = Self { folder: Arc::new(folder) };
        let script = format!("#!/bin/sh\nhere={}\n{PRELUDE}{}\n", shim.folder.path().display(), script(deed));
        // Under another name first: a program that is still open for writing cannot be run.
        let (new, program) = (shim.path("new"), shim.program());
        fs::write(&new, script).expect("write the shim");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("make the shim a program");
        fs::rename(new, program).expect("rename the shim");
        shim
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn program(&self) -> PathBuf {
        self.path("helm")
    }

    /// What the shim wrote into the file `name`; empty when it did not.
    pub fn recorded(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Has the cluster keep a revision with these labels and this content.
    pub fn keep_release(&self, labels: &str, content: &Value) {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(content.to_string().as_bytes()).expect("packed");
        let packed = BASE64_STANDARD.encode(gzip.finish().expect("packed"));
        fs::write(self.path("release"), packed).expect("write the release");
        fs::write(self.path("record"), labels).expect("write the record");
    }

    /// Has the cluster keep a claim; once it is deleted it stays until it is taken away here.
    pub fn set_claim(&self, there: bool) {
        match there {
            true => fs::write(self.path("claim"), "").expect("write the claim"),
            false => fs::remove_file(self.path("claim")).expect("remove the claim"),
        }
    }

    /// The arguments of all calls.
    pub fn arguments(&self) -> Vec<String> {
        self.recorded("argv").lines().map(str::to_owned).collect()
    }

    /// A Kubernetes in which there is the release that the shim made, if it did.
    pub fn kubernetes(&self) -> kube::Client {
        let folder = Arc::clone(&self.folder);
        let service = tower::service_fn(move |request: Request<Body>| {
            let accepts = request.headers().get(ACCEPT).and_then(|accepts| accepts.to_str().ok()).unwrap_or_default();
            let whole = !accepts.contains("PartialObjectMetadata");
            let answer = answer(folder.path(), request.method(), request.uri().path(), whole);
            async move { Ok::<_, Infallible>(answer) }
        });
        kube::Client::new(service, "default")
    }
}

/// Answers for helm's version, and records the call: each argument on a line, the environment, the input, the chart and the
/// values files. Renders what the file `rendered` has, and refuses a template of which a values file has the key `refused`.
const PRELUDE: &str = r#"
[ "$1" = version ] && { printf v4.3.1; exit 0; }
for argument in "$@"; do printf '%s\n' "$argument" >> "$here/argv"; done
env > "$here/env"
cat > "$here/stdin"
if [ "$1" = template ]; then
    for argument in "$@"; do
        case $argument in *.yaml) ! grep -q refused: "$argument" || { echo "Error: refused" >&2; exit 1; } ;; esac
    done
    [ ! -e "$here/rendered" ] || cat "$here/rendered"
    exit 0
fi
[ "$1" = upgrade ] && { rm -rf "$here/chart"; cp -r "$3" "$here/chart"; rm -f "$here/values"; }
before=
for argument in "$@"; do
    [ "$before" = --values ] && [ "$argument" != - ] && cat "$argument" >> "$here/values"
    before=$argument
done
[ "$1" = uninstall ] && { rm -f "$here/record"; exit 0; }
work() {
    while [ "$1" != --labels ]; do shift; done
    printf %s "$2" > "$here/record.new"
    mv "$here/record.new" "$here/record"
}
say_pids() {
    printf '%s\n' "$@" > "$here/pids.new"
    mv "$here/pids.new" "$here/pids"
}
"#;

fn script(deed: Deed) -> &'static str {
    match deed {
        Deed::Work => r#"work "$@""#,
        Deed::Nothing => "exit 0",
        Deed::WorkThenFail => r#"work "$@"; echo 'Error: said too late' >&2; exit 1"#,
        Deed::Hang => r#"trap '' TERM; sleep 1000 & say_pids $$ $!; while :; do sleep 1000; done"#,
        Deed::Flood => r#"yes 0123456789abcdef >&2 & say_pids $$ $!; yes"#,
        Deed::RefuseChange => {
            r#"[ -e "$here/record" ] || { work "$@"; exit 0; }
               echo "Error: StatefulSet.apps \"mysql\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden" >&2
               exit 1"#
        }
        Deed::RefuseValues => {
            r#"echo "Error: values don't meet the specifications of the schema(s) in the following chart(s):" >&2; exit 1"#
        }
    }
}

fn stateful_set() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "mysql", "uid": "u-1"},
        "spec": {"podManagementPolicy": "Parallel", "selector": {}, "template": {}},
    })
}

/// `whole`: objects are asked for, and not their metadata alone.
fn answer(folder: &Path, method: &Method, path: &str, whole: bool) -> Response<Body> {
    let kept = |name: &str| fs::read_to_string(folder.join(name));
    if path.ends_with("/persistentvolumeclaims") && method == Method::DELETE && folder.join("claim").exists() {
        fs::write(folder.join("claim"), "deleted").expect("mark the claim");
        return response(&nothing());
    }
    let found = match path.rsplit('/').next() {
        Some("secrets") => kept("record").map(|labels| record(&labels)),
        Some("persistentvolumeclaims") if whole => return response(&nothing()),
        Some("persistentvolumeclaims") => kept("claim").map(|state| claim(&state)),
        Some("sh.helm.release.v1.store.v1") => match kept("release") {
            Ok(release) => return response(&json!({"data": {"release": BASE64_STANDARD.encode(release)}})),
            Err(error) => Err(error),
        },
        // Its pods are managed as the chart has it, so that something else of it is what cannot be changed.
        Some("mysql") if path.contains("/statefulsets/") => return response(&stateful_set()),
        _ => return response(&nothing()),
    };
    let items: Vec<Value> = found.into_iter().collect();
    response(
        &json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {}, "items": items}),
    )
}

fn nothing() -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": [], "metadata": {}})
}

fn response(answer: &Value) -> Response<Body> {
    Response::new(Body::from(answer.to_string().into_bytes()))
}

fn claim(state: &str) -> Value {
    let mut metadata = json!({"name": "data-mysql-0"});
    if state == "deleted" {
        metadata["deletionTimestamp"] = json!("2026-01-02T03:04:05Z");
    }
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata})
}

fn record(labels: &str) -> Value {
    let mut all = json!({"owner": "helm", "name": "store", "version": "1", "status": "deployed"});
    for (key, value) in labels.split(',').filter_map(|pair| pair.split_once('=')) {
        all[key] = json!(value);
    }
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
        "metadata": {"name": "sh.helm.release.v1.store.v1", "labels": all}})
}
