//! The scripts: one for each kind of write, each all or nothing.

use std::time::Duration;

use fred::{
    clients::{Client, Pipeline, WithOptions},
    error::{Error, ErrorKind},
    interfaces::{ClientLike, LuaInterface},
    types::{ClusterHash, CustomCommand, Value, scripts::Script},
    util::redis_keyslot,
};

use super::meter::{Meter, Metered};

/// All scripts, with their digests.
pub(super) struct Scripts {
    pub(super) begin: Metered,
    pub(super) write: Metered,
    pub(super) recall: Metered,
    pub(super) missing: Metered,
    pub(super) load: Metered,
    pub(super) scan: Metered,
    pub(super) log: Metered,
    pub(super) claim: Metered,
    pub(super) renew: Metered,
    pub(super) release: Metered,
    pub(super) rest: Metered,
    pub(super) announce: Metered,
    pub(super) sweep: Metered,
    pub(super) doubt: Metered,
    pub(super) adopt: Metered,
    pub(super) cluster: Metered,
    pub(super) check: Metered,
    pub(super) audit: Metered,
    pub(super) used: Metered,
    /// No scripts: the question for the last revision, and the read that waits for a change.
    pub(super) revision: Meter,
    pub(super) follow: Meter,
}

/// How many replicas are waited for, and how long.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    pub(super) replicas: u64,
    pub(super) patience: Duration,
}

/// The text of a script that first makes sure of the history.
macro_rules! text_within_history {
    ($($file:literal),+) => {
        concat!(include_str!("scripts/prelude.lua"), $(include_str!($file)),+)
    };
}

/// A script that first makes sure of the history.
macro_rules! within_history {
    ($name:literal, $($file:literal),+) => {
        Metered::new($name, Script::from_lua(text_within_history!($($file),+)))
    };
}

/// The script behind [`Ledger::write`](sendstores_core::ledger::Ledger::write), for a measurement of what Redis can do with
/// it alone. Its keys and arguments are described at the head of `scripts/write.lua`.
pub const WRITE_SCRIPT: &str = text_within_history!("scripts/synced.lua", "scripts/counts.lua", "scripts/write.lua");

// === impl Scripts ===

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            begin: Metered::new(
                "begin",
                Script::from_lua(concat!(include_str!("scripts/head.lua"), include_str!("scripts/begin.lua"))),
            ),
            write: Metered::new("write", Script::from_lua(WRITE_SCRIPT)),
            recall: within_history!("recall", "scripts/synced.lua", "scripts/recall.lua"),
            missing: within_history!("missing", "scripts/synced.lua", "scripts/missing.lua"),
            load: within_history!("load", "scripts/load.lua"),
            scan: within_history!("scan", "scripts/scan.lua"),
            log: within_history!("log", "scripts/log.lua"),
            claim: within_history!("claim", "scripts/claim.lua"),
            renew: within_history!("renew", "scripts/renew.lua"),
            release: within_history!("release", "scripts/release.lua"),
            rest: within_history!("rest", "scripts/rest.lua"),
            announce: within_history!("announce", "scripts/announce.lua"),
            sweep: within_history!("sweep", "scripts/sweep.lua"),
            doubt: Metered::new(
                "doubt",
                Script::from_lua(concat!(include_str!("scripts/head.lua"), include_str!("scripts/doubt.lua"))),
            ),
            adopt: Metered::new("adopt", Script::from_lua(include_str!("scripts/adopt.lua"))),
            cluster: within_history!("cluster", "scripts/cluster.lua"),
            check: within_history!("check", "scripts/check.lua"),
            audit: within_history!("audit", "scripts/audit.lua"),
            used: within_history!("used", "scripts/used.lua"),
            revision: Meter::new("revision"),
            follow: Meter::new("follow"),
        }
    }
}

/// Runs `script` by its digest; by its text when the server does not know it yet, which is after each restart.
pub(super) async fn run(
    client: WithOptions<Client>,
    script: &Script,
    keys: Vec<String>,
    args: Vec<Value>,
) -> Result<Value, Error> {
    match client.evalsha(script.sha1().clone(), keys.clone(), args.clone()).await {
        Err(error) if error.details().starts_with("NOSCRIPT") => {
            client.eval(script.lua().cloned().unwrap_or_default(), keys, args).await
        }
        answered => answered,
    }
}

/// As [`run`], with WAIT after it on the same connection: the answer, and how many replicas have what was done.
pub(super) async fn run_and_wait(
    client: WithOptions<Client>,
    script: &Script,
    keys: &[String],
    args: &[Value],
    wait: Wait,
) -> Result<(Value, Value), Error> {
    let digest = ("EVALSHA", script.sha1().to_string());
    match one_piece(client.clone(), digest, keys, args, wait).await {
        Err(error) if error.details().starts_with("NOSCRIPT") => {
            let text = ("EVAL", script.lua().map(ToString::to_string).unwrap_or_default());
            one_piece(client, text, keys, args, wait).await
        }
        answered => answered,
    }
}

/// Sends a script and WAIT in one piece.
async fn one_piece(
    client: WithOptions<Client>,
    (verb, script): (&'static str, String),
    keys: &[String],
    args: &[Value],
    wait: Wait,
) -> Result<(Value, Value), Error> {
    let pipeline = Pipeline::from(client);
    // Both to the server that has the keys, if there are several.
    let place = ClusterHash::Custom(redis_keyslot(keys.first().map_or(&[], |key| key.as_bytes())));
    let mut words: Vec<Value> = vec![script.into(), keys.len().to_string().into()];
    words.extend(keys.iter().map(|key| Value::from(key.as_str())));
    words.extend(args.iter().cloned());
    let _: Value = pipeline.custom(CustomCommand::new_static(verb, place.clone(), false), words).await?;
    // Redis takes 0 for ever.
    let words = vec![wait.replicas.to_string(), wait.patience.as_millis().max(1).to_string()];
    let _: Value = pipeline.custom(CustomCommand::new_static("WAIT", place, false), words).await?;
    let mut answers = pipeline.try_all::<Value>().await.into_iter();
    let mut next = || answers.next().unwrap_or_else(|| Err(Error::new(ErrorKind::Protocol, "an answer is missing")));
    Ok((next()?, next()?))
}
