//! How a client comes to its connection.

use std::{fmt, sync::Arc, time::Duration};

use tonic::{
    Status,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};

use crate::{client::Client, error::Error, retry::RetryPolicy};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than any sensible call, and short enough for the `grpc-timeout` header, which has eight digits.
const MAX_CALL_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// A peer that vanished without a word is noticed after `KEEP_ALIVE_INTERVAL + KEEP_ALIVE_TIMEOUT`.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of a [`Client`], made by [`Client::builder`].
#[derive(Clone)]
#[must_use]
pub struct Builder {
    timeout: Duration,
    connect_timeout: Duration,
    retry: RetryPolicy,
    token: Option<String>,
    plaintext_token: bool,
}

// === impl Builder ===

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            timeout: CALL_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            retry: RetryPolicy::default(),
            token: None,
            plaintext_token: false,
        }
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

    /// The token that every call sends: `sst_...`, made by an operator with `sendstores-server token create`.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Sends the token also over `http://` to a host that is not this machine, where others on the way can read it. Default:
    /// such an address is refused with a token.
    pub fn allow_plaintext_token(mut self) -> Self {
        self.plaintext_token = true;
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
            Ok(Ok(channel)) => Ok(self.client(channel)?),
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
        self.client(channel)
    }

    /// Speaks through a channel made by the caller, see [`Client::from_channel`]. Where the channel leads is the caller's
    /// business: a token is sent through it in any case, unless it has characters that no header can have.
    pub fn channel(self, channel: Channel) -> Client {
        let bearer = self.token.as_deref().and_then(|token| bearer(token).ok());
        Client::new(channel, self.timeout, self.retry, bearer)
    }

    fn client(&self, channel: Channel) -> Result<Client, Error> {
        let bearer = self.token.as_deref().map(bearer).transpose()?;
        Ok(Client::new(channel, self.timeout, self.retry.clone(), bearer))
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
        if self.token.is_some() && !self.plaintext_token && !is_this_machine(url) {
            return Err(refused(
                "others on the way could read the token: connect to this machine, or allow a plaintext token"
                    .to_owned(),
            ));
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

/// The header that proves who calls. It is kept out of logs and of the compression's memory.
fn bearer(token: &str) -> Result<MetadataValue<Ascii>, Error> {
    let refused =
        |_| Error::InvalidServer { url: String::new(), why: "the token has characters that no token has".to_owned() };
    let mut value = MetadataValue::try_from(format!("Bearer {}", token.trim())).map_err(refused)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether what is sent to `url` leaves this machine under no circumstances.
fn is_this_machine(url: &str) -> bool {
    let uri: Option<tonic::transport::Uri> = url.parse().ok();
    let Some(host) = uri.as_ref().and_then(tonic::transport::Uri::host) else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Without the token, so that no log line can have it.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timeout, connect_timeout, retry, token, plaintext_token } = self;
        f.debug_struct("Builder")
            .field("timeout", timeout)
            .field("connect_timeout", connect_timeout)
            .field("retry", retry)
            .field("token", &token.as_ref().map(|_| "[hidden]"))
            .field("plaintext_token", plaintext_token)
            .finish()
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
    async fn a_token_is_not_sent_where_others_can_read_it() {
        let with = |url: &str| Client::builder().token("sst_secret").connect_lazy(url);
        for url in ["http://127.0.0.1:7443", "http://[::1]:7443", "http://localhost:7443", "http://LOCALHOST"] {
            with(url).expect(url);
        }
        for url in
            ["http://192.0.2.1:7443", "http://example.org", "http://localhost.example.org", "http://[2001:db8::1]:1"]
        {
            let error = with(url).expect_err(url).to_string();
            assert!(error.contains("could read the token") && !error.contains("sst_secret"), "{error}");
            Client::builder().token("sst_secret").allow_plaintext_token().connect_lazy(url).expect(url);
            Client::builder().connect_lazy(url).expect("without a token");
        }
        let error = Client::builder().token("a\nb").connect_lazy("http://127.0.0.1:1").expect_err("no token");
        assert!(error.to_string().contains("no token has"), "{error}");
        assert!(!format!("{:?}", Client::builder().token("sst_secret")).contains("sst_secret"));
        assert!(!format!("{:?}", with("http://127.0.0.1:1")).contains("sst_secret"));
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
