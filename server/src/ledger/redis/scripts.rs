//! The scripts: one for each kind of write, each all or nothing.

use fred::{
    clients::{Client, WithOptions},
    error::Error,
    interfaces::LuaInterface,
    types::{Value, scripts::Script},
};

/// All scripts, with their digests.
pub(super) struct Scripts {
    pub(super) begin: Script,
    pub(super) write: Script,
    pub(super) recall: Script,
    pub(super) load: Script,
    pub(super) scan: Script,
    pub(super) log: Script,
    pub(super) claim: Script,
    pub(super) release: Script,
    pub(super) sweep: Script,
    pub(super) doubt: Script,
    pub(super) adopt: Script,
}

/// A script that first makes sure of the history.
macro_rules! within_history {
    ($file:literal) => {
        Script::from_lua(concat!(include_str!("scripts/prelude.lua"), include_str!($file)))
    };
}

// === impl Scripts ===

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            begin: Script::from_lua(concat!(include_str!("scripts/head.lua"), include_str!("scripts/begin.lua"))),
            write: within_history!("scripts/write.lua"),
            recall: within_history!("scripts/recall.lua"),
            load: within_history!("scripts/load.lua"),
            scan: within_history!("scripts/scan.lua"),
            log: within_history!("scripts/log.lua"),
            claim: within_history!("scripts/claim.lua"),
            release: within_history!("scripts/release.lua"),
            sweep: within_history!("scripts/sweep.lua"),
            doubt: Script::from_lua(concat!(include_str!("scripts/head.lua"), include_str!("scripts/doubt.lua"))),
            adopt: Script::from_lua(include_str!("scripts/adopt.lua")),
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
