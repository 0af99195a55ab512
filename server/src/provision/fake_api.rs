//! A Kubernetes API for unit tests: a function answers each request, and watches stay open and silent.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures::stream;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Charts, Config, Context, HelmConfig, KubeProvisioner};

type Answered = Result<Response<UnsyncBoxBody<Bytes, Infallible>>, Infallible>;

/// The requests so far, as `METHOD path?query` and the body, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Requests {
    lines: Arc<Mutex<Vec<String>>>,
    /// Watches that nobody speaks in.
    silent: Arc<Mutex<Option<OpenWatches>>>,
}

// === impl Requests ===

impl Requests {
    /// How many requests begin with `start`.
    pub(crate) fn count(&self, start: &str) -> usize {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|line| line.starts_with(start)).count()
    }

    /// All of them, in order.
    pub(crate) fn all(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A watch that was opened: what is sent here is reported, and to drop it ends the watch.
pub(crate) struct OpenWatch {
    pub(crate) line: String,
    events: UnboundedSender<Value>,
}

/// The watches that were opened, in order.
pub(crate) type OpenWatches = UnboundedReceiver<OpenWatch>;

// === impl OpenWatch ===

impl OpenWatch {
    /// Reports an event of this type, about such an object.
    pub(crate) fn report(&self, type_: &str, object: Value) {
        let _over = self.events.send(json!({"type": type_, "object": object}));
    }
}

/// What the steps work with, against an API that answers such a line with a code and a body. Watches stay silent.
pub(crate) fn context(answer: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> (Arc<Context>, Requests) {
    let (context, requests, watches) = watched(answer);
    *requests.silent.lock().unwrap_or_else(PoisonError::into_inner) = Some(watches);
    (context, requests)
}

/// The same, where the test speaks in each watch.
pub(crate) fn watched(
    answer: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static,
) -> (Arc<Context>, Requests, OpenWatches) {
    let (open, watches) = unbounded_channel();
    let requests = Requests::default();
    let (heard, answer) = (requests.clone(), Arc::new(answer));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (heard, answer, open) = (heard.clone(), answer.clone(), open.clone());
        async move {
            let asked = format!("{} {}", request.method(), request.uri());
            let body = request.into_body().collect_bytes().await.expect("a body");
            let line = format!("{asked} {}", String::from_utf8_lossy(&body)).trim_end().to_owned();
            heard.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
            answered(&line, &*answer, &open)
        }
    });
    let provisioner = KubeProvisioner::new(config(), kube::Client::new(service, "default"));
    (provisioner.context, requests, watches)
}

fn answered(line: &str, answer: &dyn Fn(&str) -> (u16, Value), open: &UnboundedSender<OpenWatch>) -> Answered {
    if line.contains("watch=true") {
        let (events, reported) = unbounded_channel::<Value>();
        let _gone = open.send(OpenWatch { line: line.to_owned(), events });
        let reported = stream::unfold(reported, async |mut reported| {
            let line = format!("{}\n", reported.recv().await?);
            Some((Ok(Frame::data(Bytes::from(line))), reported))
        });
        return Ok(Response::new(StreamBody::new(reported).boxed_unsync()));
    }
    let (code, body) = answer(line);
    let body = Full::new(Bytes::from(body.to_string())).boxed_unsync();
    let mut response = Response::new(body);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    *response.status_mut() = http::StatusCode::from_u16(code).expect("a code");
    Ok(response)
}

/// A refusal in the API's own form.
pub(crate) fn refused(code: u16, reason: &str) -> (u16, Value) {
    (code, json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}))
}

/// An empty list, or one of these.
pub(crate) fn list(items: &[Value]) -> (u16, Value) {
    (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}))
}

fn config() -> Config {
    Config {
        backups: None,
        helm: HelmConfig {
            program: "helm".into(),
            charts: Charts::default(),
            cache: Some("cache".into()),
            kubeconfig: None,
            kube_context: None,
        },
        deadlines: Default::default(),
        cron_interval: None,
        quota: Default::default(),
        probe_via: Default::default(),
        requests: 32,
        instance: "test".to_owned(),
    }
}
