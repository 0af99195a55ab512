//! Requests as a shopper's browser makes them: to the shop's public address, which may or may not be reached from here.

use std::{
    collections::HashMap,
    error::Error,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Uri, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore};
use sendstores_core::text::with_causes;
use tokio::time::{Instant, timeout};
use tower::util::BoxCloneSyncService;

use super::{
    proxy::{Answer, Question},
    redact,
};

/// More than any page of a shop, less than what could hurt us.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// Finding and reaching the address; who is near answers within milliseconds.
const REACH: Duration = Duration::from_secs(1);
/// An address that was not reached in time is not visited again for so long: otherwise each probe of its store would wait.
const QUIET: Duration = Duration::from_secs(60);

/// What came of a visit.
#[derive(Clone, Debug)]
pub(crate) enum Visit {
    /// A server answered; whether it is the shop is another question.
    Answered(Answer),
    /// A server was reached, and gave no whole answer; why.
    Unanswered(String),
    /// No connection came about; why.
    Unreachable(String),
}

/// Visits shops. Each client is made when it is first needed.
#[derive(Default)]
pub(crate) struct PublicClient {
    plain: OnceLock<Result<Browser, rustls::Error>>,
    secure: OnceLock<Result<Browser, rustls::Error>>,
    /// The addresses that are not visited, each until when and why. One shop's name that leads nowhere says nothing of the
    /// others. Bounded by the stores that are probed within [`QUIET`].
    quiet: Mutex<HashMap<String, (Instant, String)>>,
}

type Browser = Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;
type Resolver = BoxCloneSyncService<Name, std::vec::IntoIter<SocketAddr>, io::Error>;

// === impl PublicClient ===

impl PublicClient {
    /// One GET of `path` below `base`, the shop's public URL, by its own name and scheme. Follows no redirect.
    pub(crate) async fn get(&self, base: &str, path: &str, limit: Duration) -> Visit {
        self.ask(base, &Question::get("", path), limit).await
    }

    /// The same for any question.
    pub(crate) async fn ask(&self, base: &str, question: &Question<'_>, limit: Duration) -> Visit {
        if let Some(why) = self.is_quiet(base) {
            return Visit::Unreachable(why);
        }
        let begun = Instant::now();
        match timeout(limit, self.exchange(base, question)).await {
            Ok(Ok(answer)) => Visit::Answered(answer),
            Ok(Err(failed)) => {
                let why = redact::message(&with_causes(failed.as_ref()));
                if !is_of_connecting(failed.as_ref()) {
                    return Visit::Unanswered(why);
                }
                if begun.elapsed() >= REACH {
                    self.be_quiet(base, &why);
                }
                Visit::Unreachable(why)
            }
            // Finding and reaching the address have bounds of their own, and shorter ones.
            Err(_) => Visit::Unanswered(format!("no answer within {limit:?}")),
        }
    }

    async fn exchange(&self, base: &str, question: &Question<'_>) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let uri: Uri = format!("{}{}", base.trim_end_matches('/'), question.path).parse()?;
        let scheme = uri.scheme_str().unwrap_or("http").to_owned();
        let browser = match scheme.as_str() {
            "https" => self.secure.get_or_init(|| browser(system_roots())),
            _ => self.plain.get_or_init(|| browser(RootCertStore::empty())),
        };
        // Host comes from the address. A proxy within the cluster may believe the scheme.
        let mut request =
            Request::builder().method(question.method.clone()).uri(uri).header("x-forwarded-proto", scheme);
        for (name, value) in &question.headers {
            request = request.header(*name, *value);
        }
        let request = match &question.body {
            Some(json) => request.header(CONTENT_TYPE, "application/json").body(Full::from(json.to_string()))?,
            None => request.body(Full::default())?,
        };
        let browser = browser.as_ref().map_err(Clone::clone)?;
        let (head, body) = browser.request(request).await?.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    fn is_quiet(&self, base: &str) -> Option<String> {
        let quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        quiet.get(base).filter(|(until, _)| *until > Instant::now()).map(|(_, why)| why.clone())
    }

    fn be_quiet(&self, base: &str, why: &str) {
        let now = Instant::now();
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        quiet.retain(|_, (until, _)| *until > now);
        quiet.insert(base.to_owned(), (now + QUIET, why.to_owned()));
    }
}

fn is_of_connecting(failed: &(dyn Error + 'static)) -> bool {
    failed.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect())
}

fn browser(roots: RootCertStore) -> Result<Browser, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let resolver = BoxCloneSyncService::new(tower::service_fn(|name: Name| resolve(name.to_string())));
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(REACH));
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
    // A visit is one request; what is kept open would only be closed by the other side.
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
}

/// As a browser does: whatever ends in `.localhost` is this machine, whether or not the system knows it.
async fn resolve(name: String) -> io::Result<std::vec::IntoIter<SocketAddr>> {
    if name == "localhost" || name.ends_with(".localhost") {
        return Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))].into_iter());
    }
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("the name {name} is not resolved within {REACH:?}"));
    let found = timeout(REACH, tokio::net::lookup_host((name.as_str(), 0))).await.map_err(|_| late())??;
    Ok(found.collect::<Vec<_>>().into_iter())
}

