//! Shoppers and buyers in a storefront at once, each request counted: what an update, or any other change, costs them.
//!
//! The choices of a crowd follow from its seed. It ends by itself, after so many requests or so much time.

mod browser;
mod person;
mod tally;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rand::{SeedableRng, rngs::StdRng};
use tokio::task::JoinSet;

use browser::Browser;
pub use tally::{Failure, Kind, Report};
use tally::{Limits, Tally};

/// The addresses of a local cluster: its node, its pods and its services (tests/cluster/README.md).
const OF_TESTS: [(Ipv4Addr, u32); 3] =
    [(Ipv4Addr::new(198, 18, 0, 0), 15), (Ipv4Addr::new(10, 244, 0, 0), 16), (Ipv4Addr::new(10, 96, 0, 0), 16)];

/// Where the requests go, and for which host: one of the many that an Ingress serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storefront {
    address: SocketAddr,
    host: String,
}

/// An address that is neither of this machine nor of a local cluster. A crowd is load, and goes nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elsewhere(pub IpAddr);

/// What a crowd does.
#[derive(Clone, Debug)]
pub struct Plan {
    pub storefront: Storefront,
    /// Each one is a new shopper again and again, with no cookie: the shop page, a product, the cart.
    pub shoppers: u32,
    /// Each one orders again and again, through the Store API.
    pub buyers: u32,
    /// Requests after which the crowd ends.
    pub requests: u64,
    /// Time after which the crowd ends.
    pub time: Duration,
    /// How long a person waits for one answer. More than the storefront itself holds a request (25 s).
    pub patience: Duration,
    /// A person's pause after an answer, on average: it is chosen between nothing and twice as much.
    pub pause: Duration,
    pub seed: u64,
}

/// A crowd under way. All of it stops when this is dropped.
pub struct Crowd {
    tally: Arc<Tally>,
    people: JoinSet<()>,
}

// === impl Storefront ===

impl Storefront {
    pub fn new(address: SocketAddr, host: impl Into<String>) -> Result<Self, Elsewhere> {
        let ours = match address.ip() {
            IpAddr::V4(ip) => ip.is_loopback() || OF_TESTS.iter().any(|(net, bits)| within(ip, *net, *bits)),
            IpAddr::V6(ip) => ip.is_loopback(),
        };
        if !ours {
            return Err(Elsewhere(address.ip()));
        }
        Ok(Self { address, host: host.into() })
    }
}

fn within(ip: Ipv4Addr, net: Ipv4Addr, bits: u32) -> bool {
    (ip.to_bits() ^ net.to_bits()).leading_zeros() >= bits
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is neither of this machine nor of a local cluster", self.0)
    }
}

impl std::error::Error for Elsewhere {}

// === impl Plan ===

impl Plan {
    /// Ten shoppers and two buyers for at most 15 minutes.
    pub fn new(storefront: Storefront) -> Self {
        Self {
            storefront,
            shoppers: 10,
            buyers: 2,
            requests: 100_000,
            time: Duration::from_secs(15 * 60),
            patience: Duration::from_secs(40),
            pause: Duration::from_millis(250),
            seed: 1,
        }
    }
}

// === impl Crowd ===

impl Crowd {
    pub fn start(plan: Plan) -> Self {
        let tally = Arc::new(Tally::new(Limits { requests: plan.requests, time: plan.time }));
        let mut people = JoinSet::new();
        for number in 0..plan.shoppers + plan.buyers {
            let (plan, tally) = (plan.clone(), Arc::clone(&tally));
            let random = StdRng::seed_from_u64(plan.seed.wrapping_mul(1_000_003).wrapping_add(u64::from(number)));
            people.spawn(async move {
                let enter = || Browser::new(plan.storefront.clone(), plan.patience, Arc::clone(&tally));
                match number < plan.shoppers {
                    true => person::shop(&tally, enter, random, plan.pause).await,
                    false => person::buy(&tally, enter, random, plan.pause).await,
                }
            });
        }
        Self { tally, people }
    }

    /// Requests that have come to an end, whichever.
    pub fn count(&self) -> u64 {
        self.tally.count()
    }

    /// Waits until the crowd has ended by itself.
    pub async fn ended(&mut self) {
        while self.people.join_next().await.is_some() {}
    }

    /// Asks everybody to leave and waits for the answers that are under way.
    pub async fn leave(mut self) -> Report {
        self.tally.close();
        self.ended().await;
        self.tally.report()
    }
}
