//! Which Redis, and how it is reached.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use super::check::{Problems, file, number};
use crate::ledger::{Durability, Identity, RedisConfig};

/// The flags.
#[derive(Debug, Args)]
pub struct RedisArgs {
    /// URL of Redis: redis://, rediss:// (TLS), redis-sentinel:// or redis-cluster://, with user and password, which must
    /// be percent-encoded (a plus is %2B). One on another machine needs TLS, a user and a password.
    #[arg(long, env = "SENDSTORES_REDIS_URL", default_value = "redis://127.0.0.1:6379", hide_env_values = true)]
    pub redis_url: SecretString,
    /// PEM file of the CA that signed the certificate of Redis (rediss://). Default: the CAs that the system trusts.
    #[arg(long, env = "SENDSTORES_REDIS_CA")]
    pub redis_ca: Option<PathBuf>,
    /// PEM file of the certificate that the server shows to Redis, for a Redis that asks for one (tls-auth-clients). Needs
    /// --redis-key. Read at the start.
    #[arg(long, env = "SENDSTORES_REDIS_CERT", requires = "redis_key")]
    pub redis_cert: Option<PathBuf>,
    /// PEM file of the private key of --redis-cert.
    #[arg(long, env = "SENDSTORES_REDIS_KEY", requires = "redis_cert")]
    pub redis_key: Option<PathBuf>,
    /// Use a Redis on another machine without TLS, or without a user and a password, because no other program reaches the network
    /// between. Records, and the password, are readable on the way.
    #[arg(long, env = "SENDSTORES_ALLOW_PLAINTEXT_REDIS")]
    pub allow_plaintext_redis: bool,
    /// Prefix of every key in Redis.
    #[arg(long, env = "SENDSTORES_REDIS_PREFIX", default_value = "sendstores")]
    pub redis_prefix: String,
    /// Durability that Redis must have: "always" (every change is on disk before it is acknowledged), "everysec" (a power
    /// loss can lose the last second), "unchecked" (the settings cannot be read; the operator is responsible), "dev" (none).
    #[arg(long, env = "SENDSTORES_REDIS_DURABILITY", default_value = "always")]
    pub redis_durability: String,
    /// Number of Redis replicas that must have a change before it is acknowledged, so that a failover does not lose it.
    #[arg(long, env = "SENDSTORES_REDIS_REPLICAS_ACKNOWLEDGE", default_value = "0")]
    pub redis_replicas_acknowledge: String,
    /// Number of changes that the log in Redis keeps. The last 8,192 are also in memory, for watches that resume.
    #[arg(long, env = "SENDSTORES_HISTORY", default_value = "100000")]
    pub history: String,
}

/// The same, checked.
#[derive(Debug)]
pub struct Redis {
    pub url: SecretString,
    pub ca: Option<PathBuf>,
    pub identity: Option<Identity>,
    pub allow_plaintext: bool,
    pub prefix: String,
    pub durability: Durability,
    pub replicas_acknowledge: u8,
    pub history: u64,
}

// === impl RedisArgs ===

impl RedisArgs {
    pub(super) fn check(self, problems: &mut Problems) -> Option<Redis> {
        let ca = problems.take("redis-ca", self.redis_ca.map(file).transpose());
        let cert = problems.take("redis-cert", self.redis_cert.map(file).transpose());
        let key = problems.take("redis-key", self.redis_key.map(file).transpose());
        let prefix = problems.take("redis-prefix", prefix(&self.redis_prefix));
        let durability = problems.take("redis-durability", durability(&self.redis_durability));
        let acknowledge = number(&self.redis_replicas_acknowledge, 0..=16);
        let replicas = problems.take("redis-replicas-acknowledge", acknowledge);
        let history = problems.take("history", number(&self.history, 1_000..=10_000_000));
        let (url, allow_plaintext) = (self.redis_url, self.allow_plaintext_redis);
        let config = RedisConfig { allow_plaintext, ..RedisConfig::new(url.clone()) };
        problems.take("redis-url", config.check_protection())?;
        Some(Redis {
            url,
            ca: ca?,
            identity: cert?.zip(key?).map(|(cert, key)| Identity { cert, key }),
            allow_plaintext,
            prefix: prefix?,
            durability: durability?,
            replicas_acknowledge: u8::try_from(replicas?).ok()?,
            history: history?,
        })
    }
}

// === impl Redis ===

impl Redis {
    /// As `name = value`, one a flag, without secrets.
    pub(super) fn print(&self) -> [(&'static str, String); 9] {
        let Self { url: _, ca, identity, allow_plaintext, prefix, durability, replicas_acknowledge, history } = self;
        let path = |path: Option<&PathBuf>, none: &str| {
            path.map_or_else(|| none.to_owned(), |path| path.display().to_string())
        };
        [
            ("redis-url", "[hidden]".to_owned()),
            ("redis-ca", path(ca.as_ref(), "[system]")),
            ("redis-cert", path(identity.as_ref().map(|identity| &identity.cert), "[none]")),
            ("redis-key", path(identity.as_ref().map(|identity| &identity.key), "[none]")),
            ("allow-plaintext-redis", allow_plaintext.to_string()),
            ("redis-prefix", prefix.clone()),
            ("redis-durability", durability_name(*durability).to_owned()),
            ("redis-replicas-acknowledge", replicas_acknowledge.to_string()),
            ("history", history.to_string()),
        ]
    }
}

fn prefix(text: &str) -> Result<String, String> {
    let ok = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
    ok.then(|| text.to_owned()).ok_or_else(|| "must be 1 to 64 letters, digits, '-', '_', '.' and ':'".to_owned())
}

const DURABILITIES: [Durability; 4] =
    [Durability::Always, Durability::AllowEverysec, Durability::TakeOperatorsWord, Durability::Dev];

/// The name as the flag has it.
fn durability_name(durability: Durability) -> &'static str {
    match durability {
        Durability::Always => "always",
        Durability::AllowEverysec => "everysec",
        Durability::TakeOperatorsWord => "unchecked",
        Durability::Dev => "dev",
    }
}

fn durability(text: &str) -> Result<Durability, String> {
    let found = DURABILITIES.into_iter().find(|durability| durability_name(*durability) == text);
    found.ok_or_else(|| format!("{text:?} is none of always, everysec, unchecked, dev"))
}
