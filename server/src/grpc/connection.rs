//! One connection: its limits, and its end.
//!
//! The accept loop is ours because a graceful shutdown of the HTTP stack alone waits without limit for a peer that is
//! connected and silent (hyperium/hyper#4170), and because a connection that never speaks must not be kept.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, rt::Executor, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use pin_project_lite::pin_project;
use sendstores_core::ledger::Ledger;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    net::TcpStream,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::{
    coalesce::Coalescer,
    gate::Session,
    mcp::{self, Inside},
    peers::Peer,
    port::{Port, refuse},
    status::Refusal,
};
use crate::{auth::ClientCertificate, supervise::Spawner};

/// How long a peer may take to say which protocol it speaks, with the handshake of TLS.
const PREFACE_DEADLINE: Duration = Duration::from_secs(5);
/// Length of the HTTP/2 preface; an HTTP/1 request is longer too.
const PREFACE: u64 = 24;
/// How often an HTTP/2 peer is asked whether it is there, and how long its answer may take.
pub const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// Calls at once on one connection.
pub const STREAMS_PER_CONNECTION: u32 = 256;
/// All headers of one call together, as HTTP/2 counts them. A call with more is answered without a gRPC status, and one with
/// much more costs its connection. That is for attackers: callers get HEADERS_TOO_LARGE at 16 KiB (`port::MAX_METADATA`).
pub const HEADER_LIST: u32 = 128 * 1024;
/// How long the head of an HTTP/1 request may take.
const HTTP1_HEAD: Duration = Duration::from_secs(10);
/// What is buffered of one stream for a peer that does not take it. Of its many streams each may have as much, so that the
/// usual 400 KiB would be gigabytes.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams a peer may open and reset before it is cut (rapid reset, CVE-2023-44487).
pub const PENDING_RESETS: usize = 20;

pin_project! {
    /// Counts what the peer has said.
    struct Counted<S> {
        #[pin]
        stream: S,
        read: Arc<AtomicU64>,
    }
}

/// A connection that was accepted.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: Peer,
    /// The address of a peer whose tokens others can read on the way.
    pub(super) exposed: Option<IpAddr>,
    /// With one, that is the answer to all of its calls.
    pub(super) refusal: Option<Refusal>,
}

/// Who speaks on a connection.
#[derive(Clone)]
pub(super) struct Caller {
    peer: Peer,
    session: Arc<Session>,
    refusal: Option<Refusal>,
}

/// Serves one peer until it leaves, falls silent too early, or `stop` is cancelled and its open calls have ended.
pub(super) async fn serve<L: Ledger>(
    accepted: Accepted,
    port: Arc<Port<L>>,
    spawner: Spawner,
    stop: CancellationToken,
) {
    let Accepted { stream, peer, exposed, refusal } = accepted;
    let due = Instant::now() + PREFACE_DEADLINE;
    let Some(acceptor) = port.tls_acceptor() else {
        let caller = Caller { peer, session: Arc::new(Session::new(peer, exposed, None)), refusal };
        return speak(stream, caller, port, spawner, due, stop).await;
    };
    let shaken = tokio::select! {
        shaken = timeout_at(due, acceptor.accept(stream)) => shaken,
        () = stop.cancelled() => return,
    };
    match shaken {
        Ok(Ok(stream)) => {
            let certificate = ClientCertificate::of(stream.get_ref().1.peer_certificates());
            let caller = Caller { peer, session: Arc::new(Session::new(peer, None, certificate)), refusal };
            Box::pin(speak(stream, caller, port, spawner, due, stop)).await;
        }
        Ok(Err(error)) => {
            metrics::counter!("sendstores_tls_handshake_failures_total").increment(1);
            tracing::debug!(%error, "a TLS handshake failed");
        }
        Err(_) => tracing::debug!("a connection without a TLS handshake was closed"),
    }
}

/// Serves a connection inside of this process, for a caller of another one.
pub(super) fn serve_inside<L: Ledger>(
    stream: DuplexStream,
    caller: Caller,
    port: Arc<Port<L>>,
    spawner: Spawner,
    stop: CancellationToken,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(speak(stream, caller, port, spawner, Instant::now() + PREFACE_DEADLINE, stop))
}

/// Serves a peer that has to say which protocol it speaks until `due`.
async fn speak<S, L>(
    stream: S,
    caller: Caller,
    port: Arc<Port<L>>,
    spawner: Spawner,
    due: Instant,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    L: Ledger,
{
    let read = Arc::new(AtomicU64::new(0));
    let builder = builder(spawner.clone());
    let io = TokioIo::new(Counted { stream, read: read.clone() });
    let until = stop.clone();
    let service = service_fn(move |request| {
        let inside = Inside { port: port.clone(), spawner: spawner.clone(), stop: until.clone() };
        // On the heap at once, because it is large and would be moved at each hand-over.
        Box::pin(answer(inside, caller.clone(), request))
    });
    let connection = builder.serve_connection(io, service);
    tokio::pin!(connection);
    let silent = sleep_until(due);
    tokio::pin!(silent);
    let mut preface_due = true;
    let mut coalescer = Coalescer::new();
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = poll_fn(|cx| {
                ready!(coalescer.poll(cx));
                connection.as_mut().poll(cx)
            }) => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended");
                }
                return;
            }
            () = silent.as_mut(), if preface_due => {
                preface_due = false;
                if read.load(Ordering::Relaxed) < PREFACE {
                    tracing::debug!("a connection that never spoke was closed");
                    return;
                }
            }
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                // Who has not even spoken yet has nothing to lose.
                if read.load(Ordering::Relaxed) < PREFACE {
                    return;
                }
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Answers one request of the caller.
async fn answer<L: Ledger>(
    inside: Inside<L>,
    caller: Caller,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let Caller { peer, session, refusal } = &caller;
    Ok(match (refusal, inside.port.tools_for(&request)) {
        (Some(refusal), _) => refuse(request, refusal.clone()).await,
        (None, Some(tools)) => Box::pin(mcp::answer(tools, inside, caller, request)).await,
        (None, None) => inside.port.answer(*peer, session, request).await,
    })
}

fn builder(spawner: Spawner) -> auto::Builder<Spawner> {
    let mut builder = auto::Builder::new(spawner);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HTTP1_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .max_header_list_size(HEADER_LIST)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(PENDING_RESETS);
    builder
}

// === impl Spawner ===

impl<F> Executor<F> for Spawner
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, call: F) {
        self.spawn(async move {
            call.await;
        });
    }
}

// === impl Counted ===

impl<S: AsyncRead> AsyncRead for Counted<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buf.filled().len();
        let result = this.stream.poll_read(cx, buf);
        this.read.fetch_add((buf.filled().len() - before) as u64, Ordering::Relaxed);
        result
    }
}

impl<S: AsyncWrite> AsyncWrite for Counted<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_shutdown(cx)
    }
}
