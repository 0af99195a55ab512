//! What is seen at a store's public address, and what follows from it. On simulated nodes nothing passes requests on to
//! pods, so that the test plays the Ingress.

use std::sync::{Arc, Mutex};

use sendstores_client::{Client, CreateStore, Error, Store, v1 as wire};
use sendstores_tests::{cluster::Cluster, http, redis::RedisServer, server::Server, wait::until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Answers every request with the same status and body; gone when dropped.
struct Front {
    answer: Arc<Mutex<(u16, String)>>,
    heads: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

// === impl Front ===

impl Front {
    fn new(listener: TcpListener) -> Self {
        let (answer, heads) = (Arc::new(Mutex::new((404, "404 page not found".to_owned()))), Arc::default());
        let mut task = JoinSet::new();
        task.spawn(serve(listener, Arc::clone(&answer), Arc::clone(&heads)));
        Self { answer, heads, _task: task }
    }

    fn answer(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }
}

async fn serve(listener: TcpListener, answer: Arc<Mutex<(u16, String)>>, heads: Arc<Mutex<Vec<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (status, body) = answer.lock().unwrap().clone();
        if let Some(head) = exchange(stream, status, &body).await {
            heads.lock().unwrap().push(head.to_ascii_lowercase());
        }
    }
}

async fn exchange(mut stream: TcpStream, status: u16, body: &str) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let answer = format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.ok()?;
    String::from_utf8(head).ok()
}

async fn reach(client: &Client, id: &str, state: wire::store::State, ingress: bool) -> Store {
    until(state.as_str_name(), async || {
        let store = client.get(id).await.ok()?;
        let seen = store.evidence.iter().find(|evidence| evidence.check == "ingress")?;
        (store.state() == state && seen.passed == ingress).then_some(store)
    })
    .await
}

/// How many probes had this outcome.
async fn probes(server: &Server, outcome: &str) -> u64 {
    let (_, metrics) = http::get(server.admin, "/metrics").await.expect("metrics");
    let name = format!("sendstores_probes_total{{outcome=\"{outcome}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or_default()
}

fn finding(store: &Store) -> String {
    store
        .evidence
        .iter()
        .find(|evidence| evidence.check == "ingress")
        .map(|one| one.finding.clone())
        .unwrap_or_default()
}

#[tokio::test]
async fn the_public_address_is_looked_at_and_decides_only_once_it_led_to_the_shop() {
    use wire::store::State::{Degraded, Ready};
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let port = listener.local_addr().expect("an address").port();
    let front = Front::new(listener);
    let cluster = Cluster::light().with_store_url(format!("http://{{id}}.localhost:{port}"));
    let redis = RedisServer::start().await;
    let server = cluster.server(&redis.url()).flag("--probe-interval=1s").start_ready().await;
    let client = server.client().await;
    let id = "store-front";
    client.create(CreateStore::new().id(id)).await.expect("create");

    // Somebody else has the address, as far as can be seen from here: the store is READY, and says so.
    let store = reach(&client, id, Ready, false).await;
    assert!(finding(&store).contains("does not answer as the shop: status 404"), "{}", finding(&store));
    let head = front.heads.lock().unwrap().first().cloned().expect("a request");
    for part in ["get /shop/ http/1.1", &format!("host: store-front.localhost:{port}"), "x-forwarded-proto: http\r\n"] {
        assert!(head.contains(part), "no {part:?} in {head}");
    }
    // It leads to the shop: that is told although the store was READY before.
    front.answer(200, &format!("<a href='http://store-front.localhost:{port}/cart/'>Sample product</a>"));
    let store = reach(&client, id, Ready, true).await;
    assert_eq!(store.history.len(), 2, "READY is told once: {:?}", store.history);
    // From now on another answer means that visitors do not see the shop.
    front.answer(503, "no available server");
    let store = reach(&client, id, Degraded, false).await;
    let failure = store.failure.expect("a failure");
    assert!(failure.message.contains("ingress: ") && failure.message.contains("status 503"), "{}", failure.message);
    front.answer(200, &format!("<a href='http://store-front.localhost:{port}/cart/'>Sample product</a>"));
    let known = reach(&client, id, Ready, true).await;
    // An interruption of the server's own way is no change of the store.
    let before = probes(&server, "unchanged").await;
    drop(front);
    until("more probes", async || (probes(&server, "unchanged").await >= before + 3).then_some(())).await;
    let store = client.get(id).await.expect("the store");
    assert_eq!((store.revision, finding(&store)), (known.revision, finding(&known)), "nothing was recorded");
    // That it did lead to the shop is not forgotten meanwhile.
    let front = Front::new(TcpListener::bind(("127.0.0.1", port)).await.expect("bind again"));
    let store = reach(&client, id, Degraded, false).await;
    assert!(finding(&store).contains("does not answer as the shop: status 404"), "{}", finding(&store));
    front.answer(200, &format!("<a href='http://store-front.localhost:{port}/cart/'>Sample product</a>"));
    reach(&client, id, Ready, true).await;

    client.delete(id).await.expect("delete");
    until("the store to be gone", async || matches!(client.get(id).await, Err(Error::NotFound(_))).then_some(())).await;
}
