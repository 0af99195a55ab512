//! Why no sentinel names the primary. fred tries them one after the other and does not say what each answered.

use fred::{
    prelude::ClientLike,
    types::{
        Builder,
        config::{Config, ServerConfig},
    },
};
use sendstores_core::ledger::LedgerError;
use tokio::time::timeout;

use super::{config::RedisConfig, fault::Fault};

/// The refusal of the credentials that the URL has for sentinels, if one of them refuses these.
pub(super) async fn refusal(config: &RedisConfig) -> Option<LedgerError> {
    let found = config.server().ok()?;
    let ServerConfig::Sentinel { hosts, username, password, .. } = found.server else { return None };
    for host in hosts {
        let name = host.to_string();
        let alone = Config {
            server: ServerConfig::Centralized { server: host },
            username: username.clone(),
            password: password.clone(),
            tls: found.tls.clone(),
            ..Config::default()
        };
        let Ok(client) = Builder::from_config(alone).build() else { continue };
        let answer = timeout(config.command_timeout, client.init()).await;
        if let Ok(Err(error)) = answer
            && let LedgerError::Unsafe(why) = Fault::from(error).error
        {
            return Some(LedgerError::Unsafe(format!(
                "the sentinel {name} refuses sentinelUsername or sentinelPassword of the URL: {why}"
            )));
        }
        drop(client);
    }
    None
}
