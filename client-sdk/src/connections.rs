//! The connections of a client. A server takes a limited number of streams on each, so many watches need several.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tonic::transport::{Channel, Endpoint};

/// The most watches on one connection. Proxies take 100 streams and more, the server 256; what is left is for calls.
const WATCHES: usize = 64;

/// The connections of a client to one server. Calls use the first one, watches whichever has room.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    first: Channel,
    pool: Option<Arc<Pool>>,
}

struct Pool {
    endpoint: Endpoint,
    on_first: Arc<AtomicUsize>,
    further: Mutex<Vec<Further>>,
}

struct Further {
    channel: Channel,
    watches: Arc<AtomicUsize>,
}

/// A place for one watch on a connection, given back when dropped.
pub(crate) struct Place(Option<(Arc<Pool>, Arc<AtomicUsize>)>);

// === impl Connections ===

impl Connections {
    /// As many connections to `endpoint` as watches need; `first` is one of them.
    pub(crate) fn to(endpoint: Endpoint, first: Channel) -> Self {
        let pool = Pool { endpoint, on_first: Arc::default(), further: Mutex::default() };
        Self { first, pool: Some(Arc::new(pool)) }
    }

    /// The caller's own channel for everything.
    pub(crate) fn only(channel: Channel) -> Self {
        Self { first: channel, pool: None }
    }

    pub(crate) fn for_calls(&self) -> Channel {
        self.first.clone()
    }

    /// A connection with room for one watch more. A new one is made where no other has room.
    pub(crate) fn for_watch(&self) -> (Channel, Place) {
        let Some(pool) = &self.pool else { return (self.first.clone(), Place(None)) };
        let place = |watches: &Arc<AtomicUsize>| Place(Some((pool.clone(), watches.clone())));
        // The lock makes looking and taking one act; counts go down without it.
        let mut further = pool.further.lock().unwrap_or_else(PoisonError::into_inner);
        if taken(&pool.on_first) {
            return (self.first.clone(), place(&pool.on_first));
        }
        if let Some(one) = further.iter().find(|one| taken(&one.watches)) {
            return (one.channel.clone(), place(&one.watches));
        }
        let one = Further { channel: pool.endpoint.connect_lazy(), watches: Arc::new(AtomicUsize::new(1)) };
        let found = (one.channel.clone(), place(&one.watches));
        further.push(one);
        found
    }
}

/// Takes a place, if there is one.
fn taken(watches: &AtomicUsize) -> bool {
    let room = watches.load(Ordering::Acquire) < WATCHES;
    if room {
        watches.fetch_add(1, Ordering::AcqRel);
    }
    room
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// A further connection without watches is closed.
impl Drop for Place {
    fn drop(&mut self) {
        let Some((pool, watches)) = &self.0 else { return };
        let mut further = pool.further.lock().unwrap_or_else(PoisonError::into_inner);
        if watches.fetch_sub(1, Ordering::AcqRel) == 1 {
            further.retain(|one| !Arc::ptr_eq(&one.watches, watches));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn watches_are_spread_and_connections_without_any_are_closed() {
        let endpoint = Endpoint::from_static("http://127.0.0.1:1");
        let connections = Connections::to(endpoint.clone(), endpoint.connect_lazy());
        let pool = connections.pool.clone().expect("a pool");
        let further = || pool.further.lock().expect("no panic").len();
        let mut places: Vec<_> = (0..WATCHES).map(|_| connections.for_watch().1).collect();
        assert_eq!(further(), 0);
        places.extend((0..=WATCHES).map(|_| connections.for_watch().1));
        assert_eq!(further(), 2);
        // A place of the first is free, and taken before those of others.
        drop(places.remove(0));
        places.push(connections.for_watch().1);
        assert_eq!((further(), pool.on_first.load(Ordering::Acquire)), (2, WATCHES));
        places.clear();
        assert_eq!((further(), pool.on_first.load(Ordering::Acquire)), (0, 0));
    }
}