/// The certificates that this system trusts; none where it has none, and then no certificate is good.
fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpSocket, TcpStream},
    };

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// Answers one request with `answer`; the request.
    async fn serve_one(listener: TcpListener, answer: &str) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(request).unwrap().to_ascii_lowercase()
    }

    #[tokio::test]
    async fn a_visit_comes_by_the_shops_own_name_and_scheme() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("store-a.localhost:{}", listener.local_addr().unwrap().port());
        let (client, base) = (PublicClient::default(), format!("http://{host}"));
        let answer = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 4\r\n\r\nbody";
        let (visit, request) = tokio::join!(client.get(&base, "/shop/?a=b", LIMIT), serve_one(listener, answer));
        let Visit::Answered(answer) = visit else { panic!("{visit:?}") };
        assert_eq!((answer.status, &answer.body[..]), (302, &b"body"[..]));
        assert!(request.starts_with("get /shop/?a=b http/1.1\r\n"), "{request}");
        for header in [format!("host: {host}\r\n"), "x-forwarded-proto: http\r\n".to_owned()] {
            assert!(request.contains(&header), "{request}");
        }
        // A server that closes the connection without an answer was reached all the same.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let other = format!("http://store-a.localhost:{}", listener.local_addr().unwrap().port());
        let (visit, _) = tokio::join!(client.get(&other, "/", LIMIT), serve_one(listener, ""));
        assert!(matches!(&visit, Visit::Unanswered(_)), "{visit:?}");
        // The listener is gone.
        let visit = client.get(&base, "/", LIMIT).await;
        assert!(matches!(&visit, Visit::Unreachable(why) if why.contains("refused")), "{visit:?}");
        assert_eq!(client.is_quiet(&base), None, "who is refused at once costs nothing");
    }

    #[tokio::test]
    async fn a_question_that_is_no_get_has_its_headers_and_its_body() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://store-a.localhost:{}", listener.local_addr().unwrap().port());
        let question = Question {
            method: http::Method::POST,
            headers: vec![("cart-token", "t")],
            body: Some(serde_json::json!({"id": 1})),
            ..Question::get("", "/cart")
        };
        let answer = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
        let client = PublicClient::default();
        let (visit, request) = tokio::join!(client.ask(&base, &question, LIMIT), serve_one(listener, answer));
        assert!(matches!(&visit, Visit::Answered(answer) if answer.status == 201), "{visit:?}");
        assert!(request.starts_with("post /cart http/1.1\r\n") && request.contains("cart-token: t\r\n"), "{request}");
        assert!(request.contains("content-length: 8\r\n"), "{request}");
    }

    #[tokio::test]
    async fn a_port_that_does_not_speak_tls_is_not_reached_by_https() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://store-a.localhost:{}", listener.local_addr().unwrap().port());
        let plain = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        };
        let client = PublicClient::default();
        let (visit, ()) = tokio::join!(client.get(&base, "/", LIMIT), plain);
        assert!(matches!(visit, Visit::Unreachable(_)), "{visit:?}");
    }

    #[tokio::test]
    async fn who_is_reached_and_says_nothing_in_time_gives_no_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://store-a.localhost:{}", listener.local_addr().unwrap().port());
        let client = PublicClient::default();
        let visit = client.get(&base, "/", Duration::from_millis(100)).await;
        assert!(matches!(&visit, Visit::Unanswered(why) if why.contains("within 100ms")), "{visit:?}");
        assert_eq!(client.is_quiet(&base), None, "it was reached");
    }

    /// A listener that accepts nothing and whose line is full, and what fills it: a connection to it is never made.
    async fn full() -> (TcpListener, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(connected) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            waiting.push(connected.unwrap());
        }
        (listener, waiting)
    }

    #[tokio::test]
    async fn a_host_that_is_not_reached_in_time_silences_no_other() {
        let ((full, _waiting), listener) = (full().await, TcpListener::bind("127.0.0.1:0").await.unwrap());
        let base =
            |name: &str, at: &TcpListener| format!("http://{name}.localhost:{}", at.local_addr().unwrap().port());
        let (slow, other) = (base("store-slow", &full), base("store-other", &listener));
        let client = PublicClient::default();
        let visit = client.get(&slow, "/", LIMIT).await;
        assert!(matches!(&visit, Visit::Unreachable(_)), "{visit:?}");
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let (visit, _) =
            tokio::join!(timeout(LIMIT, client.get(&other, "/", LIMIT)), timeout(REACH, serve_one(listener, answer)));
        assert!(matches!(&visit, Ok(Visit::Answered(_))), "{visit:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_was_not_reached_is_not_visited_for_a_while() {
        let (client, base) = (PublicClient::default(), "http://store-a.localhost:1");
        client.be_quiet(base, "no answer");
        let visit = client.get(base, "/", LIMIT).await;
        assert!(matches!(&visit, Visit::Unreachable(why) if why == "no answer"), "{visit:?}");
        tokio::time::advance(QUIET).await;
        assert_eq!(client.is_quiet(base), None);
        client.be_quiet("http://store-b.localhost:1", "no answer");
        assert_eq!(client.quiet.lock().unwrap().len(), 1, "what is over is forgotten");
    }
}
