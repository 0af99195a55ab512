//! The control plane's own identity, installed as an operator installs it, and what it was seen to do with it.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::{cluster::Cluster, server::workspace, wait::until};

/// The release, and the names that follow from it.
pub const NAME: &str = "sendstores";

/// Leave to do one thing with one kind of objects, such as `deployments.apps: get`.
pub type Right = String;

/// An installed `charts/sendstores`; gone when dropped.
pub struct Identity {
    cluster: Cluster,
    namespace: String,
    kubeconfig: NamedTempFile,
}

/// What the API server wrote down of one user.
#[derive(Debug, Default)]
pub struct Seen {
    pub used: BTreeSet<Right>,
    /// Requests that were refused for want of a right, or by the fence.
    pub refused: Vec<String>,
}

// === impl Identity ===

impl Identity {
    /// `namespace` must be one that nobody used before: the log keeps what its account did.
    pub async fn install(cluster: &Cluster, namespace: &str) -> Self {
        Self::install_with(cluster, namespace, &[]).await
    }

    /// The same with values, such as `auth.kubernetes.enabled=true`.
    pub async fn install_with(cluster: &Cluster, namespace: &str, values: &[&str]) -> Self {
        let chart = chart();
        let values = values.iter().flat_map(|value| ["--set", value]);
        let args: Vec<_> = ["install", NAME, &chart, "--create-namespace"].into_iter().chain(values).collect();
        helm(cluster, namespace, &args);
        // The API server takes a binding up a moment after it was made; what is refused until then would stay in the log.
        let account = format!("--as=system:serviceaccount:{namespace}:{NAME}");
        let bound = async || {
            let answer = cluster.kubectl(&["auth", "can-i", "create", "namespaces", &account]);
            answer.status.success().then_some(())
        };
        until("the account to have its rights", bound).await;
        let kubeconfig = cluster.kubeconfig_of_account(namespace, NAME);
        Self { cluster: cluster.clone(), namespace: namespace.to_owned(), kubeconfig }
    }

    pub fn kubeconfig(&self) -> &str {
        self.kubeconfig.path().to_str().expect("a plain path")
    }

    /// The right for each verb and resource of its ClusterRole.
    pub fn granted(&self) -> BTreeSet<Right> {
        granted(&self.cluster, &self.namespace)
    }

    /// What the API server has written down so far.
    pub fn seen(&self) -> Seen {
        seen(&self.cluster, &self.namespace)
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        helm(&self.cluster, &self.namespace, &["uninstall", NAME]);
        self.cluster.kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

/// The right for each verb and resource that the release in this namespace gives its account.
pub fn granted(cluster: &Cluster, namespace: &str) -> BTreeSet<Right> {
    let role = cluster.get(&["clusterrole", &format!("{namespace}-{NAME}")]);
    let texts = |rule: &Value, field: &str| -> Vec<String> {
        let list = rule[field].as_array().expect("a list").iter();
        list.map(|text| text.as_str().expect("a text").to_owned()).collect()
    };
    let mut granted = BTreeSet::new();
    for rule in role["rules"].as_array().expect("rules") {
        for (group, resource) in texts(rule, "apiGroups")
            .iter()
            .flat_map(|group| texts(rule, "resources").into_iter().map(move |resource| (group.clone(), resource)))
        {
            granted.extend(texts(rule, "verbs").iter().map(|verb| right(&group, &resource, verb)));
        }
    }
    granted
}

/// What the API server has written down so far of the account of the release in this namespace.
pub fn seen(cluster: &Cluster, namespace: &str) -> Seen {
    let user = format!("system:serviceaccount:{namespace}:{NAME}");
    let log = std::fs::read_to_string(cluster.audit_log()).expect("the audit log");
    // After the last line end there may be a line that is still being written.
    let log = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut seen = Seen::default();
    for line in log.lines().filter(|line| line.contains(&user)) {
        let entry: Value = serde_json::from_str(line).expect("an entry");
        if entry["user"]["username"] == user.as_str() {
            seen.note(&entry);
        }
    }
    seen
}

// === impl Seen ===

impl Seen {
    fn note(&mut self, entry: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (verb, object, answer) = (text(&entry["verb"]), &entry["objectRef"], &entry["responseStatus"]);
        let (code, message) = (answer["code"].as_u64(), text(&answer["message"]));
        // A namespace that is going takes nothing new, whoever asks.
        let forbidden = code == Some(403) && !message.contains("being terminated");
        if forbidden || code == Some(401) || message.contains("ValidatingAdmissionPolicy") {
            self.refused.push(format!("{verb} {}: {message}", text(&entry["requestURI"])));
            return;
        }
        let resource = match (text(&object["resource"]), text(&object["subresource"])) {
            // Not an object, but a description of the API, which is open to every user.
            (resource, _) if resource.is_empty() => return,
            (resource, subresource) if subresource.is_empty() => resource,
            (resource, subresource) => format!("{resource}/{subresource}"),
        };
        let group = text(&object["apiGroup"]);
        // Two kinds of requests need one right more than the verb that the log gives them; the test
        // `two_requests_need_a_right_that_the_log_does_not_name` shows it.
        let applied_what_was_not_there = verb == "patch" && code == Some(201);
        if applied_what_was_not_there || (verb == "get" && resource == "pods/exec") {
            self.used.insert(right(&group, &resource, "create"));
        }
        self.used.insert(right(&group, &resource, &verb));
    }
}

fn right(group: &str, resource: &str, verb: &str) -> Right {
    let dot = if group.is_empty() { "" } else { "." };
    format!("{resource}{dot}{group}: {verb}")
}

/// The chart of the control plane.
pub fn chart() -> String {
    workspace().join("charts/sendstores").display().to_string()
}

/// Runs helm as the administrator.
pub fn helm(cluster: &Cluster, namespace: &str, args: &[&str]) {
    let mut command = Command::new(cluster.program("helm"));
    command.args(["--kubeconfig", &cluster.kubeconfig, "--namespace", namespace]).args(args);
    let output = command.output().expect("run helm");
    assert!(output.status.success(), "helm {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
