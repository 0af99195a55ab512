//! Which Redis, and how it is spoken to.

use std::{net::IpAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use fred::types::{
    Builder,
    config::{Config, ConnectionConfig, PerformanceConfig, ReconnectPolicy, TcpConfig, UnresponsiveConfig},
};
use secrecy::{ExposeSecret, SecretString};
use sendstores_core::ledger::LedgerError;
use socket2::TcpKeepalive;

use super::tls;

/// What is asked of Redis before it is trusted with the only copy of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Every write is on disk before it is acknowledged.
    Always,
    /// `appendfsync everysec` will do: a power loss may take what was acknowledged in the last seconds.
    AllowEverysec,
    /// As `Always`, but where the settings may not be read (managed Redis), the operator vouches for them.
    TakeOperatorsWord,
    /// Nothing is asked. For development: a restart may lose everything.
    Dev,
}

/// What is shown to a Redis that asks for a client certificate: PEM files.
#[derive(Clone, Debug)]
pub struct Identity {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// How a [`super::RedisLedger`] is set up.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `redis://` or `rediss://` with user, password, host, port and `/database`; or `redis-sentinel://` with
    /// `?sentinelServiceName=`, more `&node=`, and `&sentinelUsername=` and `&sentinelPassword=` where the sentinels want
    /// them; or `redis-cluster://` with more `?node=`. Other characters than letters, digits, `-`, `.`, `_` and `~` in a user
    /// or a password must be percent-encoded.
    pub url: SecretString,
    /// PEM file of the authorities that may have signed the certificate of a `rediss://` server, in the place of those
    /// that the system trusts.
    pub ca: Option<PathBuf>,
    /// For a server that asks for a client certificate.
    pub identity: Option<Identity>,
    /// Whether a server on another machine may be without TLS, a user and a password.
    pub allow_plaintext: bool,
    /// What the names of the keys begin with: letters, digits, `-`, `_`, `.` and `:`.
    pub prefix: String,
    /// How many changes the log keeps, and so how far back a reader can resume. About 1.5 KiB each.
    pub history: NonZeroU32,
    /// How many entries of changes the audit keeps. About 0.5 KiB each.
    pub audit: NonZeroU32,
    /// How long a call may take in all, with the repetitions that a lost connection makes needful.
    pub command_timeout: Duration,
    pub durability: Durability,
    /// How many replicas must have a write or a claim before it is acknowledged. 0 where there are none, or where a
    /// failover may lose what was acknowledged a moment before.
    pub replicas: u8,
}

/// Calls on their way to one connection at most; the rest waits before it, inside its deadline.
pub(super) const MAX_CALLS: usize = 4096;

/// fred gives up a connection for good when it cannot queue its own order to reconnect, so its queue has to have room
/// beyond [`MAX_CALLS`]: for calls that timed out and are passed over when their turn comes.
const MAX_QUEUED: usize = 16 * MAX_CALLS;

// === impl RedisConfig ===

impl RedisConfig {
    pub const DEFAULT_PREFIX: &str = "sendstores";
    pub const DEFAULT_HISTORY: NonZeroU32 = NonZeroU32::MIN.saturating_add(20_000 - 1);
    pub const DEFAULT_AUDIT: NonZeroU32 = NonZeroU32::MIN.saturating_add(100_000 - 1);
    pub const DEFAULT_COMMAND_TIMEOUT: Duration = Duration::from_secs(2);

