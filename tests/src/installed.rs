//! The control plane as pods, installed from its chart as an operator installs it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use sendstores_client::{Client, RetryPolicy};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    authority::Authority,
    cluster::{Cluster, server_image},
    identity::{self, NAME, Seen},
    server::ServerOptions,
    tokens::make_entry,
    wait::until,
};

const PASSWORD: &str = "3f1c0d5be2a94f77";

/// An installed control plane; gone when dropped.
pub struct Installed {
    cluster: Cluster,
    namespace: String,
    authority: Authority,
    files: TempDir,
    url: String,
    token: String,
}

/// A port of this machine that leads to one of a pod, for as long as it lives.
struct Forward {
    kubectl: Child,
    port: u16,
}

/// The ledger of an installed control plane, and the way to it.
pub struct FarLedger {
    pub ledger: RedisLedger,
    _way: Forward,
}

// === impl Installed ===

impl Installed {
    /// Two replicas and a Redis with TLS, in a fresh namespace.
    pub fn install(cluster: &Cluster, namespace: &str) -> Self {
        let (files, authority) = (TempDir::new().expect("a folder"), Authority::named("operators"));
        let node = cluster.node_address();
        // Of a file, so that the log in Redis has nothing but stores.
        let nowhere = ServerOptions::without_cluster("redis://127.0.0.1:1");
        let (url, (token, entry)) = (String::new(), make_entry(&nowhere, "--role admin"));
        fs::write(files.path().join("credentials.yaml"), format!("credentials:\n{entry}")).expect("written");
        let mut it = Self { cluster: cluster.clone(), namespace: namespace.to_owned(), authority, files, url, token };
        it.prepare(&node);
        let (values, images) = (it.values(), server_image().display().to_string());
        let args = ["install", NAME, &identity::chart(), "--wait", "--timeout", "3m", "-f", &images, "-f", &values];
        identity::helm(cluster, namespace, &args);
        let port = it.get(&["service", NAME])["spec"]["ports"][0]["nodePort"].clone();
        it.url = format!("https://{node}:{port}");
        it
    }

    /// What the chart refers to and does not make: the namespace, Secrets, values of stores.
    fn prepare(&self, node: &str) {
        let services = [NAME, &format!("{NAME}-redis")].map(|name| format!("DNS:{name}.{}.svc", self.namespace));
        let pair = self.authority.issue("tls", &format!("DNS:localhost,IP:127.0.0.1,IP:{node},{}", services.join(",")));
        let file = |key: &str, path: PathBuf| format!("--from-file={key}={}", path.display());
        let password = self.files.path().join("password");
        fs::write(&password, PASSWORD).expect("written");
        self.must(&["create", "namespace", &self.namespace]);
        self.must(&["label", "namespace", &self.namespace, "pod-security.kubernetes.io/enforce=restricted"]);
        let (cert, key) = (file("tls.crt", pair.cert), file("tls.key", pair.key));
        let ca = file("ca.crt", self.authority.certificate());
        self.here(&["create", "secret", "generic", "tls", &cert, &key, &ca]);
        self.here(&["create", "secret", "generic", "redis", &file("password", password)]);
        let credentials = file("credentials.yaml", self.files.path().join("credentials.yaml"));
        self.here(&["create", "secret", "generic", "credentials", &credentials]);
        let values: Vec<_> = self.cluster.values().iter().enumerate().collect();
        let values: Vec<_> = values.into_iter().map(|(i, path)| file(&format!("{i}.yaml"), path.clone())).collect();
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        self.here(&[&["create", "configmap", "stores"][..], &values].concat());
    }

    /// A file with the values of the release.
    fn values(&self) -> String {
        let stores: Vec<Value> =
            (0..self.cluster.values().len()).map(|i| json!({"name": "stores", "key": format!("{i}.yaml")})).collect();
        let redis = json!({"enabled": true, "existingSecret": "redis", "tls": {"existingSecret": "tls"},
            "volume": {"whenDeleted": "Delete"}});
        let values = json!({
            "server": {"enabled": true, "instance": self.namespace},
            "redis": {"embedded": redis},
            "tls": {"existingSecret": "tls"},
            "auth": {"credentialsSecret": "credentials"},
            "store": {"url": self.cluster.store_url(), "valuesFrom": stores},
            "service": {"type": "NodePort"},
            "defaultBackend": {"enabled": true},
            "extraEnv": [{"name": "SENDSTORES_LEASE", "value": "2s"}],
        });
        let file = self.files.path().join("values.json");
        fs::write(&file, values.to_string()).expect("written");
        file.display().to_string()
    }

    /// A client over the Service, with TLS and a token, on a connection of its own. It repeats nothing.
    pub async fn client(&self) -> Client {
        self.client_with(&self.token).await
    }

    /// The same with another token.
    pub async fn client_with(&self, token: &str) -> Client {
        let ca = fs::read(self.authority.certificate()).expect("a certificate");
        let builder = Client::builder().tls_ca(ca).token(token).retry(RetryPolicy::none());
        let connect = async || builder.clone().connect(&self.url).await.ok();
        until("a connection", connect).await
    }

    /// A command of the server's program, run in one of its pods with what the pod has.
    pub fn server_command(&self, words: &[&str]) -> String {
        let pod = format!("deployment/{NAME}");
        self.here(&[&["exec", &pod, "--", "sendstores-server"][..], words].concat())
    }

