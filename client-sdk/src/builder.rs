//! How a client comes to its connection.

use std::{error::Error as StdError, path::Path, sync::Arc, time::Duration};

use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::{client::Client, connections::Connections, error::Error, retry::RetryPolicy, token::Tokens};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than any sensible call, and short enough for the `grpc-timeout` header, which has eight digits.
const MAX_CALL_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// A peer that vanished without a word is noticed after `KEEP_ALIVE_INTERVAL + KEEP_ALIVE_TIMEOUT`.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Three heartbeats of the server, which sends one when nothing else was sent for 10 s, and some time on the way.
const WATCH_SILENCE: Duration = Duration::from_secs(35);

/// Settings of a [`Client`], made by [`Client::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    settings: Settings,
    connect_timeout: Duration,
    plaintext_token: bool,
    program: Option<&'static str>,
    #[cfg(feature = "tls")]
    tls: Tls,
}

/// What a [`Client`] keeps of them.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) timeout: Duration,
    pub(crate) watch_silence: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) tokens: Tokens,
    pub(crate) read_only: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: CALL_TIMEOUT,
            watch_silence: WATCH_SILENCE,
            retry: RetryPolicy::default(),
            tokens: Tokens::None,
            read_only: false,
        }
    }
}

// === impl Builder ===

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings::default(),
            connect_timeout: CONNECT_TIMEOUT,
            plaintext_token: false,
            program: None,
            #[cfg(feature = "tls")]
            tls: Tls::default(),
        }
    }

    /// The program that calls, such as `shop-ui/2.1`. It comes first in the `user-agent` of each call, and the audit has it.
    pub fn program(mut self, program: &'static str) -> Self {
        self.program = Some(program);
        self
    }

    /// How long one try of a call may take until its answer is complete. Default: 10 s. A stream of changes has no such end.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout.min(MAX_CALL_TIMEOUT);
        self
    }

    /// How long an open watch may be without any message, heartbeats included, until it is taken for dead and opened again.
    /// Default: 35 s, which is three heartbeats of the server. A proxy can answer pings for a server that is gone.
    pub fn watch_silence(mut self, silence: Duration) -> Self {
        self.settings.watch_silence = silence;
        self
    }

    /// How long a connection may take to come about. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How calls are repeated and streams reopened. Default: [`RetryPolicy::default`].
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.settings.retry = policy;
        self
    }

    /// The token that every call sends: `sst_...`, made by an operator with `sendstores-server token create`.
    pub fn token(mut self, token: impl AsRef<str>) -> Self {
        self.settings.tokens = Tokens::value(token.as_ref());
        self
    }

    /// A file whose content is the token. It is read for each call and each opening of a stream, so a token that replaces
    /// another there is used at once. A watch that ends because its token expired goes on with the next one.
    pub fn token_file(mut self, path: impl AsRef<Path>) -> Self {
        self.settings.tokens = Tokens::file(path.as_ref());
        self
    }

    /// A function that returns the token. It is called for each call and each opening of a stream, and once more when the
    /// server refuses the token; it should keep a token while that is valid. It has the time of [`Self::timeout`].
    ///
    /// ```no_run
    /// # use sendstores_client::{Client, Error};
    /// # async fn issued() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// # fn example() -> Result<Client, Error> {
    /// Client::builder().token_function(|| async { issued().await }).connect_lazy("http://127.0.0.1:7443")
    /// # }
    /// ```
    pub fn token_function<F, R, E>(mut self, token: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.settings.tokens = Tokens::callback(token);
        self
    }

    /// Sends the token also over `http://` to a host that is not this machine, where others on the way can read it. Default:
    /// such an address is refused with a token.
    pub fn allow_plaintext_token(mut self) -> Self {
        self.plaintext_token = true;
        self
    }

    /// The authorities, in PEM, that an `https://` server's certificate must come from. Default: those that the machine
    /// trusts.
    #[cfg(feature = "tls")]
    pub fn tls_ca(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.tls.authorities(pem.as_ref());
        self
    }

    /// A certificate with its chain and its key, both in PEM, that the client shows to an `https://` server. Default: none.
    #[cfg(feature = "tls")]
    pub fn tls_identity(mut self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        self.tls.identity(certificate.as_ref(), key.as_ref());
        self
    }

    /// The name that the certificate of an `https://` server must have. Default: the host of its address.
    #[cfg(feature = "tls")]
    pub fn tls_server_name(mut self, name: impl AsRef<str>) -> Self {
        self.tls.server_name(name.as_ref());
        self
    }

    /// Connects to the server at `url`, such as `https://stores.example.org` or `http://127.0.0.1:7443`. This is tried once: the retry policy holds for calls.
    ///
    /// # Errors
    /// [`Error::InvalidServer`] when the address cannot be used, [`Error::Token`] when [`Self::token`] was given text that is
    /// none, [`Error::Transport`] when nothing answers there.
    pub async fn connect(self, url: &str) -> Result<Client, Error> {
        let endpoint = self.endpoint(url)?;
        // The endpoint's own limit covers TCP alone, not a peer that accepts and then stays silent.
        match tokio::time::timeout(self.connect_timeout, endpoint.connect()).await {
            Ok(Ok(channel)) => Ok(Client::new(Connections::to(endpoint, channel), self.settings)),
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
    /// [`Error::InvalidServer`] when the address cannot be used, [`Error::Token`] when [`Self::token`] was given text that is
    /// none.
    pub fn connect_lazy(self, url: &str) -> Result<Client, Error> {
        let endpoint = self.endpoint(url)?;
        let channel = endpoint.connect_lazy();
        Ok(Client::new(Connections::to(endpoint, channel), self.settings))
    }

    /// Speaks through a channel made by the caller, see [`Client::from_channel`]. Where the channel leads is the caller's
    /// business: a token is sent through it in any case.
    pub fn channel(self, channel: Channel) -> Client {
        Client::new(Connections::only(channel), self.settings)
    }

    fn endpoint(&self, url: &str) -> Result<Endpoint, Error> {
        let refused = |why: String| Error::InvalidServer { url: url.to_owned(), why };
        let encrypted = match url.split_once("://") {
            Some(("http", _)) => false,
            Some(("https", _)) => true,
            Some((other, _)) => return Err(refused(format!("the scheme must be http or https, not {other}"))),
            None => return Err(refused(format!("it has no scheme; write https://{url} or http://{url}"))),
        };
        self.settings.tokens.check()?;
        if !self.settings.tokens.is_none() && !encrypted && !self.plaintext_token && !is_this_machine(url) {
            return Err(refused(
                "others on the way could read the token: use https://, connect to this machine, or allow a plaintext token"
                    .to_owned(),
            ));
        }
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| refused("it is not an address".to_owned()))?;
        let endpoint = self.encrypted(endpoint, encrypted).map_err(refused)?;
        endpoint
            .connect_timeout(self.connect_timeout)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
            .user_agent(self.user_agent())
            .map_err(|error| Error::transport(Status::from_error(error.into())))
    }

    fn user_agent(&self) -> String {
        let client = concat!("sendstores-client/", env!("CARGO_PKG_VERSION"));
        self.program.map_or_else(|| client.to_owned(), |program| format!("{program} {client}"))
    }

    #[cfg(feature = "tls")]
    fn encrypted(&self, endpoint: Endpoint, encrypted: bool) -> Result<Endpoint, String> {
        match (encrypted, self.tls.is_given()) {
            (true, _) => self.tls.endpoint(endpoint, self.connect_timeout),
            (false, false) => Ok(endpoint),
            (false, true) => Err("it is not encrypted, although TLS was asked for; write https://".to_owned()),
        }
    }

    // Without TLS built in, tonic would send plain text to such an address.
    #[cfg(not(feature = "tls"))]
    fn encrypted(&self, endpoint: Endpoint, encrypted: bool) -> Result<Endpoint, String> {
        if encrypted { Err("this client is built without its feature `tls`".to_owned()) } else { Ok(endpoint) }
    }
}

/// Whether what is sent to `url` leaves this machine under no circumstances.
fn is_this_machine(url: &str) -> bool {
    let uri: Option<tonic::transport::Uri> = url.parse().ok();
    let Some(host) = uri.as_ref().and_then(tonic::transport::Uri::host) else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_that_cannot_be_used_are_refused_with_what_to_write() {
        for (url, why) in [
            ("127.0.0.1:7443", "or http://127.0.0.1:7443"),
            ("ftp://example.org", "must be http or https, not ftp"),
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
        #[cfg(feature = "tls")]
        with("https://example.org").expect("encrypted");
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
