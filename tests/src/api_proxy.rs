//! An HTTP proxy before the Kubernetes API that loses the k-th call of a store.
//!
//! `kubectl proxy` behind it knows the cluster's certificates, so that this one reads plain HTTP. Calls are counted for each
//! store apart: those that change something, or run something in a pod, and name it in their path.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full};
use hyper::{body::Incoming, service::service_fn, upgrade};
use hyper_util::rt::TokioIo;
use tempfile::NamedTempFile;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{Mutex as AsyncMutex, watch},
    task::{JoinHandle, JoinSet},
};

use crate::cluster::{Cluster, kubeconfig_of};

/// What happens at the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The connection ends; the call does not get there.
    Call,
    /// The call is carried out, and the connection ends without an answer.
    Answer,
}

/// A proxy before one cluster, with a kubeconfig of its own.
pub struct ApiProxy {
    kubeconfig: NamedTempFile,
    stores: Arc<Stores>,
    away: watch::Sender<bool>,
    server: JoinHandle<()>,
    kubectl: Child,
}

#[derive(Default)]
struct Stores(Mutex<HashMap<String, Calls>>);

/// The calls of one store.
#[derive(Default)]
struct Calls {
    /// Method and path of each that was passed on or lost.
    made: Vec<String>,
    /// Which is lost, from 1.
    plan: Option<(usize, Loss)>,
    lost: bool,
}

type Upstream = hyper::client::conn::http1::SendRequest<Incoming>;
type Body = Either<Incoming, Full<Bytes>>;

// === impl ApiProxy ===

impl ApiProxy {
    pub async fn start(cluster: &Cluster) -> Self {
        let (kubectl, upstream) = kubectl_proxy(cluster);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let stores: Arc<Stores> = Arc::default();
        let shared = stores.clone();
        let (away, is_away) = watch::channel(false);
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (stores, mut is_away) = (shared.clone(), is_away.clone());
                // How a connection ends is for its two ends to notice.
                connections.spawn(async move {
                    tokio::select! {
                        biased;
                        _ = is_away.wait_for(|away| *away) => {}
                        _ = serve(client, upstream, stores) => {}
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        let kubeconfig = kubeconfig_of(&url);
        Self { kubeconfig, stores, away, server, kubectl }
    }

    pub fn kubeconfig(&self) -> &str {
        self.kubeconfig.path().to_str().expect("a plain path")
    }

    /// Loses the `k`-th call of `store`, from 1. A store that was not named here is only passed on.
    pub fn lose(&self, store: &str, k: usize, loss: Loss) {
        self.stores.of(store, |calls| calls.plan = Some((k, loss)));
    }

    /// From now on nobody is answered, and open connections end, but for programs that run in pods; or the API is back.
    pub fn set_away(&self, away: bool) {
        self.away.send_replace(away);
    }

    /// Notes the calls of `store` and loses none.
    pub fn note(&self, store: &str) {
        self.stores.of(store, |_| ());
    }

    /// The calls of `store` so far.
    pub fn calls(&self, store: &str) -> Vec<String> {
        self.stores.of(store, |calls| calls.made.clone())
    }

    /// Whether a call of `store` was lost.
    pub fn has_lost(&self, store: &str) -> bool {
        self.stores.of(store, |calls| calls.lost)
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.server.abort();
        // Fails only for one that has ended by itself.
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}

/// Starts `kubectl proxy` and reads where it listens.
fn kubectl_proxy(cluster: &Cluster) -> (Child, u16) {
    let mut child = Command::new(cluster.program("kubectl"))
        .args(["--kubeconfig", &cluster.kubeconfig, "proxy", "--port=0", "--reject-paths=^$", "--reject-methods=^$"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run kubectl proxy");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("its output")).read_line(&mut line).expect("a line");
    let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
    (child, port.unwrap_or_else(|| panic!("kubectl proxy says where it listens: {line:?}")))
}

// === impl Stores ===

impl Stores {
    fn of<T>(&self, store: &str, look: impl FnOnce(&mut Calls) -> T) -> T {
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        look(stores.entry(store.to_owned()).or_default())
    }

    /// Counts a call of a store that is watched for; whether it shall be lost, and how.
    fn count<B>(&self, request: &Request<B>) -> Option<Loss> {
        let path = request.uri().path();
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        if reads && !path.ends_with("/exec") {
            return None;
        }
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, calls) = stores.iter_mut().find(|(store, _)| path.split('/').any(|part| part == store.as_str()))?;
        calls.made.push(format!("{} {path}", request.method()));
        let (_, loss) = calls.plan.filter(|(k, _)| *k == calls.made.len())?;
        calls.lost = true;
        Some(loss)
    }
}

async fn serve(client: TcpStream, upstream: u16, stores: Arc<Stores>) -> io::Result<()> {
    let stream = TcpStream::connect(("127.0.0.1", upstream)).await?;
    let (sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let sender = Arc::new(AsyncMutex::new(sender));
    let service = service_fn(move |request| {
        let (sender, stores) = (sender.clone(), stores.clone());
        async move { answer(request, &mut *sender.lock().await, &stores).await }
    });
    let served =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(client), service).with_upgrades();
    // An upgraded connection goes on behind both.
    let (served, _) = tokio::join!(served, connection.with_upgrades());
    served.map_err(io::Error::other)
}

/// Passes a call on, or loses it: an error here ends the connection.
async fn answer(
    mut request: Request<Incoming>,
    upstream: &mut Upstream,
    stores: &Stores,
) -> io::Result<Response<Body>> {
    let loss = stores.count(&request);
    if loss == Some(Loss::Call) {
        return Err(io::Error::other("the call is lost"));
    }
    let upgraded = request.headers().contains_key(http::header::UPGRADE).then(|| upgrade::on(&mut request));
    let mut response = upstream.send_request(request).await.map_err(io::Error::other)?;
    if loss == Some(Loss::Answer) {
        response.into_body().collect().await.map_err(io::Error::other)?;
        return Err(io::Error::other("the answer is lost"));
    }
    if let Some(client) = upgraded.filter(|_| response.status() == StatusCode::SWITCHING_PROTOCOLS) {
        let upstream = upgrade::on(&mut response);
        tokio::spawn(async move {
            let (Ok(client), Ok(upstream)) = tokio::join!(client, upstream) else { return };
            // How it ends is for its two ends to notice.
            let _ = copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(upstream)).await;
        });
        let (parts, _) = response.into_parts();
        return Ok(Response::from_parts(parts, Either::Right(Full::default())));
    }
    Ok(response.map(Either::Left))
}