    /// The defaults, for the Redis at `url`.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            ca: None,
            identity: None,
            allow_plaintext: false,
            prefix: Self::DEFAULT_PREFIX.to_owned(),
            history: Self::DEFAULT_HISTORY,
            audit: Self::DEFAULT_AUDIT,
            command_timeout: Self::DEFAULT_COMMAND_TIMEOUT,
            durability: Durability::Always,
            replicas: 0,
        }
    }

    /// How long one XREAD may block: short enough that a dead connection is noticed within the command timeout.
    pub(super) fn slice(&self) -> Duration {
        (self.command_timeout / 2).min(Duration::from_secs(1))
    }

    /// What fred makes a client of, with every default replaced that could hang, grow or repeat.
    pub(super) fn builder(&self) -> Result<Builder, LedgerError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        if self.prefix.is_empty() || !self.prefix.chars().all(allowed) {
            return Err(LedgerError::Unsafe(
                "the key prefix must be letters, digits, '-', '_', '.' and ':'".to_owned(),
            ));
        }
        if self.command_timeout < Duration::from_millis(10) {
            return Err(LedgerError::Unsafe("the command timeout must be 10 ms at least".to_owned()));
        }
        let timeout = self.command_timeout;
        // The system counts in seconds.
        let quiet = timeout.max(Duration::from_secs(1));
        let mut builder = Builder::from_config(self.server()?);
        builder
            .set_policy(ReconnectPolicy::new_exponential(0, 20, 1000, 2))
            .set_performance_config(PerformanceConfig {
                default_command_timeout: timeout,
                ..PerformanceConfig::default()
            })
            .set_connection_config(ConnectionConfig {
                connection_timeout: timeout,
                internal_command_timeout: timeout,
                // A command that was sent is never sent again by fred: only we know whether that is safe.
                max_command_attempts: 1,
                max_command_buffer_len: MAX_QUEUED,
                unresponsive: UnresponsiveConfig { max_timeout: Some(timeout / 2), interval: timeout / 10 },
                tcp: TcpConfig {
                    nodelay: Some(true),
                    keepalive: Some(TcpKeepalive::new().with_time(quiet * 2).with_interval(quiet)),
                    // Ends a write to a peer that takes nothing in any more, during which fred does nothing else.
                    user_timeout: Some(timeout * 2),
                    ..TcpConfig::default()
                },
                ..ConnectionConfig::default()
            });
        Ok(builder)
    }

    /// Whether the URL names a Redis Cluster.
    pub(super) fn is_of_cluster(&self) -> bool {
        self.url.expose_secret().split_once("://").is_some_and(|(scheme, _)| scheme.ends_with("-cluster"))
    }

    /// What the URL says. The error does not repeat it, because a password may be in it.
    pub(super) fn server(&self) -> Result<Config, LedgerError> {
        let unreadable = "the Redis URL cannot be read; it must be redis://, rediss://, redis-sentinel:// (with \
                          ?sentinelServiceName=) or redis-cluster://, such as redis://user:password@host:6379/0";
        let unreadable = |_| LedgerError::Unsafe(unreadable.to_owned());
        let mut config = Config::from_url(self.url.expose_secret()).map_err(unreadable)?;
        self.check_protection().map_err(LedgerError::Unsafe)?;
        if self.ca.is_some() || self.identity.is_some() {
            if config.tls.is_none() {
                let why = "a CA or a client certificate is given, but the Redis URL is not rediss://";
                return Err(LedgerError::Unsafe(why.to_owned()));
            }
            config.tls = Some(tls::config(self.ca.as_deref(), self.identity.as_ref())?);
        }
        Ok(config)
    }

    /// Whether a server on another machine is reached over TLS and as a user with a password. A URL that cannot be read is
    /// refused elsewhere.
    ///
    /// # Errors
    /// It is not, and that is not allowed. Does not repeat the URL.
    pub fn check_protection(&self) -> Result<(), String> {
        let Ok(config) = Config::from_url(self.url.expose_secret()) else { return Ok(()) };
        let hosts = config.server.hosts();
        let Some(host) = hosts.iter().map(|server| server.host.to_string()).find(|host| !is_this_machine(host)) else {
            return Ok(());
        };
        let missing = match (config.tls.is_some(), config.username.is_some() && config.password.is_some()) {
            (true, true) => return Ok(()),
            (false, _) => "has no TLS (rediss://), and everybody on the way can read what is sent",
            (true, false) => "has no user with a password, and everybody who reaches it can change everything",
        };
        if self.allow_plaintext {
            return Ok(());
        }
        Err(format!(
            "Redis at {host} {missing}: use rediss://USER:PASSWORD@..., or --allow-plaintext-redis where only the control \
             plane reaches it"
        ))
    }
}

/// Whether nothing that is sent to this host leaves the machine.
fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let named = host == "localhost" || host.ends_with(".localhost");
    named || address.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_on_another_machine_has_tls_and_a_user() {
        let check = |url: &str| RedisConfig::new(url).check_protection();
        for good in [
            "redis://127.0.0.1:6379",
            "redis://localhost",
            "redis://[::1]:6379",
            "rediss://user:s3cret@redis.example.com",
            "rediss-sentinel://user:s3cret@a:26379?sentinelServiceName=main",
            "redis-sentinel://127.0.0.1:1?sentinelServiceName=main&node=127.0.0.1:2",
            "rediss-cluster://user:s3cret@a:6379?node=b:6379",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, part) in [
            ("redis://redis.example.com", "has no TLS"),
            ("redis://user:s3cret@10.0.0.1:6379", "has no TLS"),
            ("redis://notlocalhost", "has no TLS"),
            ("rediss://redis.example.com", "has no user"),
            ("rediss://:s3cret@redis.example.com", "has no user"),
            ("redis-sentinel://user:s3cret@127.0.0.1:1?sentinelServiceName=main&node=b:2", "has no TLS"),
            ("redis-cluster://127.0.0.1:6379?node=b:6379", "has no TLS"),
        ] {
            let why = check(bad).expect_err(bad);
            assert!(why.contains(part) && !why.contains("s3cret"), "{bad}: {why}");
            let allowed = RedisConfig { allow_plaintext: true, ..RedisConfig::new(bad) };
            assert_eq!(allowed.check_protection(), Ok(()), "{bad}");
            assert!(RedisConfig::new(bad).builder().is_err() && allowed.builder().is_ok(), "{bad}");
        }
    }

    #[test]
    fn addresses_of_all_kinds_are_read() {
        for url in [
            "redis://127.0.0.1:6379",
            "redis://user:s3cret@redis.example.com/3",
            "rediss://user:s3cret@redis.example.com:6380",
            "redis-sentinel://user:s3cret@a:26379/1?sentinelServiceName=main&node=b:26379&node=c:26379",
            "redis-cluster://a:6379?node=b:6379",
        ] {
            let config = RedisConfig { allow_plaintext: true, ..RedisConfig::new(url) };
            assert!(config.builder().is_ok(), "{url}");
        }
    }

    #[test]
    fn a_password_is_in_no_text() {
        let config = RedisConfig::new("redis://user:s3cret@host:port/");
        let error = config.builder().expect_err("there is no such port").to_string();
        for text in [format!("{config:?}"), format!("{:?}", config.url), error] {
            assert!(!text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn a_prefix_cannot_change_the_hash_tag() {
        for prefix in ["", "a}b", "{a", "a b", "a\n"] {
            let config = RedisConfig { prefix: prefix.to_owned(), ..RedisConfig::new("redis://localhost") };
            assert!(config.builder().is_err(), "{prefix:?}");
        }
    }
}
