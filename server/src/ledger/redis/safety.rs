//! Whether this Redis may hold the only copy of the truth.

use std::time::Duration;

use sendstores_core::ledger::LedgerError;

use super::{
    commands,
    config::{Durability, RedisConfig},
    connection::{Connection, Repeat},
    keys::Keys,
};

/// One setting, and the values with which nothing acknowledged is lost.
struct Rule {
    setting: &'static str,
    safe: &'static [&'static str],
}

const APPENDFSYNC: &str = "appendfsync";

/// With it, Redis 7.0 starts on a log that ends within a transaction and leaves the beginning of that in the file, to swallow
/// part of the next one at the start after that. It is the default, and harmless until the power is lost or Redis is killed
/// within a write.
const TORN: &str = "aof-load-truncated";

const TORN_ADVICE: &str = "aof-load-truncated is yes: set it to no and run redis-check-aof --fix before each start, or run \
                           BGREWRITEAOF when Redis has started after a power loss or a kill";

const REPLAY_ADVICE: &str = "a restart would lose every record, because Redis reads its append-only file as the user default, \
                             who has no right to write it: ACL SETUSER default off ~* &* +@all (it stays unable to log in)";

const EVERYSEC: &str = "appendfsync is everysec: a power loss may take what was acknowledged in the last seconds";

const RULES: [Rule; 4] = [
    Rule { setting: "appendonly", safe: &["yes"] },
    Rule { setting: APPENDFSYNC, safe: &["always"] },
    // Else nothing is synced while the log is rewritten.
    Rule { setting: "no-appendfsync-on-rewrite", safe: &["no"] },
    // Else records are thrown away when memory is short.
    Rule { setting: "maxmemory-policy", safe: &["noeviction"] },
];

/// Refuses a Redis that is not what the URL says, or not set up as `durability` asks, naming all that is wrong with it. Returns
/// what an operator should know of one that is taken.
pub(super) async fn check(connection: &Connection, config: &RedisConfig) -> Result<Vec<String>, LedgerError> {
    let durability = config.durability;
    if !config.is_of_cluster() && is_cluster(connection).await? {
        // It would work until the first slot moves to another node.
        return Err(LedgerError::Unsafe("this is a Redis Cluster: use redis-cluster:// in the URL".to_owned()));
    }
    if durability == Durability::Dev {
        return Ok(Vec::new());
    }
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    for rule in &RULES {
        let read = connection.call(Repeat::Safe, Duration::ZERO, |client| commands::config_get(client, rule.setting));
        match read.await {
            Ok(Some(value)) if rule.is_lenient(&value, durability) => warnings.push(EVERYSEC.to_owned()),
            Ok(Some(value)) => problems.extend(rule.problem(&value)),
            Ok(None) => {}
            Err(LedgerError::Unavailable(why)) => return Err(LedgerError::Unavailable(why)),
            Err(refused) if durability == Durability::TakeOperatorsWord => {
                let why = "the settings of Redis cannot be read, the operator vouches for its durability";
                return Ok(vec![format!("{why} ({refused})")]);
            }
            Err(refused) => {
                let why = format!("its settings cannot be read, so that an operator has to vouch for them ({refused})");
                return Err(LedgerError::Unsafe(why));
            }
        }
    }
    if durability != Durability::TakeOperatorsWord {
        problems.extend(replay_problem(connection, config).await?);
    }
    let torn = connection.call(Repeat::Safe, Duration::ZERO, |client| commands::config_get(client, TORN)).await;
    if matches!(torn.as_ref().map(Option::as_deref), Ok(Some("yes"))) {
        warnings.push(TORN_ADVICE.to_owned());
    }
    if problems.is_empty() { Ok(warnings) } else { Err(LedgerError::Unsafe(problems.join("; "))) }
}

/// Redis reads its append-only file as the user `default`, whether or not that may log in. It passes over what that user may not do,
/// and has then lost it (redis#14541). A Redis that does not say what its users may do is taken at its word.
async fn replay_problem(connection: &Connection, config: &RedisConfig) -> Result<Option<String>, LedgerError> {
    let keys = Keys::new(&config.prefix);
    for command in [&["MULTI"][..], &["HSET", &keys.meta, "field", "value"]] {
        let asked = |client| commands::acl_dryrun(client, "default", command);
        match connection.call(Repeat::Safe, Duration::ZERO, asked).await {
            Ok(said) if said != "OK" => return Ok(Some(format!("{REPLAY_ADVICE} ({said})"))),
            Err(LedgerError::Unavailable(why)) => return Err(LedgerError::Unavailable(why)),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(None)
}

/// Whether the server is one of a cluster, as far as it says so.
async fn is_cluster(connection: &Connection) -> Result<bool, LedgerError> {
    let asked = |client| commands::config_get(client, "cluster-enabled");
    match connection.call(Repeat::Safe, Duration::ZERO, asked).await {
        Ok(enabled) => Ok(enabled.as_deref() == Some("yes")),
        Err(LedgerError::Unavailable(why)) => Err(LedgerError::Unavailable(why)),
        // A user who may not ask; a cluster then shows by its first MOVED.
        Err(_) => Ok(false),
    }
}

// === impl Rule ===

impl Rule {
    /// Whether the operator allows a value that is not safe.
    fn is_lenient(&self, value: &str, durability: Durability) -> bool {
        durability == Durability::AllowEverysec && self.setting == APPENDFSYNC && value == "everysec"
    }

    fn problem(&self, value: &str) -> Option<String> {
        let wanted = self.safe.join(" or ");
        (!self.safe.contains(&value)).then(|| format!("{} is {value} and must be {wanted}", self.setting))
    }
}
