//! The default backend: what a visitor gets whose shop does not answer.
//!
//! An Ingress with a wildcard host leads here with all hosts that no store's own Ingress has: those of stores that are suspended
//! or being made, and those of no store at all. Without it the Ingress controller answers for them, and cannot tell a shop that
//! is closed for a week from an address that was mistyped.

mod page;

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use http::{Request, header::HOST};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use sendstores_core::StoreId;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use self::page::Page;
use crate::{mirror::Mirror, supervise::TaskError};

/// How many connections are answered at once; the others wait. An Ingress controller has few, and each is one short answer.
const CONNECTIONS: usize = 256;
/// How long one connection may take, from its first byte to the end of the answer.
const LIMIT: Duration = Duration::from_secs(5);
/// How long after a failed accept the next one is tried.
const PAUSE: Duration = Duration::from_millis(100);

/// Finds the store whose address has a host.
type FindStore = Arc<dyn Fn(&str) -> Option<StoreId> + Send + Sync>;

/// Answers for hosts without a shop.
#[derive(Clone)]
pub struct DefaultBackend {
    mirror: Mirror,
    find: FindStore,
}

// === impl DefaultBackend ===

impl DefaultBackend {
    /// `find` says which store would have a host, whether or not there is one.
    pub fn new(mirror: Mirror, find: impl Fn(&str) -> Option<StoreId> + Send + Sync + 'static) -> Self {
        Self { mirror, find: Arc::new(find) }
    }

    /// Serves until `stop`. Open connections are cut then: their visitors come again.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> Result<(), TaskError> {
        let mut connections = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(()) = connections.next() => {}
                accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                    Ok((stream, _)) => connections.push(self.answer(stream)),
                    Err(error) => {
                        tracing::warn!(%error, "a visitor's connection could not be accepted");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    fn answer(&self, stream: TcpStream) -> impl Future<Output = ()> + use<> {
        let backend = self.clone();
        async move {
            let service = service_fn(|request| {
                let response = backend.page_for(&request).response(request.method());
                async { Ok::<_, Infallible>(response) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(LIMIT).keep_alive(false);
            let _answered = timeout(LIMIT, http.serve_connection(TokioIo::new(stream), service)).await;
        }
    }

    fn page_for(&self, request: &Request<Incoming>) -> Page {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let host = without_port(host).to_ascii_lowercase();
        let store = (self.find)(&host).and_then(|id| self.mirror.get(&id));
        match store {
            Some(store) => Page::of(store.state),
            // A store that is not in memory yet is no store that does not exist.
            None if self.is_loading() => Page::Soon,
            None => Page::Unknown,
        }
    }

    fn is_loading(&self) -> bool {
        *self.mirror.status().borrow() == crate::mirror::Status::Loading
    }
}

/// The name in a Host header. Stores have names and no addresses, so that every colon begins a port.
fn without_port(host: &str) -> &str {
    host.split_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_no_part_of_a_host() {
        for (header, host) in [("a.example.com", "a.example.com"), ("a.example.com:8080", "a.example.com"), ("", "")] {
            assert_eq!(without_port(header), host);
        }
    }
}
