//! A TCP balancer: one address before servers that come and go. It can cut what goes through it.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// Each connection goes to the server that is chosen for it, and ends when that is not there.
pub struct Balancer {
    address: SocketAddr,
    /// Grows with each cut.
    cuts: Arc<watch::Sender<u64>>,
    server: JoinHandle<()>,
}

// === impl Balancer ===

impl Balancer {
    /// `choose` says where the next connection goes.
    pub async fn start(choose: impl Fn() -> Option<SocketAddr> + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let cuts = Arc::new(watch::Sender::new(0));
        let cut = cuts.clone();
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (server, mut cut) = (choose(), cut.subscribe());
                connections.spawn(async move {
                    tokio::select! {
                        () = pass(client, server) => {}
                        _ = cut.changed() => {}
                    }
                });
                // Those that have ended are forgotten.
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, cuts, server }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends every connection at once, in the middle of whatever it passes on.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// How a connection ends is for its two ends to notice.
async fn pass(mut client: TcpStream, server: Option<SocketAddr>) {
    let Some(server) = server else { return };
    if let Ok(mut server) = TcpStream::connect(server).await {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
