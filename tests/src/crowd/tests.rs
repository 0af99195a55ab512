//! A crowd in a scripted storefront, which knows how often it failed whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

use super::*;

const SHOP: &str = "<html><a href='http://shop.localhost/product/a/'>A</a><a href='/product/b/'>B</a></html>";

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    BadGateway,
    /// Half an answer.
    Cut,
    Silence,
    /// A page without a product.
    Empty,
}

/// A storefront that does to the requests of each path what `fate` says, and keeps what it received.
struct Shop {
    address: SocketAddr,
    received: Arc<Mutex<Vec<String>>>,
    _server: JoinSet<()>,
}

// === impl Shop ===

impl Shop {
    async fn open(fate: impl Fn(&str) -> Fate + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (address, received) = (listener.local_addr().expect("its address"), Arc::new(Mutex::default()));
        let (fate, kept, mut server) = (Arc::new(fate), Arc::clone(&received), JoinSet::new());
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&fate), Arc::clone(&kept)));
            }
        });
        Self { address, received, _server: server }
    }

    fn plan(&self) -> Plan {
        let storefront = Storefront::new(self.address, "shop.localhost").expect("of this machine");
        let (pause, patience) = (Duration::ZERO, Duration::from_secs(60));
        Plan { shoppers: 1, buyers: 0, requests: 30, pause, patience, ..Plan::new(storefront) }
    }

    fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    /// The heads of the requests of this path.
    fn heads(&self, path: &str) -> Vec<String> {
        self.received().into_iter().filter(|head| path_of(head) == path).collect()
    }
}

fn path_of(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

async fn run(plan: Plan) -> Report {
    let mut crowd = Crowd::start(plan);
    crowd.ended().await;
    crowd.leave().await
}

async fn serve(mut stream: TcpStream, fate: Arc<impl Fn(&str) -> Fate>, received: Arc<Mutex<Vec<String>>>) {
    while let Some(head) = head(&mut stream).await {
        let path = path_of(&head).to_owned();
        let orders = {
            let mut received = received.lock().unwrap();
            received.push(head);
            received.iter().filter(|head| path_of(head).ends_with("/checkout")).count()
        };
        let (code, body) = answer(&path, orders);
        let text = |code: u16, body: &str, length: usize| {
            let more = "Set-Cookie: cart=1; path=/\r\nCart-Token: token-1";
            format!("HTTP/1.1 {code} X\r\n{more}\r\nContent-Length: {length}\r\n\r\n{body}")
        };
        let sent = match fate(&path) {
            Fate::Answered => text(code, &body, body.len()),
            Fate::BadGateway => text(502, "Bad Gateway", 11),
            Fate::Empty => text(code, "<html></html>", 13),
            Fate::Cut => text(code, &body, body.len() + 1),
            Fate::Silence => std::future::pending().await,
        };
        if stream.write_all(sent.as_bytes()).await.is_err() || fate(&path) == Fate::Cut {
            return;
        }
    }
}

/// The head of the next request; its body is read, too.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or_default();
    stream.read_exact(&mut vec![0; length]).await.ok()?;
    Some(head)
}

fn answer(path: &str, orders: usize) -> (u16, String) {
    let product = json!({"id": 7, "is_purchasable": true, "is_in_stock": true, "type": "simple"});
    match path.strip_prefix("/wp-json/wc/store/v1") {
        Some("/products?per_page=20") => (200, json!([product]).to_string()),
        Some("/cart") => (200, "{}".to_owned()),
        Some("/cart/add-item") => (201, json!({"payment_methods": ["cod"]}).to_string()),
        Some(_) => (200, json!({"order_id": orders, "payment_result": {"payment_status": "success"}}).to_string()),
        None => (200, SHOP.to_owned()),
    }
}

#[tokio::test]
async fn every_request_is_counted_once_and_none_of_a_good_storefront_failed() {
    let shop = Shop::open(|_| Fate::Answered).await;
    let report = run(Plan { shoppers: 3, buyers: 2, requests: 100, ..shop.plan() }).await;
    assert_eq!((report.requests, report.failed, shop.received().len()), (100, 0, 100), "{:?}", report.failures);
    let orders = shop.heads("/wp-json/wc/store/v1/checkout").len();
    let numbers: BTreeSet<u64> = report.orders.iter().copied().collect();
    assert!(orders > 0 && numbers.len() == orders && report.orders.len() == orders, "{:?}", report.orders);
    assert!(report.p50_ms > 0.0 && report.p50_ms <= report.p99_ms && report.p99_ms <= report.longest_ms, "{report:?}");
    for path in ["/shop/", "/product/a/", "/product/b/", "/cart/"] {
        assert!(!shop.heads(path).is_empty(), "no shopper read {path}");
    }
}

