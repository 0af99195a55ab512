//! `sendstores context`.

use crate::{
    args::{ContextCommand, Global},
    config::{Config, ConfigFile, Context},
    failure::Failure,
    output, text,
};

pub(super) fn run(global: &Global, command: ContextCommand) -> Result<(), Failure> {
    let file = ConfigFile::of_user();
    if let ContextCommand::Use { name } | ContextCommand::Delete { name } = &command {
        // Before a file is made for nothing.
        file.load()?.context(name)?;
    }
    match command {
        ContextCommand::List => list(global, &file.load()?),
        ContextCommand::Use { name } => {
            file.change(|config| {
                config.context(&name)?;
                config.current = Some(name.clone());
                Ok(())
            })?;
            report(global, "current", &name, "is the current context")
        }
        ContextCommand::Delete { name } => {
            file.change(|config| {
                config.context(&name)?;
                config.contexts.remove(&name);
                config.current.take_if(|current| *current == name);
                Ok(())
            })?;
            report(global, "removed", &name, "is removed; its token is still valid")
        }
    }
}

/// What was done to a context.
fn report(global: &Global, done: &str, name: &str, text: &str) -> Result<(), Failure> {
    if global.json {
        return output::print(&serde_json::json!({ done: name }).to_string());
    }
    output::print(&format!("the context {} {text}", text::line(name)))
}

fn list(global: &Global, config: &Config) -> Result<(), Failure> {
    let is_current = |name: &str| config.current.as_deref() == Some(name);
    if global.json {
        let shown = |(name, context): (&String, &Context)| {
            serde_json::json!({
                "name": name, "current": is_current(name), "server": context.server, "token": token(context),
            })
        };
        let contexts: Vec<_> = config.contexts.iter().map(shown).collect();
        return output::print(&format!("{:#}", serde_json::Value::from(contexts)));
    }
    if config.contexts.is_empty() {
        output::note("no contexts; `sendstores login --server URL` makes one");
        return Ok(());
    }
    let row = |(name, context): (&String, &Context)| {
        let mark = if is_current(name) { '*' } else { ' ' };
        text::line(&format!("{mark} {name:<16} {:<40} {}", context.server, token(context))).trim_end().to_owned()
    };
    output::print(&config.contexts.iter().map(row).collect::<Vec<_>>().join("\n"))
}

/// Where the token is, and never the token.
fn token(context: &Context) -> String {
    match (&context.token_file, &context.token) {
        (Some(path), _) => format!("token in {}", path.display()),
        (None, Some(_)) => "token kept here".to_owned(),
        (None, None) => "no token".to_owned(),
    }
}
