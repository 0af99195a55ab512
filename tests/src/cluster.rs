//! The local cluster that `make test` has started, and what is asked of it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::server::{ServerOptions, workspace};

/// One running cluster. `make test` starts it and says where it is.
#[derive(Clone)]
pub struct Cluster {
    pub kubeconfig: String,
    /// What the names of the variables begin with that say where it is.
    told_by: &'static str,
    programs: PathBuf,
    helm: PathBuf,
    values: Vec<PathBuf>,
    store_url: String,
    /// Folder whose sub-folders are the volumes, where there are real ones.
    pub volumes: Option<PathBuf>,
}

/// A kubeconfig for an API at `url` that asks for no certificate.
pub fn kubeconfig_of(url: &str) -> NamedTempFile {
    let kubeconfig = NamedTempFile::new().expect("a file");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{ "name": "test", "cluster": { "server": url } }],
        "users": [{ "name": "test", "user": {} }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
    });
    std::fs::write(kubeconfig.path(), config.to_string()).expect("written");
    kubeconfig
}

/// Values that name a store image which differs in one thing, such as `newer` or `no-plugin` (images/testing/variants).
pub fn image_variant(name: &str) -> PathBuf {
    PathBuf::from(given("SENDSTORES_TEST_IMAGE_VARIANTS")).join(format!("values-{name}.yaml"))
}

/// Values that name the store image to update to: that of another plugin where `make test` was given one, else `newer`.
pub fn next_image() -> PathBuf {
    env::var_os("SENDSTORES_TEST_IMAGE_NEXT").map_or_else(|| image_variant("newer"), PathBuf::from)
}

/// Values for the chart of the control plane that name its image, and that of its Redis (images/build-server).
pub fn server_image() -> PathBuf {
    given("SENDSTORES_TEST_SERVER_IMAGE").into()
}

fn programs() -> PathBuf {
    given("SENDSTORES_TEST_PROGRAMS").into()
}

fn given(name: &str) -> String {
    let value = env::var(name);
    value.unwrap_or_else(|_| panic!("{name} is not set: this test needs the local cluster that `make test` starts"))
}

// === impl Cluster ===

impl Cluster {
    /// API server and controllers with simulated nodes.
    pub fn light() -> Self {
        let chart = workspace().join("charts/woocommerce");
        Self {
            kubeconfig: given("SENDSTORES_TEST_LIGHT_KUBECONFIG"),
            told_by: "SENDSTORES_TEST_LIGHT",
            helm: programs().join("helm"),
            programs: programs(),
            values: vec![chart.join("values-local.yaml"), workspace().join("tests/fixtures/values-light.yaml")],
            store_url: "http://{id}.localhost".to_owned(),
            volumes: None,
        }
    }

    /// A real node with real pods.
    pub fn full() -> Self {
        let chart = workspace().join("charts/woocommerce");
        Self {
            kubeconfig: given("SENDSTORES_TEST_KUBECONFIG"),
            told_by: "SENDSTORES_TEST",
            helm: programs().join("helm"),
            programs: programs(),
            values: vec![chart.join("values-local.yaml"), given("SENDSTORES_TEST_IMAGES").into()],
            store_url: format!("http://{{id}}.localhost:{}", given("SENDSTORES_TEST_INGRESS_PORT")),
            volumes: Some(given("SENDSTORES_TEST_VOLUMES").into()),
        }
    }

    /// The same with another public address of its stores.
    pub fn with_store_url(self, store_url: String) -> Self {
        Self { store_url, ..self }
    }

    /// The same with another helm for its servers.
    pub fn with_helm(self, helm: PathBuf) -> Self {
        Self { helm, ..self }
    }

    /// The same with one more values file, behind the others.
    pub fn with_values(mut self, file: PathBuf) -> Self {
        self.values.push(file);
        self
    }

    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// The values of all its stores.
    pub fn values(&self) -> &[PathBuf] {
        &self.values
    }

    /// The public address of a store, with `{id}` in it.
    pub fn store_url(&self) -> &str {
        &self.store_url
    }

    /// Where the node's ports are reached from this machine.
    pub fn node_address(&self) -> String {
        given(&format!("{}_NODE_IP", self.told_by))
    }

    /// Where the API server writes down who did what.
    pub fn audit_log(&self) -> PathBuf {
        given(&format!("{}_AUDIT_LOG", self.told_by)).into()
    }

