//! How a client comes to its connection.

use std::{sync::Arc, time::Duration};

use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use crate::{client::Client, error::Error, retry::RetryPolicy};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than any sensible call, and short enough for the `grpc-timeout` header, which has eight digits.
const MAX_CALL_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// A peer that vanished without a word is noticed after `KEEP_ALIVE_INTERVAL + KEEP_ALIVE_TIMEOUT`.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of a [`Client`], made by [`Client::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    timeout: Duration,
    connect_timeout: Duration,
    retry: RetryPolicy,
}

// === impl Builder ===

impl Builder {
    pub(crate) fn new() -> Self {
        Self { timeout: CALL_TIMEOUT, connect_timeout: CONNECT_TIMEOUT, retry: RetryPolicy::default() }
    }

    /// How long one try of a call may take until its answer is complete. Default: 10 s. A stream of changes has no such end.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(MAX_CALL_TIMEOUT);
        self
    }

    /// How long a connection may take to come about. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How calls are repeated and streams reopened. Default: [`RetryPolicy::default`].
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Connects to the server at `url`, such as `http://127.0.0.1:7443`. This is tried once: the retry policy holds for calls.
    ///
    /// # Errors
    /// [`Error::InvalidServer`] when the address cannot be used, [`Error::Transport`] when nothing answers there.
    pub async fn connect(self, url: &str) -> Result<Client, Error> {
        let endpoint = self.endpoint(url)?;
        // The endpoint's own limit covers TCP alone, not a peer that accepts and then stays silent.
        match tokio::time::timeout(self.connect_timeout, endpoint.connect()).await {
            Ok(Ok(channel)) => Ok(self.client(channel)),
            Ok(Err(error)) => {
                let mut status = Status::unavailable(format!("cannot connect to {url}"));
                status.set_source(Arc::new(error));
                Err(Error::transport(status))
            }
            Err(_) => Err(Error::transport(Status::unavailable(format!(
                "cannot connect to {url} within {:?}",
                self.connect_timeout
            )))),
        }
    }

    /// As [`Self::connect`], but the connection is made by the first call, so that the server may start later.
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::InvalidServer`] when the address cannot be used.
    pub fn connect_lazy(self, url: &str) -> Result<Client, Error> {
        let channel = self.endpoint(url)?.connect_lazy();
        Ok(self.client(channel))
    }

    /// Speaks through a channel made by the caller, see [`Client::from_channel`].
    pub fn channel(self, channel: Channel) -> Client {
        self.client(channel)
    }

    pub(crate) fn client(&self, channel: Channel) -> Client {
        Client::new(channel, self.timeout, self.retry.clone())
    }

    fn endpoint(&self, url: &str) -> Result<Endpoint, Error> {
        let refused = |why: String| Error::InvalidServer { url: url.to_owned(), why };
        match url.split_once("://") {
            Some(("http", _)) => {}
            // Without TLS built in, tonic would send plain text to such an address.
            Some(("https", _)) => {
                return Err(refused("this client speaks no TLS yet; give an http:// address".to_owned()));
            }
            Some((other, _)) => return Err(refused(format!("the scheme must be http, not {other}"))),
            None => return Err(refused(format!("it has no scheme; write http://{url}"))),
        }
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| refused("it is not an address".to_owned()))?;
        endpoint
            .connect_timeout(self.connect_timeout)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
            .user_agent(concat!("sendstores-client/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| Error::transport(Status::from_error(error.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_that_cannot_be_used_are_refused_with_what_to_write() {
        for (url, why) in [
            ("127.0.0.1:7443", "write http://127.0.0.1:7443"),
            ("https://example.org", "speaks no TLS"),
            ("ftp://example.org", "must be http, not ftp"),
            ("http://", "not an address"),
            ("http://a b", "not an address"),
        ] {
            let error = Client::builder().connect_lazy(url).expect_err(url);
            assert!(matches!(error, Error::InvalidServer { .. }), "{error:?}");
            assert!(error.to_string().contains(why), "{error}");
            assert!(!error.retryable());
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_a_transport_error_that_says_why() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address");
        let error = Client::connect(&format!("http://{free}")).await.expect_err("nobody listens");
        assert!(matches!(error, Error::Transport(_)), "{error:?}");
        assert!(error.to_string().contains("Connection refused"), "{error}");
        assert!(error.retryable());
    }
}
