//! A peer that speaks HTTP/2 and does what the test says: a server, a proxy, or something broken. It answers pings by itself.
#![allow(dead_code)] // each test file uses its part

use std::{collections::HashMap, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use h2::{Reason, RecvStream, SendStream, server::SendResponse};
use http::{HeaderMap, Request, Response};
use prost::Message;
use sendstores_client::{
    Client, RetryPolicy, Store,
    v1::{WatchStatusRequest, WatchStatusResponse, watch_status_response::Event},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinSet,
    time::timeout,
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// For what comes, however busy the machine is.
pub(crate) const LATE: Duration = Duration::from_secs(60);

pub(crate) struct Peer {
    pub(crate) url: String,
    calls: UnboundedReceiver<Call>,
    _connections: JoinSet<()>,
}

/// A call that waits for its answer.
pub(crate) struct Call {
    pub(crate) path: String,
    /// The authorization header, or nothing.
    pub(crate) authorization: String,
    message: Bytes,
    respond: SendResponse<Bytes>,
}

/// An answer whose headers are sent.
pub(crate) struct Answer(SendStream<Bytes>);

// === impl Peer ===

impl Peer {
    pub(crate) async fn start() -> Self {
        Self::with("http", |socket| std::future::ready(Some(socket))).await
    }

    /// A peer that takes each connection as `accept` does, such as with TLS.
    pub(crate) async fn with<F, S>(scheme: &str, accept: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Option<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let url = format!("{scheme}://{}", listener.local_addr().expect("address"));
        let (send, calls) = mpsc::unbounded_channel();
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                served.spawn(serve(accept(socket), send.clone()));
            }
        });
        Self { url, calls, _connections: connections }
    }

    /// A client that waits little between tries.
    pub(crate) fn client(&self) -> Client {
        self.builder().connect_lazy(&self.url).expect("an address")
    }

    pub(crate) fn builder(&self) -> sendstores_client::Builder {
        Client::builder().timeout(LATE).retry(RetryPolicy::default().first_delay(Duration::from_millis(1)))
    }

    /// The next call.
    pub(crate) async fn call(&mut self) -> Call {
        timeout(LATE, self.calls.recv()).await.expect("a call in time").expect("the peer serves")
    }

    /// The next call, which must be a watch: its resume token and the answer.
    pub(crate) async fn watch(&mut self) -> (String, Answer) {
        let call = self.call().await;
        assert!(call.path.ends_with("/WatchStatus"), "{}", call.path);
        let token = call.decode::<WatchStatusRequest>().resume_token;
        (token, call.accept())
    }
}

async fn serve<S>(socket: impl Future<Output = Option<S>>, calls: UnboundedSender<Call>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(socket) = socket.await else { return };
    let Ok(mut connection) = h2::server::handshake(socket).await else { return };
    let mut reading = JoinSet::new();
    while let Some(Ok((request, respond))) = connection.accept().await {
        reading.spawn(read(request, respond, calls.clone()));
    }
}

async fn read(request: Request<RecvStream>, respond: SendResponse<Bytes>, calls: UnboundedSender<Call>) {
    let (head, mut body) = request.into_parts();
    let mut bytes = BytesMut::new();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
        bytes.extend_from_slice(&data);
    }
    let authorization = head.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (path, authorization) = (head.uri.path().to_owned(), authorization.to_owned());
    // A test that has ended asks for no more calls.
    let _ = calls.send(Call { path, authorization, message: bytes.freeze().slice(5..), respond });
}

// === impl Call ===

impl Call {
    pub(crate) fn decode<M: Message + Default>(&self) -> M {
        M::decode(self.message.clone()).expect("a message")
    }

    /// Sends the headers of a good answer.
    pub(crate) fn accept(mut self) -> Answer {
        let head = Response::builder().header("content-type", "application/grpc").body(()).expect("headers");
        Answer(self.respond.send_response(head, false).expect("send"))
    }

    /// Answers with one message.
    pub(crate) fn answer(self, message: &impl Message) {
        let mut answer = self.accept();
        answer.message(message);
        answer.end(&Status::new(Code::Ok, ""));
    }

    pub(crate) fn refuse(self, status: &Status) {
        self.accept().end(status);
    }

    /// Answers as a proxy does that has no server: with a page, or without.
    pub(crate) fn http(mut self, status: u16, page: &'static str) {
        let head = Response::builder().status(status).header("content-type", "text/html").body(()).expect("headers");
        let mut body = self.respond.send_response(head, page.is_empty()).expect("send");
        if !page.is_empty() {
            body.send_data(Bytes::from_static(page.as_bytes()), true).expect("send");
        }
    }

    /// Ends the call before any answer.
    pub(crate) fn reset(mut self, reason: Reason) {
        self.respond.send_reset(reason);
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn message(&mut self, message: &impl Message) {
        let message = message.encode_to_vec();
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).expect("short"));
        frame.put_slice(&message);
        self.0.send_data(frame.freeze(), false).expect("send");
    }

    /// Sends an event of a watch.
    pub(crate) fn event(&mut self, event: Event, revision: u64, token: &str) {
        self.message(&WatchStatusResponse { event: Some(event), revision, resume_token: token.to_owned() });
    }

    /// The beginning of a message, and no more.
    pub(crate) fn half_a_message(&mut self) {
        self.0.send_data(Bytes::from_static(&[0, 0, 0, 0, 9, 1]), false).expect("send");
    }

    pub(crate) fn end(mut self, status: &Status) {
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers).expect("trailers");
        self.0.send_trailers(trailers).expect("send");
    }

    pub(crate) fn reset(mut self, reason: Reason) {
        self.0.send_reset(reason);
    }
}

/// A refusal as the server words it.
pub(crate) fn refusal(code: Code, reason: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, "sendstores.dev", HashMap::new());
    Status::with_error_details(code, "the message", details)
}

pub(crate) fn store(id: &str, revision: u64) -> Store {
    Store { id: id.to_owned(), uid: format!("uid of {id}"), revision, ..Store::default() }
}
