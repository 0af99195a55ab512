//! A gRPC client that does as little as can be done: it is to be cheaper than the servers it measures.

mod frames;
mod stream;

use std::{error::Error, net::SocketAddr};

use bytes::Bytes;
use h2::{RecvStream, client::SendRequest};
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use prost::Message;
use tokio::net::TcpStream;

use frames::{Frames, framed};
pub(crate) use stream::Messages;

/// Why a call was not answered as it should be.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Enough for every stream of a connection to be sent to without a pause.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 64 << 20;

/// A call that can be made many times: where it goes, and what is sent.
#[derive(Clone)]
pub(crate) struct Call {
    uri: Uri,
    message: Bytes,
    /// The value of the header `authorization`.
    bearer: Option<HeaderValue>,
}

/// One HTTP/2 connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Connection(SendRequest<Bytes>);

// === impl Call ===

impl Call {
    pub(crate) fn new(server: SocketAddr, path: &str, message: &impl Message) -> Self {
        let uri = format!("http://{server}{path}").parse().expect("an address and a path");
        Self { uri, message: framed(message), bearer: None }
    }

    /// The same with a token.
    pub(crate) fn with_token(self, token: &str) -> Self {
        Self { bearer: Some(format!("Bearer {token}").parse().expect("a header")), ..self }
    }

    fn request(&self) -> Request<()> {
        let mut request = Request::post(self.uri.clone()).body(()).expect("a request");
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        request.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
        if let Some(bearer) = &self.bearer {
            request.headers_mut().insert(header::AUTHORIZATION, bearer.clone());
        }
        request
    }
}

// === impl Connection ===

impl Connection {
    pub(crate) async fn open(server: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(stream)
            .await?;
        // How it ends is told to every call on it.
        tokio::spawn(async { drop(connection.await) });
        Ok(Self(sender))
    }

    pub(crate) async fn open_many(server: SocketAddr, count: usize) -> Vec<Self> {
        let mut connections = Vec::new();
        for _ in 0..count {
            connections.push(Self::open(server).await.expect("a connection"));
        }
        connections
    }

    /// Whether calls can be made on it.
    pub(crate) async fn stands(&self) -> bool {
        self.0.clone().ready().await.is_ok()
    }

    /// One call with one answer.
    pub(crate) async fn unary(&self, call: &Call) -> Result<Bytes, Failure> {
        let (response, mut request) = self.0.clone().ready().await?.send_request(call.request(), false)?;
        request.send_data(call.message.clone(), true)?;
        let (head, mut body) = response.await?.into_parts();
        let mut frames = Frames::default();
        while let Some(data) = body.data().await {
            take(&mut body, data?, &mut frames)?;
        }
        match body.trailers().await? {
            Some(trailers) => check_status(&trailers)?,
            None => check_status(&head.headers)?,
        }
        frames.pop().ok_or_else(|| "an answer without a message".into())
    }

    /// One call with a stream of answers. `more` says that the other direction stays open, too.
    pub(crate) async fn stream(&self, call: &Call, more: bool) -> Result<Messages, Failure> {
        let (response, mut request) = self.0.clone().ready().await?.send_request(call.request(), false)?;
        request.send_data(call.message.clone(), !more)?;
        let (head, body) = response.await?.into_parts();
        if head.headers.contains_key("grpc-status") {
            check_status(&head.headers)?;
        }
        Ok(Messages::new(body, request))
    }
}

fn take(body: &mut RecvStream, data: Bytes, frames: &mut Frames) -> Result<(), Failure> {
    body.flow_control().release_capacity(data.len())?;
    frames.push(data);
    Ok(())
}

fn check_status(headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or("nothing");
    match text("grpc-status") {
        "0" => Ok(()),
        other => Err(format!("gRPC status {other}: {}", text("grpc-message")).into()),
    }
}
