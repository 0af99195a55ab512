//! What keeps a store from being made or removed and is not its own: a webhook, a policy, a finalizer, an API without a
//! backend. Each is named, with advice that works when it is pasted.

use std::time::Instant;

use sendstores_client::{Client, CreateStore, v1 as wire};
use sendstores_tests::{
    cluster::Cluster,
    life::{gone, reach, served},
    pasted,
    wait::until,
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use wire::failure::Reason;

/// An object of the whole cluster, there while this lives.
struct Applied<'a>(&'a Cluster, NamedTempFile);

impl<'a> Applied<'a> {
    fn new(cluster: &'a Cluster, objects: &[Value]) -> Self {
        let file = NamedTempFile::new().expect("a file");
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        std::fs::write(file.path(), list.to_string()).expect("written");
        let applied = cluster.kubectl(&["apply", "-f", &file.path().display().to_string()]);
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        Self(cluster, file)
    }
}

impl Drop for Applied<'_> {
    fn drop(&mut self) {
        self.0.kubectl(&["delete", "--ignore-not-found", "-f", &self.1.path().display().to_string()]);
    }
}

async fn failure(client: &Client, id: &str, what: impl Fn(&wire::Failure) -> bool) -> wire::Failure {
    let mut last = None;
    until(&format!("the failure of {id} to be shown"), async || {
        let shown = client.get(id).await.expect("get").failure?;
        if last.as_ref() != Some(&shown) {
            println!("{id}: {shown:?}");
        }
        last = Some(shown.clone());
        what(&shown).then_some(shown)
    })
    .await
}

fn object(failure: &wire::Failure) -> String {
    failure.diagnosis.clone().unwrap_or_default().object
}

/// A webhook for objects of one kind in the namespace of one store, which is away.
fn webhook(kind: &str, group: &str, id: &str) -> Value {
    let of_store = json!({"matchLabels": {"sendstores.dev/store": id}});
    let rule = json!({"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE"], "resources": [kind]});
    let selector = if kind == "namespaces" { "objectSelector" } else { "namespaceSelector" };
    let mut webhook = json!({
        "name": format!("{kind}.away.example.com"), "rules": [rule], "failurePolicy": "Fail", "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "clientConfig": {"service": {"namespace": "default", "name": "away"}}});
    webhook[selector] = of_store;
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": format!("away-{kind}")}, "webhooks": [webhook]})
}

async fn is_told_by_its_webhook(cluster: &Cluster, client: &Client, kind: &str, group: &str) {
    let id = format!("store-webhook-{}", kind.get(..6).unwrap_or(kind));
    let away = Applied::new(cluster, &[webhook(kind, group, &id)]);
    client.create(CreateStore::new().id(&id)).await.expect("create");
    let name = format!("{kind}.away.example.com");
    let told = failure(client, &id, |failure| failure.reason() == Reason::WebhookUnavailable).await;
    assert_eq!(object(&told), format!("Webhook {name}"), "{told:?}");
    assert!(told.message.contains(&name), "{told:?}");
    pasted::follow(cluster, &told.suggestion);
    drop(away);
    client.delete(id.as_str()).await.expect("delete");
    gone(cluster, client, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_away_is_named_for_every_kind_of_object() {
    let cluster = Cluster::light();
    let (_redis, _server, client) = served(&cluster).await;
    let kinds = [
        ("namespaces", ""),
        ("networkpolicies", "networking.k8s.io"),
        ("resourcequotas", ""),
        ("limitranges", ""),
        ("secrets", ""),
        ("statefulsets", "apps"),
        ("services", ""),
    ];
    futures::future::join_all(kinds.map(|(kind, group)| is_told_by_its_webhook(&cluster, &client, kind, group))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_refuses_a_namespace_is_named_and_no_object_that_was_never_made() {
    let cluster = Cluster::light();
    let (_redis, _server, client) = served(&cluster).await;
    let id = "store-policy";
    let api = "admissionregistration.k8s.io/v1";
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["namespaces"]});
    let policy = json!({"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "no-stores"},
        "spec": {"matchConstraints": {"resourceRules": [rule]}, "failurePolicy": "Fail",
            "validations": [{"expression": format!("object.metadata.name != '{id}'"), "message": "no stores here"}]}});
    let binding = json!({"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "no-stores"},
        "spec": {"policyName": "no-stores", "validationActions": ["Deny"]}});
    let applied = Applied::new(&cluster, &[policy, binding]);
    // A policy takes a moment to be in force.
    until("the policy to refuse", async || {
        let tried = cluster.kubectl(&["create", "namespace", id, "--dry-run=server"]);
        (!tried.status.success()).then_some(())
    })
    .await;
    client.create(CreateStore::new().id(id)).await.expect("create");
    let told = failure(&client, id, |failure| failure.reason() == Reason::ObjectRefused).await;
    assert_eq!(object(&told), "ValidatingAdmissionPolicy no-stores", "{told:?}");
    pasted::follow(&cluster, &told.suggestion);
    drop(applied);
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_of_the_namespace_itself_is_named_within_30_s() {
    let cluster = Cluster::light();
    let (_redis, _server, client) = served(&cluster).await;
    let id = "store-finalizer";
    client.create(CreateStore::new().id(id)).await.expect("create");
    reach(&client, id, "credentials").await;
    let finalizers = |list: &str| {
        let patch = format!("{{\"metadata\":{{\"finalizers\":{list}}}}}");
        let args = ["patch", "namespace", id, "--type=merge", "--field-manager=a-tool", "-p", &patch];
        assert!(cluster.kubectl(&args).status.success());
    };
    finalizers("[\"example.com/hold\"]");
    let begun = Instant::now();
    client.delete(id).await.expect("delete");
    let told = failure(&client, id, |failure| failure.reason() == Reason::RemovalBlocked).await;
    println!("told after {:?}", begun.elapsed());
    assert_eq!(object(&told), format!("Namespace {id}"), "{told:?}");
    for text in [&told.message, &told.suggestion] {
        assert!(text.contains("the finalizer example.com/hold, set by a-tool, holds it"), "{told:?}");
    }
    pasted::follow(&cluster, &told.suggestion);
    finalizers("[]");
    gone(&cluster, &client, id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_without_a_backend_is_named_and_no_finalizer_is_taken_off() {
    let cluster = Cluster::light();
    let (_redis, _server, client) = served(&cluster).await;
    let id = "store-api-service";
    client.create(CreateStore::new().id(id)).await.expect("create");
    reach(&client, id, "release").await;
    let api = json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": "v1beta1.away.example.com"},
        "spec": {"group": "away.example.com", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "insecureSkipTLSVerify": true, "service": {"namespace": "default", "name": "away"}}});
    let applied = Applied::new(&cluster, &[api]);
    let begun = Instant::now();
    client.delete(id).await.expect("delete");
    let told = failure(&client, id, |failure| object(failure).starts_with("APIService")).await;
    println!("told after {:?}", begun.elapsed());
    assert_eq!(
        (told.reason(), object(&told).as_str()),
        (Reason::RemovalBlocked, "APIService v1beta1.away.example.com")
    );
    assert!(told.suggestion.contains("delete the APIService") && !told.suggestion.contains("finalizer"), "{told:?}");
    pasted::follow(&cluster, &told.suggestion);
    drop(applied);
    gone(&cluster, &client, id).await;
}
