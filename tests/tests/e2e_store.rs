//! A stranger's path on a real node: grpcurl and no proto file, a real shop through the Ingress, and nothing left.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Output, Stdio},
};

use sendstores_client::{CreateStore, v1 as wire};
use sendstores_tests::{
    cluster::Cluster,
    redis::RedisServer,
    server::Server,
    shop::{lets_in, visit},
    wait,
};
use serde_json::{Value, json};

/// grpcurl against one server.
struct Grpcurl<'a> {
    cluster: &'a Cluster,
    address: SocketAddr,
}

/// A running `grpcurl WatchStatus`; killed when dropped.
struct Watch(Child);

// === impl Grpcurl ===

impl Grpcurl<'_> {
    fn command(&self, flags: &[&str], words: &[&str]) -> Command {
        let mut command = Command::new(self.cluster.program("grpcurl"));
        command.arg("-plaintext").args(flags).arg(self.address.to_string()).args(words);
        command
    }

    fn output(&self, flags: &[&str], words: &[&str]) -> Output {
        self.command(flags, words).output().expect("run grpcurl")
    }

    fn text(&self, words: &[&str]) -> String {
        let output = self.output(&[], words);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn call(&self, method: &str, request: &Value) -> Result<Value, Value> {
        let method = format!("sendstores.v1.StoreService/{method}");
        let output = self.output(&["-format-error", "-d", &request.to_string()], &[&method]);
        match output.status.success() {
            true => Ok(serde_json::from_slice(&output.stdout).expect("JSON")),
            false => Err(serde_json::from_slice(&output.stderr).expect("an error in JSON")),
        }
    }

    /// Reads the stream until the store shows `state`; gives all its states in order, and its last message.
    fn watch_until(&self, id: &str, state: &str) -> (Vec<String>, Value) {
        let request = json!({"filter": {"ids": [id]}}).to_string();
        let mut command = self.command(&["-d", &request], &["sendstores.v1.StoreService/WatchStatus"]);
        let mut watch = Watch(command.stdout(Stdio::piped()).spawn().expect("run grpcurl"));
        let mut states: Vec<String> = Vec::new();
        let mut message = String::new();
        for line in BufReader::new(watch.0.stdout.take().expect("its output")).lines() {
            let line = line.expect("a line");
            message.push_str(&line);
            // grpcurl prints each message over several lines; a brace alone in the first column ends it.
            if line != "}" {
                continue;
            }
            let event: Value = serde_json::from_str(&message).expect("JSON");
            message.clear();
            let store = if event["snapshot"].is_object() { &event["snapshot"] } else { &event["changed"] };
            if let Some(now) = store["state"].as_str() {
                if states.last().is_none_or(|last| last != now) {
                    states.push(now.to_owned());
                }
                if now == state {
                    return (states, store.clone());
                }
            }
        }
        panic!("the stream of {id} ended after {states:?}");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn started() -> (Cluster, RedisServer, Server) {
    let cluster = Cluster::full();
    let redis = RedisServer::start().await;
    let server =
        cluster.server(&redis.url()).flag("--cron-interval=2s").flag("--probe-interval=2s").start_ready().await;
    (cluster, redis, server)
}

/// A store that is READY shows why; and that the shop is seen through the Ingress, too, as soon as its controller knows it.
async fn sells(grpcurl: &Grpcurl<'_>, ready: &Value) {
    let passed = |store: &Value, check: &str| {
        let evidence = store["evidence"].as_array().expect("evidence");
        evidence.iter().any(|one| one["check"] == check && one["passed"] == true)
    };
    for check in ["shop_page", "store_api", "cart", "cron"] {
        assert!(passed(ready, check), "{check}: {ready}");
    }
    wait::until("the shop to be seen through the Ingress", async || {
        let store = grpcurl.call("Get", &json!({"id": ready["id"]})).expect("get");
        passed(&store["store"], "ingress").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_path_from_create_to_a_shop_to_nothing_left() {
    let (cluster, redis, server) = started().await;
    let grpcurl = Grpcurl { cluster: &cluster, address: server.grpc };
    assert!(grpcurl.text(&["list"]).contains("sendstores.v1.StoreService"));
    let described = grpcurl.text(&["describe", "sendstores.v1.StoreService"]);
    for method in ["Create", "Get", "List", "Delete", "WatchStatus", "GetCredentials"] {
        assert!(described.contains(&format!("rpc {method} ")), "{described}");
    }

    let title = "Käse & \"Brot\" --exec=x";
    let created =
        grpcurl.call("Create", &json!({"spec": {"shop": {"title": title, "currency": "EUR"}}})).expect("create");
    let id = created["store"]["id"].as_str().expect("an id").to_owned();
    let url = created["store"]["url"].as_str().expect("a URL").to_owned();
    // Two side by side.
    let other = grpcurl.call("Create", &json!({"store_id": "store-e2e-b"})).expect("create");
    assert_eq!(other["store"]["id"], "store-e2e-b");

    let (states, ready) = grpcurl.watch_until(&id, "STATE_READY");
    assert_eq!(states, ["STATE_PROVISIONING", "STATE_READY"]);
    let steps = ready["steps"].as_array().expect("steps");
    assert!(steps.iter().all(|step| step["state"] == "STATE_SUCCEEDED"), "{ready}");
    sells(&grpcurl, &ready).await;

    let (code, page) = wait::until("the shop through the Ingress", async || {
        let answer = visit(&url, "/shop/").await;
        (answer.0 == 200).then_some(answer)
    })
    .await;
    assert_eq!(code, 200);
    assert!(page.contains("K&auml;se") || page.contains("Käse"), "the shop's name is not in its page: {page}");
    assert_ne!(visit(&url, "/wp-admin/install.php").await.0, 200);
    let password = way_in(&grpcurl, &id, &url).await;

    let (_, second) = grpcurl.watch_until("store-e2e-b", "STATE_READY");
    isolated(&cluster, &id, "store-e2e-b");
    isolated(&cluster, "store-e2e-b", &id);
    assert_ne!(second["url"], ready["url"]);
    scheduled_work_is_done(&cluster, &id).await;

    let (list, log) = (grpcurl.call("List", &json!({})).expect("list"), server.log().join("\n"));
    assert!(!list.to_string().contains(&password) && !log.contains(&password), "the password is told elsewhere");
    for store in [id.as_str(), "store-e2e-b"] {
        let deleting = grpcurl.call("Delete", &json!({"id": store})).expect("delete");
        assert_eq!(deleting["store"]["state"], "STATE_DELETING");
    }
    for store in [id.as_str(), "store-e2e-b"] {
        wait::until("the store to be gone", async || grpcurl.call("Get", &json!({"id": store})).err()).await;
        assert_eq!(cluster.leftovers(store), Vec::<String>::new());
    }
    assert_eq!(server.children(), Vec::<String>::new(), "helm or exec left running");
    let claims = redis.cli(["--scan", "--pattern", "*claim*"]).await;
    assert!(claims.is_empty() || redis.cli(["HLEN", &claims]).await == "0", "a claim is left: {claims}");
}

/// What GetCredentials hands out opens the shop's administration, and nothing else does; the password.
async fn way_in(grpcurl: &Grpcurl<'_>, id: &str, url: &str) -> String {
    let found = grpcurl.call("GetCredentials", &json!({"id": id})).expect("credentials");
    let text = |field: &str| found[field].as_str().expect("a text").to_owned();
    let (user, password) = (text("user"), text("password"));
    assert_eq!(text("adminUrl"), format!("{url}/wp-admin/"));
    assert!(lets_in(url, &user, &password).await && !lets_in(url, &user, "not-the-password").await);
    let history = grpcurl.call("Get", &json!({"id": id})).expect("get")["store"]["history"].clone();
    let mut entries = history.as_array().expect("a history").iter();
    assert!(entries.any(|entry| entry["event"] == "EVENT_CREDENTIALS_READ"), "{history}");
    password
}

/// Nobody visits the shop, and yet what it has scheduled is done.
async fn scheduled_work_is_done(cluster: &Cluster, id: &str) {
    let wp = |words: &[&str]| cluster.wp(id, &[&["cron", "event"], words].concat());
    let due = || wp(&["list", "--fields=hook", "--format=csv"]) + "\n";
    wp(&["schedule", "sendstores_e2e_later", "+1 day"]);
    wp(&["schedule", "sendstores_e2e", "now"]);
    wait::until("what is scheduled to be done", async || (!due().contains("sendstores_e2e\n")).then_some(())).await;
    assert!(due().contains("sendstores_e2e_later"), "what is not due is left alone");
}

/// A store reaches its own database and no other's, nor another's shop, nor the cluster itself.
fn isolated(cluster: &Cluster, from: &str, other: &str) {
    let open = |host: &str, port: u16| {
        let code = format!("echo @fsockopen('{host}', {port}, $e, $m, 2) ? 'open' : 'closed';");
        cluster.php(from, &code)
    };
    assert_eq!(open("mysql", 3306), "open", "{from} to its own database");
    assert_eq!(open(&format!("mysql.{other}.svc.cluster.local"), 3306), "closed", "{from} to the database of {other}");
    assert_eq!(open(&format!("wordpress.{other}.svc.cluster.local"), 80), "closed", "{from} to the shop of {other}");
    assert_eq!(open("kubernetes.default.svc.cluster.local", 443), "closed", "{from} to the API server");
}

#[tokio::test]
async fn wrong_calls_are_told_in_json_with_a_reason() {
    let (cluster, _redis, server) = started().await;
    let grpcurl = Grpcurl { cluster: &cluster, address: server.grpc };
    let reason = |error: &Value| {
        let details = error["details"].as_array().expect("details");
        let info = details.iter().find(|detail| detail["reason"].is_string()).expect("an ErrorInfo");
        assert_eq!(info["domain"], "sendstores.dev");
        info["reason"].as_str().expect("a reason").to_owned()
    };
    for (method, request, wanted) in [
        ("Get", json!({"id": "store-none"}), "STORE_NOT_FOUND"),
        ("Get", json!({"id": "kube-system"}), "INVALID_FIELD"),
        ("Create", json!({"spec": {"shop": {"currency": "EURO"}}}), "INVALID_FIELD"),
        ("Create", json!({"spec": {"shop": {"title": "x".repeat(70_000)}}}), "MESSAGE_TOO_LARGE"),
        ("Delete", json!({"id": "store-none"}), "STORE_NOT_FOUND"),
        ("GetCredentials", json!({"id": "store-none"}), "STORE_NOT_FOUND"),
        ("List", json!({"page_token": "AAAA"}), "PAGE_TOKEN_INVALID"),
        ("WatchStatus", json!({"resume_token": "AAAA"}), "RESUME_TOKEN_INVALID"),
    ] {
        let error = grpcurl.call(method, &request).expect_err(method);
        assert_eq!(reason(&error), wanted, "{method}: {error}");
    }
    grpcurl.call("Create", &json!({"store_id": "store-dup", "request_id": "r-1"})).expect("create");
    let taken = grpcurl.call("Create", &json!({"store_id": "store-dup"})).expect_err("taken");
    assert_eq!(reason(&taken), "STORE_EXISTS");
    let reused = grpcurl.call("Create", &json!({"request_id": "r-1"})).expect_err("another body");
    assert_eq!(reason(&reused), "REQUEST_ID_REUSED");
    grpcurl.call("Delete", &json!({"id": "store-dup"})).expect("delete");
    wait::until("the store to be gone", async || grpcurl.call("Get", &json!({"id": "store-dup"})).err()).await;
}

#[tokio::test]
async fn a_killed_server_finishes_on_the_real_node_what_it_began() {
    let (cluster, redis, mut server) = started().await;
    let id = "store-e2e-kill";
    let mut client = server.client().await;
    client.create(CreateStore::new().id(id)).await.expect("create");
    for step in ["release", "bootstrap"] {
        wait::until("the step to be under way", async || {
            let store = client.get(id).await.expect("get");
            store
                .steps
                .iter()
                .any(|shown| shown.name == step && shown.state() == wire::step::State::Running)
                .then_some(())
        })
        .await;
        server.kill9();
        server = cluster.server(&redis.url()).start_ready().await;
        client = server.client().await;
    }
    let store = wait::until("the store to be READY", async || {
        client.get(id).await.ok().filter(|store| store.state() == wire::store::State::Ready)
    })
    .await;
    assert_eq!(visit(&store.url, "/shop/").await.0, 200);
    client.delete(id).await.expect("delete");
    server.kill9();
    server = cluster.server(&redis.url()).start_ready().await;
    client = server.client().await;
    wait::until("the store to be gone", async || client.get(id).await.err()).await;
    assert_eq!(cluster.leftovers(id), Vec::<String>::new());
}
