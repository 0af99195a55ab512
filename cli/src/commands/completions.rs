//! `sendstores completions`: the script of a shell, which asks this program for the ids and the contexts there are.

use std::time::Duration;

use clap::CommandFactory;
use clap_complete::Shell;
use futures::TryStreamExt;
use sendstores_client::{ListStores, StoreFilter};

use crate::{
    args::{Cli, Global, Values},
    config::ConfigFile,
    failure::Failure,
    output,
};

use super::connect;

/// Who presses the tab key waits no longer.
const LIMIT: Duration = Duration::from_secs(2);

const BASH: &str = include_str!("completions/values.bash");
const ZSH: &str = include_str!("completions/values.zsh");
const FISH: &str = include_str!("completions/values.fish");

pub(super) fn script(shell: Shell) -> Result<(), Failure> {
    output::print(&with_values(shell, &generated(shell)))
}

/// Prints the values that a script asks for, and nothing of what goes wrong.
pub(super) async fn values(what: Values, words: &[String]) -> Result<(), Failure> {
    let values = match what {
        Values::Contexts => ConfigFile::of_user().load().map(|config| config.contexts.into_keys().collect()),
        Values::Ids => ids(&global(words)).await,
    };
    match values.unwrap_or_default() {
        // Nothing is no line.
        values if values.is_empty() => Ok(()),
        values => output::print(&values.join("\n")),
    }
}

async fn ids(global: &Global) -> Result<Vec<String>, Failure> {
    let client = connect(global).await?;
    let stores = client.list_all(ListStores::new(StoreFilter::default()).stale(true));
    match tokio::time::timeout(LIMIT, stores.map_ok(|store| store.id).try_collect()).await {
        Ok(ids) => Ok(ids?),
        Err(_) => Ok(Vec::new()),
    }
}

/// Which server the unfinished command line means. Its other words need not be right yet.
fn global(words: &[String]) -> Global {
    let mut global = Global { timeout: LIMIT, json: true, ..Global::default() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let mut value = || value.clone().or_else(|| words.next().cloned());
        match flag {
            "--server" => global.server = value(),
            "--context" => global.context = value(),
            "--token-file" => global.token_file = value().map(Into::into),
            "--ca" => global.tls.ca = value().map(Into::into),
            "--cert" => global.tls.cert = value().map(Into::into),
            "--key" => global.tls.key = value().map(Into::into),
            "--allow-plaintext-token" => global.allow_plaintext_token = true,
            _ => {}
        }
    }
    global
}

/// By way of memory: the generator panics when a pipe closes.
fn generated(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sendstores", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The script with the values of this program in the places where the generator has files.
fn with_values(shell: Shell, script: &str) -> String {
    match shell {
        Shell::Bash => {
            format!("{BASH}\n{}", script.replace("complete -F _sendstores ", "complete -F _sendstores_or_values "))
        }
        Shell::Fish => format!("{script}\n{FISH}"),
        Shell::Zsh => {
            let script = script
                .replace(":id -- Id of the store:_default'", ":id -- Id of the store:_sendstores_ids'")
                .replace(
                    "Only stores with these ids. Default\\: all:_default'",
                    "Only stores with these ids:_sendstores_ids'",
                )
                .replace(
                    "':name -- Name of the context:_default'",
                    "':name -- Name of the context:_sendstores_contexts'",
                )
                .replace("else the current one]:NAME:_default'", "else the current one]:NAME:_sendstores_contexts'");
            // After the line that says what the script is for, which must be the first.
            match script.split_once('\n') {
                Some((first, rest)) => format!("{first}\n{ZSH}{rest}"),
                None => script,
            }
        }
        _ => script.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_ask_for_values_where_there_are_some() {
        let bash = with_values(Shell::Bash, &generated(Shell::Bash));
        assert!(!bash.contains("complete -F _sendstores ") && bash.contains("complete -F _sendstores_or_values "));
        let zsh = with_values(Shell::Zsh, &generated(Shell::Zsh));
        assert!(zsh.starts_with("#compdef sendstores\n"), "{}", &zsh[..60]);
        assert_eq!(zsh.matches(":_sendstores_ids'").count(), 10, "every command of one store, and watch");
        assert!(zsh.matches("NAME:_sendstores_contexts'").count() > 9, "--context of every verb");
        assert_eq!(zsh.matches("context:_sendstores_contexts'").count(), 2, "use and delete");
        assert!(with_values(Shell::Fish, &generated(Shell::Fish)).contains("__sendstores_values ids"));
    }

    #[test]
    fn the_server_of_an_unfinished_line_is_found() {
        let words = "--context prod get --ca=/ca.pem --wait-timeout".split_whitespace().map(str::to_owned);
        let global = global(&words.collect::<Vec<_>>());
        assert_eq!(global.context.as_deref(), Some("prod"));
        assert_eq!(global.tls.ca.as_deref(), Some(std::path::Path::new("/ca.pem")));
        assert_eq!(global.server, None);
    }
}