#[tokio::test]
async fn each_shopper_begins_without_the_cookies_of_the_one_before_and_a_buyer_keeps_the_cart() {
    let shop = Shop::open(|_| Fate::Answered).await;
    run(Plan { buyers: 1, ..shop.plan() }).await;
    let has = |head: &String, text: &str| head.contains(text);
    assert!(shop.heads("/shop/").iter().all(|head| has(head, "host: shop.localhost") && !has(head, "cookie:")));
    assert!(shop.heads("/cart/").iter().all(|head| has(head, "cookie: cart=1")));
    let checkouts = shop.heads("/wp-json/wc/store/v1/checkout");
    assert!(!checkouts.is_empty() && checkouts.iter().all(|head| has(head, "cart-token: token-1")));
}

#[tokio::test]
async fn each_way_to_fail_has_its_kind() {
    let ways = [
        (Fate::BadGateway, Kind::Status, "502: Bad Gateway"),
        (Fate::Cut, Kind::Broken, ""),
        (Fate::Silence, Kind::TimedOut, ""),
        (Fate::Empty, Kind::Content, "<html></html>"),
    ];
    for (fate, kind, detail) in ways {
        let shop = Shop::open(move |path| if path == "/shop/" { fate } else { Fate::Answered }).await;
        // Patience is long, except for an answer that never comes.
        let patience = Duration::from_secs(if kind == Kind::TimedOut { 0 } else { 60 });
        let report = run(Plan { requests: 5, patience, ..shop.plan() }).await;
        assert_eq!((report.requests, &report.failed_by_kind), (5, &BTreeMap::from([(kind, 5)])));
        let failure = &report.failures[4];
        assert!(failure.detail.contains(detail) && failure.began_ms <= failure.ended_ms, "{failure:?}");
        assert_eq!((failure.method.as_str(), failure.path.as_str()), ("GET", "/shop/"));
        assert_eq!(report.unanswered(), if kind == Kind::Content { 0 } else { 5 });
    }
}

#[tokio::test]
async fn a_refused_connection_and_an_order_without_an_answer_are_failures_and_no_order() {
    // A port that is taken and not listened to.
    let taken = TcpSocket::new_v4().expect("a socket");
    taken.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let storefront =
        Storefront::new(taken.local_addr().expect("its address"), "shop.localhost").expect("of this machine");
    let report = run(Plan { requests: 4, pause: Duration::ZERO, ..Plan::new(storefront) }).await;
    assert_eq!(report.failed_by_kind, BTreeMap::from([(Kind::Refused, 4)]));

    let shop = Shop::open(|path| if path.ends_with("/checkout") { Fate::Cut } else { Fate::Answered }).await;
    let report = run(Plan { shoppers: 0, buyers: 1, requests: 8, ..shop.plan() }).await;
    assert_eq!((report.failed_by_kind, report.orders), (BTreeMap::from([(Kind::Broken, 2)]), vec![]));
    assert_eq!(shop.heads("/wp-json/wc/store/v1/checkout").len(), 2, "a request is made once");
}

#[tokio::test]
async fn the_same_seed_makes_the_same_choices() {
    let paths = async |seed| {
        let shop = Shop::open(|_| Fate::Answered).await;
        run(Plan { seed, ..shop.plan() }).await;
        shop.received().iter().map(|head| path_of(head).to_owned()).collect::<Vec<_>>()
    };
    let first = paths(1).await;
    assert_eq!(first.len(), 30);
    assert_eq!(paths(1).await, first);
    assert_ne!(paths(2).await, first);
}

#[tokio::test]
async fn a_crowd_that_is_asked_to_leave_finishes_what_it_began() {
    let shop = Shop::open(|_| Fate::Answered).await;
    let crowd = Crowd::start(Plan { requests: u64::MAX, time: Duration::from_secs(3600), ..shop.plan() });
    crate::wait::until("ten answers", async || (crowd.count() >= 10).then_some(())).await;
    let report = crowd.leave().await;
    assert_eq!((report.requests, report.failed), (shop.received().len() as u64, 0), "{:?}", report.failures);
}

#[test]
fn a_crowd_goes_to_this_machine_and_to_local_clusters_only() {
    for ours in ["127.0.0.1:80", "[::1]:80", "198.18.0.2:80", "198.19.255.1:80", "10.244.3.4:8080", "10.96.0.10:80"] {
        assert!(Storefront::new(ours.parse().unwrap(), "shop.localhost").is_ok(), "{ours}");
    }
    for other in ["192.0.2.1:80", "198.20.0.1:80", "10.0.0.1:80", "8.8.8.8:80", "[2001:db8::1]:80"] {
        let address: SocketAddr = other.parse().unwrap();
        assert_eq!(Storefront::new(address, "shop.localhost"), Err(Elsewhere(address.ip())));
    }
}
