//! A TCP proxy that vanishes without a word: what it stands between is not told that the other side is gone.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::wait::until;

/// A proxy before one server. Once it swallows, it passes nothing on, neither bytes nor the end of a connection, and
/// keeps every connection to the server open: as a network that is cut, or a machine that lost its power.
pub struct SwallowingProxy {
    pub address: SocketAddr,
    swallows: Arc<watch::Sender<bool>>,
    counts: Arc<Counts>,
    server: JoinHandle<()>,
}

/// Connections of which nothing gets through any more.
#[derive(Default)]
struct Counts {
    swallowed: AtomicUsize,
    ended_by_the_server: AtomicUsize,
}

// === impl SwallowingProxy ===

impl SwallowingProxy {
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (swallows, counts) = (Arc::new(watch::Sender::new(false)), Arc::new(Counts::default()));
        let (seen, counted) = (swallows.clone(), counts.clone());
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (swallows, counts) = (seen.subscribe(), counted.clone());
                // How a connection ends is for its two ends to notice.
                connections.spawn(async move { serve(client, server, swallows, &counts).await.unwrap_or_default() });
            }
        });
        Self { address, swallows, counts, server: serving }
    }

    /// Lets nothing more through, and tells nobody. Returns once that is so for this many connections.
    pub async fn swallow(&self, connections: usize) {
        self.swallows.send_replace(true);
        let all = async || (self.counts.swallowed.load(Ordering::Relaxed) == connections).then_some(());
        until("the proxy to swallow", all).await;
    }

    /// How many connections the server has ended since, although nobody told it to.
    pub fn ended_by_the_server(&self) -> usize {
        self.counts.ended_by_the_server.load(Ordering::Relaxed)
    }
}

impl Drop for SwallowingProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    mut client: TcpStream,
    server: SocketAddr,
    mut swallows: watch::Receiver<bool>,
    counts: &Counts,
) -> io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    // It fails only when the proxy is gone.
    let swallowing = async { swallows.wait_for(|swallows| *swallows).await.is_ok() };
    tokio::select! {
        ended = tokio::io::copy_bidirectional(&mut client, &mut server) => return ended.map(drop),
        swallowing = swallowing => if !swallowing { return Ok(()) },
    }
    counts.swallowed.fetch_add(1, Ordering::Relaxed);
    // What the server says is taken and forgotten, so that only silence tells it.
    let mut buffer = [0; 4096];
    while server.read(&mut buffer).await.unwrap_or(0) > 0 {}
    counts.ended_by_the_server.fetch_add(1, Ordering::Relaxed);
    drop(client);
    server.shutdown().await
}
