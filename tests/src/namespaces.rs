//! A Kubernetes API that has namespaces and nothing else, for what needs no more of a cluster.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use sendstores_core::Store;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::cluster::kubeconfig_of;

/// One such cluster, with a kubeconfig of its own.
pub struct Namespaces {
    kubeconfig: NamedTempFile,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    namespaces: BTreeMap<String, Value>,
    /// Reading `kube-system` is not allowed.
    is_secretive: bool,
    heard: Vec<String>,
}

// === impl Namespaces ===

impl Namespaces {
    /// A cluster whose uid is `uid`.
    pub async fn start(uid: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = shared.clone();
                let service = service_fn(move |request| {
                    let answer = lock(&state).answer(&request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(client), service),
                );
            }
        });
        let cluster = Self { kubeconfig: kubeconfig_of(&url), state, server };
        cluster.put(json!({"metadata": {"name": "kube-system", "uid": uid}}));
        cluster
    }

    pub fn kubeconfig(&self) -> &str {
        self.kubeconfig.path().to_str().expect("a plain path")
    }

    /// The namespace of `store`, with the labels that a server of `instance` gives it.
    pub fn put_store(&self, store: &Store, instance: &str) {
        self.put(json!({"metadata": {"name": store.id.as_str(), "uid": "1", "labels": {
            "app.kubernetes.io/managed-by": "sendstores",
            "sendstores.dev/store": store.id.as_str(),
            "sendstores.dev/uid": store.uid.as_str(),
            "sendstores.dev/instance": instance,
        }}}));
    }

    pub fn put(&self, namespace: Value) {
        let name = namespace["metadata"]["name"].as_str().expect("a name").to_owned();
        lock(&self.state).namespaces.insert(name, namespace);
    }

    /// From now on the namespace that says which cluster this is cannot be read: 403.
    pub fn keep_secret(&self) {
        lock(&self.state).is_secretive = true;
    }

    /// How many requests named `text` in their path.
    pub fn requests(&self, text: &str) -> usize {
        lock(&self.state).heard.iter().filter(|path| path.contains(text)).count()
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl State ===

impl State {
    fn answer(&mut self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        self.heard.push(path.clone());
        let name = path.strip_prefix("/api/v1/namespaces").map(|rest| rest.trim_start_matches('/'));
        let found = match name {
            Some("") => {
                let items: Vec<_> = self.selected(request.uri().query().unwrap_or_default()).collect();
                Ok(json!({"apiVersion": "v1", "kind": "NamespaceList", "metadata": {}, "items": items}))
            }
            Some("kube-system") if self.is_secretive => Err(StatusCode::FORBIDDEN),
            Some(name) => self.namespaces.get(name).cloned().ok_or(StatusCode::NOT_FOUND),
            None => Err(StatusCode::NOT_FOUND),
        };
        let (status, body) = match found {
            Ok(body) => (StatusCode::OK, body),
            Err(code) => {
                let reason = if code == StatusCode::FORBIDDEN { "Forbidden" } else { "NotFound" };
                let status = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "message": reason,
                    "reason": reason, "code": code.as_u16()});
                (code, status)
            }
        };
        let mut response = Response::new(Full::from(body.to_string()));
        *response.status_mut() = status;
        response
    }

    /// The namespaces that have all labels of the query's selector.
    fn selected(&self, query: &str) -> impl Iterator<Item = &Value> {
        let query = query.replace("%3D", "=").replace("%2C", ",").replace("%2F", "/");
        let selector = query.split('&').find_map(|part| part.strip_prefix("labelSelector=")).unwrap_or_default();
        let wanted: Vec<(String, String)> = selector
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        self.namespaces.values().filter(move |namespace| {
            wanted.iter().all(|(key, value)| namespace["metadata"]["labels"][key] == value.as_str())
        })
    }
}
