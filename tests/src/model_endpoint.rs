//! The endpoint of a model that does as a test's script says: the fake beside the two formats that `sendstores ask` speaks.
//!
//! It is as strict as the real ones: a conversation in which a call has no result, or one whose names or arguments are not as
//! the format has them, is answered with status 400.

mod formats;

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

pub use formats::Format;

/// What the endpoint does with a request.
#[derive(Clone, Debug)]
pub enum Turn {
    /// The model answers.
    Say(String),
    /// The model wants these calls: name and arguments.
    Call(Vec<(String, Value)>),
    /// The model wants a call, and writes something as its arguments.
    CallWith(String, String),
    /// This status, with these headers and this body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Nothing, for ever.
    Hang,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
    /// The results of tools at its end, as the model reads them.
    pub results: Vec<String>,
    /// The names of the tools.
    pub tools: Vec<String>,
}

/// What a model does with a request.
type Model = Box<dyn FnMut(&Received) -> Turn + Send>;

/// A running endpoint; ended when dropped.
pub struct ModelEndpoint {
    pub url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    format: Format,
    /// The key that a request must have.
    key: Option<String>,
    model: Mutex<Model>,
    received: Mutex<Vec<Received>>,
}

// === impl Turn ===

impl Turn {
    pub fn say(text: &str) -> Self {
        Self::Say(text.to_owned())
    }

    /// One call.
    pub fn call(name: &str, arguments: Value) -> Self {
        Self::Call(vec![(name.to_owned(), arguments)])
    }

    /// An error as endpoints answer it.
    pub fn error(status: u16, message: &str) -> Self {
        Self::Status(status, Vec::new(), serde_json::json!({"error": {"message": message}}).to_string())
    }
}

// === impl ModelEndpoint ===

impl ModelEndpoint {
    /// One that does these turns, and the last of them again and again.
    pub async fn scripted(format: Format, turns: impl IntoIterator<Item = Turn>) -> Self {
        let mut turns: VecDeque<_> = turns.into_iter().collect();
        let next = move |_: &Received| match turns.len() {
            1 => turns[0].clone(),
            _ => turns.pop_front().expect("a turn"),
        };
        Self::start(format, None, next).await
    }

    /// One whose model is this function. A request without the key, if there is one, is answered with status 401.
    pub async fn start(
        format: Format,
        key: Option<&str>,
        model: impl FnMut(&Received) -> Turn + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (key, model) = (key.map(str::to_owned), Mutex::new(Box::new(model) as Model));
        let shared = Arc::new(Shared { format, key, model, received: Mutex::default() });
        let accepting = shared.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = accepting.clone();
                let answer = service_fn(move |request| answer(shared.clone(), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { url, shared, server }
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ModelEndpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Shared { format, key, model, received } = &*shared;
    if let Some(key) = key
        && format.given_key(&head.headers) != Some(key)
    {
        // Some endpoints repeat what they got.
        let why = format!("wrong key: {:?}", format.given_key(&head.headers));
        return Ok(respond(401, &[], serde_json::json!({"error": {"message": why}}).to_string()));
    }
    let (results, tools) = match format.check(head.uri.path(), &body) {
        Ok(parts) => parts,
        Err(why) => return Ok(respond(400, &[], serde_json::json!({"error": {"message": why}}).to_string())),
    };
    let request = Received { path: head.uri.to_string(), headers: head.headers, body, results, tools };
    let turn = (model.lock().unwrap_or_else(PoisonError::into_inner))(&request);
    let number = {
        let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
        received.push(request);
        received.len()
    };
    Ok(match turn {
        Turn::Status(status, headers, body) => respond(status, &headers, body),
        Turn::Hang => std::future::pending().await,
        turn => respond(200, &[], format.reply(&turn, number).to_string()),
    })
}

fn respond(status: u16, headers: &[(&'static str, String)], body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    response
}