    /// A connection to its Redis.
    pub async fn ledger(&self, history: u32) -> FarLedger {
        let way = Forward::to(&self.cluster, &self.namespace, &format!("svc/{NAME}-redis"), 6379);
        let url = format!("rediss://sendstores:{PASSWORD}@127.0.0.1:{}", way.port);
        let config = RedisConfig {
            ca: Some(self.authority.certificate()),
            history: history.try_into().expect("not zero"),
            ..RedisConfig::new(url)
        };
        FarLedger { ledger: RedisLedger::connect(config).await.expect("a ledger"), _way: way }
    }

    /// Replaces all replicas, one after the other, and waits for the end of it.
    pub fn roll(&self) {
        let deployment = format!("deployment/{NAME}");
        self.here(&["rollout", "restart", &deployment]);
        self.here(&["rollout", "status", &deployment, "--timeout=150s"]);
    }

    /// The names of its server's pods that are ready and not being ended.
    pub fn replicas(&self) -> Vec<String> {
        self.pods("control-plane", "name")
    }

    /// The uid of its Redis' pod, once it is ready.
    pub fn redis(&self) -> Option<String> {
        self.pods("redis", "uid").pop()
    }

    fn pods(&self, component: &str, field: &str) -> Vec<String> {
        let pods = self.get(&["pods", "-l", &format!("app.kubernetes.io/component={component}")]);
        let ready = |pod: &&Value| {
            let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
            pod["metadata"]["deletionTimestamp"].is_null()
                && conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
        };
        let pods = pods["items"].as_array().expect("a list").clone();
        pods.iter().filter(ready).map(|pod| pod["metadata"][field].as_str().expect("a text").to_owned()).collect()
    }

    /// Ends a pod at once.
    pub fn kill(&self, pod: &str) {
        self.here(&["delete", "pod", pod, "--grace-period=0", "--force"]);
    }

    /// What its account did, and was refused.
    pub fn seen(&self) -> Seen {
        identity::seen(&self.cluster, &self.namespace)
    }

    /// Uninstalls it; what the release leaves in its namespace and beside, without what was there before.
    pub async fn uninstall(&self) {
        identity::helm(&self.cluster, &self.namespace, &["uninstall", NAME, "--wait", "--timeout", "2m"]);
        let kinds = "deployments,statefulsets,pods,services,configmaps,secrets,serviceaccounts,networkpolicies,\
                     poddisruptionbudgets,persistentvolumeclaims,leases";
        let before = "configmap/kube-root-ca.crt configmap/stores secret/credentials secret/redis secret/tls \
                      serviceaccount/default";
        until("nothing to be left of the release", async || {
            let left = self.here(&["get", kinds, "-o", "name"]);
            (left.split_whitespace().collect::<Vec<_>>().join(" ") == before).then_some(())
        })
        .await;
        let wide = format!("{}-{NAME}", self.namespace);
        for kind in
            ["clusterrole", "clusterrolebinding", "validatingadmissionpolicy", "validatingadmissionpolicybinding"]
        {
            let found = self.must(&["get", kind, &wide, "--ignore-not-found", "-o", "name"]);
            assert_eq!(found, "", "left beside the namespace");
        }
    }

    fn get(&self, words: &[&str]) -> Value {
        self.cluster.get(&[&["-n", &self.namespace][..], words].concat())
    }

    fn here(&self, words: &[&str]) -> String {
        self.must(&[&["-n", &self.namespace][..], words].concat())
    }

    fn must(&self, words: &[&str]) -> String {
        let output = self.cluster.kubectl(words);
        assert!(output.status.success(), "kubectl {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for what in
                ["get pods,events -o wide", "logs -l app.kubernetes.io/component=control-plane --tail=40 --prefix"]
            {
                let words: Vec<_> = ["-n", &self.namespace].into_iter().chain(what.split(' ')).collect();
                eprintln!("{}", String::from_utf8_lossy(&self.cluster.kubectl(&words).stdout));
            }
        }
        let uninstall = ["--namespace", &self.namespace, "uninstall", NAME, "--ignore-not-found"];
        let helm = Command::new(self.cluster.program("helm"))
            .args(["--kubeconfig", &self.cluster.kubeconfig])
            .args(uninstall)
            .output();
        drop(helm);
        self.cluster.kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

// === impl Forward ===

impl Forward {
    fn to(cluster: &Cluster, namespace: &str, target: &str, port: u16) -> Self {
        let mut command = Command::new(cluster.program("kubectl"));
        command.args([
            "--kubeconfig",
            &cluster.kubeconfig,
            "-n",
            namespace,
            "port-forward",
            "--address",
            "127.0.0.1",
            target,
        ]);
        let mut kubectl = command.arg(format!(":{port}")).stdout(Stdio::piped()).spawn().expect("run kubectl");
        let mut line = String::new();
        let mut said = BufReader::new(kubectl.stdout.take().expect("its output"));
        said.read_line(&mut line).expect("a line");
        // It goes on to say of each connection that there is one.
        std::thread::spawn(move || said.lines().for_each(drop));
        let port = line.split_whitespace().nth(2).and_then(|address| address.rsplit_once(':')?.1.parse().ok());
        Self { kubectl, port: port.unwrap_or_else(|| panic!("kubectl port-forward says {line:?}")) }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}
