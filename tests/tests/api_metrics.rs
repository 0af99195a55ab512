//! `/metrics`: the families are those of the table in docs/operations.md, with its types and labels, on a server in use.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use regex::Regex;
use sendstores_client::{Client, CreateStore, v1::StoreFilter};
use sendstores_server::telemetry::families::{self, Family, Kind};
use sendstores_tests::{
    authority::Authority,
    exposition::{self, Exposed},
    helm_shim::{Deed, HelmShim},
    http,
    prometheus::{Prometheus, promtool},
    redis::RedisServer,
    server::{Server, ServerOptions, signal, workspace},
    tls::with_tls,
    tokens::{client, make_entry, make_token},
    wait::until,
};
use serde::Deserialize;
use serde_json::Value;

/// Acts are done in a cluster only.
const OF_A_CLUSTER: [&str; 3] =
    ["sendstores_operations_total", "sendstores_permit_wait_seconds", "sendstores_permits_wanted"];
const TENANT: &str = "acme-of-the-test";
const STORE: &str = "store-of-the-test";

fn kind(family: &Family) -> &'static str {
    match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    }
}

/// The row of a family in the table.
fn row(family: &Family) -> String {
    let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{}` | {} | {} | {} |\n", family.name, kind(family), labels.join(", "), family.help)
}

#[test]
fn the_table_of_the_operations_has_every_family() {
    const HEAD: &str = "| family | type | labels | meaning |\n|---|---|---|---|\n";
    let path = workspace().join("docs/operations.md");
    let text = fs::read_to_string(&path).expect("docs/operations.md");
    let (before, rest) = text.split_once(HEAD).expect("the table");
    let end = rest.split_inclusive('\n').take_while(|line| line.starts_with('|')).map(str::len).sum();
    let (table, after) = rest.split_at(end);
    let wanted: String = families::ALL.iter().map(row).collect();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(path, format!("{before}{HEAD}{wanted}{after}")).expect("written");
        return;
    }
    assert!(table == wanted, "write it anew with UPDATE_GENERATED=1; it should be\n{wanted}");
}

#[test]
fn every_family_is_recorded_somewhere_with_its_type_and_its_labels() {
    let recorded =
        Regex::new(r#"(?s)metrics::(counter|gauge|histogram)!\(\s*"(\w+)"(.*?)\)\s*[.;\n]"#).expect("an expression");
    let label = Regex::new(r#""(\w+)" =>"#).expect("an expression");
    let mut found = BTreeSet::new();
    for source in sources() {
        for places in recorded.captures_iter(&source) {
            let family = families::ALL.iter().find(|family| family.name == &places[2]);
            let family = family.unwrap_or_else(|| panic!("{} is not in the table", &places[2]));
            assert_eq!(&places[1], kind(family), "{}", family.name);
            let labels: Vec<_> = label.captures_iter(&places[3]).map(|label| label[1].to_owned()).collect();
            // Those of permits are in a variable.
            assert!(labels == family.labels || places[3].contains("&labels"), "{}: {labels:?}", family.name);
            found.insert(family.name);
        }
    }
    let broken = |name: &str| {
        name.ends_with("_broken") && sources().any(|source| source.contains(&format!("broken: \"{name}\"")))
    };
    let missing = families::ALL.iter().map(|family| family.name).filter(|name| !found.contains(name));
    let missing: Vec<_> = missing.filter(|name| !name.starts_with("process_") && !broken(name)).collect();
    assert!(missing.is_empty(), "never recorded: {missing:?}");
}

fn sources() -> impl Iterator<Item = String> {
    let mut folders = vec![workspace().join("server/src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let code = |text: String| text.split("\n#[cfg(test)]\n").next().unwrap_or_default().to_owned();
    files.into_iter().map(move |path| code(fs::read_to_string(path).expect("a source")))
}

/// A server that has been called in many ways, and one with TLS, on one Redis.
struct InUse {
    _redis: RedisServer,
    _folder: tempfile::TempDir,
    _helm: HelmShim,
    _authority: Authority,
    servers: [Server; 2],
    admin: Client,
}

async fn in_use() -> InUse {
    let (redis, helm, folder) =
        (RedisServer::start().await, HelmShim::new(Deed::Work), tempfile::tempdir().expect("a folder"));
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let (of_file, entry) = make_entry(&options, "--role operator");
    let (credentials, bindings) = (folder.path().join("credentials.yaml"), folder.path().join("auth.yaml"));
    fs::write(&credentials, format!("credentials:\n{entry}")).expect("written");
    fs::write(&bindings, "bindings: []\n").expect("written");
    let authority = Authority::named("metrics");
    let secure = with_tls(ServerOptions::without_cluster(&redis.url()), &authority.issue("server", "DNS:localhost"));
    let token = make_token(&options, "--role admin --expires never");
    let options = options
        .flag(format!("--credentials={}", credentials.display()))
        .flag(format!("--auth-config={}", bindings.display()))
        .flag(format!("--helm={}", helm.program().display()))
        .flag("--tenant-limit=stores=1");
    let servers = [options.start_ready().await, secure.start_ready().await];
    let admin = client(&servers[0], &token).await;
    admin.create(CreateStore::new().id(STORE).tenant(TENANT)).await.expect("created");
    admin.create(CreateStore::new().tenant(TENANT)).await.expect_err("one too many");
    let reused = |id: &str| CreateStore::new().id(id).request_id("once");
    admin.create(reused("store-once")).await.expect("created");
    admin.create(reused("store-twice")).await.expect_err("another request of this id");
    client(&servers[0], &of_file).await.get(STORE).await.expect("shown");
    client(&servers[0], sendstores_server::auth::generate().expose()).await.get(STORE).await.expect_err("unknown");
    let _watch = admin.watch(StoreFilter::default()).await.expect("a watch");
    signal(servers[0].pid(), "HUP");
    InUse { _redis: redis, _folder: folder, _helm: helm, _authority: authority, servers, admin }
}

async fn metrics(server: &Server) -> String {
    http::get(server.admin, "/metrics").await.expect("metrics").1
}

#[tokio::test]
async fn a_server_in_use_exposes_the_families_of_the_table_and_no_others() {
    let in_use = in_use().await;
    let (first, second) = (&in_use.servers[0], &in_use.servers[1]);
    const LAST: [[&str; 2]; 3] = [
        ["sendstores_step_seconds_count", "namespace"],
        ["sendstores_helm_seconds_count", "template"],
        ["sendstores_tenant_count_drift", ""],
    ];
    until("a failed step, a run of helm and a comparison of the counts", async || {
        let text = metrics(first).await;
        let seen = |[name, label]: &[&str; 2]| text.lines().any(|line| line.starts_with(name) && line.contains(label));
        LAST.iter().all(seen).then_some(())
    })
    .await;
    let mut exposed = exposition::families(&metrics(first).await);
    for (name, family) in exposition::families(&metrics(second).await) {
        exposed.entry(name).or_default().series.extend(family.series.iter().cloned());
    }
    in_use.admin.get(STORE).await.expect("it serves on");
    for Family { name, help, labels, .. } in families::ALL.iter().filter(|family| !OF_A_CLUSTER.contains(&family.name))
    {
        let family = exposed.get(*name).unwrap_or_else(|| panic!("{name} is not exposed"));
        let wanted: BTreeSet<_> = labels.iter().map(|label| (*label).to_owned()).collect();
        for series in &family.series {
            assert_eq!(series.keys().cloned().collect::<BTreeSet<_>>(), wanted, "{name}");
        }
        // That of the server with TLS has none of the first one's.
        assert!(family.help.is_empty() || family.help == *help, "{name}: {}", family.help);
    }
    let known: BTreeMap<_, _> = families::ALL.iter().map(|family| (family.name, kind(family))).collect();
    for (name, Exposed { kind, help, series }) in exposition::families(&metrics(first).await) {
        assert_eq!(known.get(name.as_str()), Some(&kind.as_str()), "{name}");
        assert!(!help.is_empty(), "{name} has no HELP");
        let values = series.iter().flat_map(BTreeMap::values);
        assert!(values.clone().all(|value| ![TENANT, STORE].contains(&value.as_str())), "{name}: {series:?}");
    }
}

#[tokio::test]
async fn what_happened_is_counted_where_it_belongs() {
    let in_use = in_use().await;
    let text = metrics(&in_use.servers[0]).await;
    let value = |series: &str| exposition::value(&text, series).unwrap_or_else(|| panic!("no {series}: {text}"));
    assert_eq!(value(r#"sendstores_limited_total{limit="stores"}"#), 1.0);
    assert_eq!(value(r#"sendstores_limited_total{limit="calls"}"#), 0.0);
    assert!(value(r#"sendstores_auth_total{method="token",decision="allowed"}"#) >= 3.0);
    assert_eq!(value(r#"sendstores_auth_total{method="file",decision="allowed"}"#), 1.0);
    assert_eq!(value(r#"sendstores_auth_total{method="other",decision="refused"}"#), 1.0);
    assert_eq!(value("sendstores_tokens_without_expiry"), 1.0);
    assert_eq!(value(r#"sendstores_stores{state="PROVISIONING",engine="woocommerce"}"#), 2.0);
    assert_eq!(value(r#"sendstores_stores{state="READY",engine="other"}"#), 0.0);
    assert_eq!(value(r#"sendstores_config_reload_success{file="credentials"}"#), 1.0);
    // Buckets, so that the calls of several replicas can be added up.
    assert!(value(r#"sendstores_grpc_call_seconds_bucket{method="Create",le="10"}"#) >= 1.0);
    assert!(value(r#"sendstores_ledger_call_seconds_count{script="write",outcome="ok"}"#) >= 1.0);
    let expiry = metrics(&in_use.servers[1]).await;
    assert!(exposition::value(&expiry, "sendstores_tls_certificate_expiry_timestamp_seconds") > Some(1.7e9));
}

#[tokio::test]
async fn prometheus_has_nothing_against_the_metrics() {
    let in_use = in_use().await;
    for server in &in_use.servers {
        let said = promtool(&["check", "metrics"], &metrics(server).await);
        let text = [said.stdout, said.stderr].concat();
        assert!(said.status.success() && text.is_empty(), "{}", String::from_utf8_lossy(&text));
    }
}

/// The alerts as the chart renders them.
#[derive(Deserialize)]
struct PrometheusRule {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: String,
    expr: String,
}

/// Each alert and its query.
fn alerts() -> Vec<(String, String)> {
    let path = workspace().join("tests/charts/golden/control-plane-everything/prometheusrule.yaml");
    let file: PrometheusRule =
        serde_saphyr::from_str(&fs::read_to_string(path).expect("the rendered rules")).expect("YAML");
    let rules = file.spec.groups.into_iter().flat_map(|group| group.rules);
    rules.map(|rule| (rule.alert, rule.expr)).collect()
}

/// Each panel of the dashboard with each of its queries, as Grafana would ask for this release.
fn panels() -> Vec<(String, String)> {
    let path = workspace().join("charts/sendstores/dashboards/sendstores.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(path).expect("the dashboard")).expect("JSON");
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().expect("a query").replace("$__rate_interval", "30s");
            let query = query.replace("$namespace", "sendstores-system").replace("$service", "sendstores-metrics");
            assert!(!query.contains('$'), "{query}");
            found.push((panel["title"].as_str().expect("a title").to_owned(), query));
        }
    }
    found
}

/// Alerts on what is there only where something fails.
const WITHOUT_A_FAULT: [&str; 3] = ["SendStoresDown", "SendStoresErrors", "SendStoresLedgerUnavailable"];
/// Panels on what only a cluster brings about.
const WITHOUT_DATA: [&str; 2] = ["Wait for a permit, p95", "Time of steps, p95"];

#[tokio::test]
async fn prometheus_answers_each_panel_and_each_alert() {
    let in_use = in_use().await;
    let prometheus = Prometheus::scraping(&in_use.servers.each_ref().map(|server| server.admin)).await;
    for (alert, query) in alerts() {
        prometheus.query(&query).unwrap_or_else(|why| panic!("{alert}: {why}: {query}"));
        // An alert that does not fire has no data; what it compares has.
        let compared = query.split(['<', '>']).next().unwrap_or_default();
        if !WITHOUT_A_FAULT.contains(&alert.as_str()) {
            has_data(&in_use, &prometheus, &alert, compared).await;
        }
    }
    let panels = panels();
    assert!(panels.len() > 30, "{} queries", panels.len());
    for (title, query) in panels {
        if WITHOUT_DATA.contains(&title.as_str()) {
            let answer = prometheus.query(&query).unwrap_or_else(|why| panic!("{title}: {why}: {query}"));
            assert_eq!(answer, Vec::<Value>::new(), "{title} has data after all: take it out of the list");
        } else {
            has_data(&in_use, &prometheus, &title, &query).await;
        }
    }
}

/// Waits until a query has data: of a rate two scrapes are needed, of a failed call one that failed.
async fn has_data(in_use: &InUse, prometheus: &Prometheus, what: &str, query: &str) {
    until(what, async || {
        let _a_call = in_use.admin.get(STORE).await;
        let _an_unknown_store = in_use.admin.get("store-none").await;
        let answer = prometheus.query(query).unwrap_or_else(|why| panic!("{what}: {why}: {query}"));
        (!answer.is_empty()).then_some(())
    })
    .await;
}