    /// A kubeconfig of this cluster for somebody else: `change` is given the administrator's entry.
    pub fn kubeconfig_of(&self, change: impl FnOnce(&mut Value)) -> NamedTempFile {
        let output = self.kubectl(&["config", "view", "--raw", "-o", "json"]);
        let mut config: Value = serde_json::from_slice(&output.stdout).expect("a kubeconfig");
        change(&mut config["users"][0]["user"]);
        let file = NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), config.to_string()).expect("written");
        file
    }

    /// A kubeconfig for a ServiceAccount, with a token as a pod would have it.
    pub fn kubeconfig_of_account(&self, namespace: &str, account: &str) -> NamedTempFile {
        let output = self.kubectl(&["-n", namespace, "create", "token", account]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let token = String::from_utf8(output.stdout).expect("a token");
        self.kubeconfig_of(|user| *user = json!({"token": token.trim()}))
    }

    /// A server that provisions into this cluster.
    ///
    /// Each Redis has an instance of its own: to servers of one Redis, the stores of the others are none of theirs.
    pub fn server(&self, redis_url: &str) -> ServerOptions {
        let port = redis_url.rsplit(':').next().unwrap_or_default();
        self.server_of(&format!("test-{}", port.split('/').next().unwrap_or_default()), redis_url)
    }

    /// A server of this instance that provisions into this cluster.
    pub fn server_of(&self, instance: &str, redis_url: &str) -> ServerOptions {
        let values: Vec<_> = self.values.iter().map(|path| path.display().to_string()).collect();
        ServerOptions::with_cluster(redis_url, &self.kubeconfig)
            .flag(format!("--helm={}", self.helm.display()))
            .flag(format!("--values={}", values.join(",")))
            .flag(format!("--store-url={}", self.store_url))
            .flag("--lease=2s")
            .flag(format!("--instance={instance}"))
    }

    pub fn kubectl(&self, args: &[&str]) -> Output {
        let mut command = Command::new(self.program("kubectl"));
        command.args(["--kubeconfig", &self.kubeconfig]).args(args).stdin(Stdio::null());
        command.output().expect("run kubectl")
    }

    /// What a `kubectl get` finds, as JSON.
    pub fn get(&self, args: &[&str]) -> Value {
        let output = self.kubectl(&[&["get", "-o", "json"], args].concat());
        assert!(output.status.success(), "kubectl get {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Runs PHP in a store's WordPress container; its output.
    pub fn php(&self, store: &str, code: &str) -> String {
        self.exec(store, &["php", "-r", code])
    }

    /// Runs WP-CLI in a store's WordPress container; its output without the end of the last line.
    pub fn wp(&self, store: &str, words: &[&str]) -> String {
        self.exec(store, &[&["wp"], words].concat()).trim_end().to_owned()
    }

    fn exec(&self, store: &str, words: &[&str]) -> String {
        let output =
            self.kubectl(&[&["-n", store, "exec", "deployment/wordpress", "-c", "wordpress", "--"], words].concat());
        assert!(output.status.success(), "{words:?} in {store}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Gives a store's release other values by hand, as an operator would; the rest stays as it is.
    pub fn change_by_hand(&self, store: &str, values: &Path) {
        let mut command = Command::new(self.program("helm"));
        command.args(["upgrade", "store"]).arg(workspace().join("charts/woocommerce"));
        command.args(["--namespace", store, "--reuse-values", "--values"]).arg(values);
        let output = command.env("KUBECONFIG", &self.kubeconfig).stdin(Stdio::null()).output().expect("run helm");
        assert!(output.status.success(), "helm upgrade of {store}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Folders of volumes that are not there. A volume that is just being made has its folder first, so it is asked for
    /// again.
    fn orphaned_folders(&self) -> Vec<String> {
        let Some(folder) = &self.volumes else { return Vec::new() };
        let mut orphans = Vec::new();
        for _ in 0..20 {
            let folders = std::fs::read_dir(folder).expect("read the volumes' folder");
            orphans =
                folders.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
            let volumes = self.get(&["persistentvolumes"]);
            let names: Vec<&str> = volumes["items"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|item| item["metadata"]["name"].as_str())
                .collect();
            orphans.retain(|folder| !names.contains(&folder.as_str()));
            if orphans.is_empty() {
                break;
            }
        }
        orphans
    }

    /// Everything in the cluster that is a store's, or was: empty when nothing is left.
    pub fn leftovers(&self, store: &str) -> Vec<String> {
        let mut left = Vec::new();
        let named = |kind: &str, list: &Value, of: &dyn Fn(&Value) -> bool| -> Vec<String> {
            let items = list["items"].as_array().cloned().unwrap_or_default();
            items.iter().filter(|item| of(item)).map(|item| format!("{kind} {}", item["metadata"]["name"])).collect()
        };
        let spaces = self.get(&["namespaces"]);
        left.extend(named("namespace", &spaces, &|item| item["metadata"]["name"] == store));
        let volumes = self.get(&["persistentvolumes"]);
        left.extend(named("volume", &volumes, &|item| item["spec"]["claimRef"]["namespace"] == store));
        let inside = self.get(&["-n", store, "secrets,persistentvolumeclaims,pods,services,ingresses,networkpolicies"]);
        left.extend(named("object", &inside, &|_| true));
        left.extend(self.orphaned_folders().into_iter().map(|name| format!("folder {name}")));
        left
    }
}
