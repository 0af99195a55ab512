//! The scripts: one for each kind of write, each all or nothing.

use std::time::Duration;

use fred::{
    clients::{Client, Pipeline, WithOptions},
    error::{Error, ErrorKind},
    interfaces::{ClientLike, LuaInterface},
    types::{ClusterHash, CustomCommand, Value, scripts::Script},
    util::redis_keyslot,
};

/// All scripts, with their digests.
pub(super) struct Scripts {
    pub(super) begin: Script,
    pub(super) write: Script,
    pub(super) recall: Script,
    pub(super) missing: Script,
    pub(super) load: Script,
    pub(super) scan: Script,
    pub(super) log: Script,
    pub(super) claim: Script,
    pub(super) renew: Script,
    pub(super) release: Script,
    pub(super) rest: Script,
    pub(super) announce: Script,
    pub(super) sweep: Script,
    pub(super) doubt: Script,
    pub(super) adopt: Script,
    pub(super) cluster: Script,
    pub(super) check: Script,
    pub(super) audit: Script,
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
    ($($file:literal),+) => {
        Script::from_lua(text_within_history!($($file),+))
    };
}

/// The script behind [`Ledger::write`](sendstores_core::ledger::Ledger::write), for a measurement of what Redis can do with
/// it alone. Its keys and arguments are described at the head of `scripts/write.lua`.
pub const WRITE_SCRIPT: &str = text_within_history!("scripts/synced.lua", "scripts/counts.lua", "scripts/write.lua");

// === impl Scripts ===

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            begin: Script::from_lua(concat!(include_str!("scripts/head.lua"), include_str!("scripts/begin.lua"))),
            write: Script::from_lua(WRITE_SCRIPT),
            recall: within_history!("scripts/synced.lua", "scripts/recall.lua"),
            missing: within_history!("scripts/synced.lua", "scripts/missing.lua"),
            load: within_history!("scripts/load.lua"),
            scan: within_history!("scripts/scan.lua"),
            log: within_history!("scripts/log.lua"),
            claim: within_history!("scripts/claim.lua"),
            renew: within_history!("scripts/renew.lua"),
            release: within_history!("scripts/release.lua"),
            rest: within_history!("scripts/rest.lua"),
            announce: within_history!("scripts/announce.lua"),
            sweep: within_history!("scripts/sweep.lua"),
            doubt: Script::from_lua(concat!(include_str!("scripts/head.lua"), include_str!("scripts/doubt.lua"))),
            adopt: Script::from_lua(include_str!("scripts/adopt.lua")),
            cluster: within_history!("scripts/cluster.lua"),
            check: within_history!("scripts/check.lua"),
            audit: within_history!("scripts/audit.lua"),
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
