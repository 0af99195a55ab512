//! `sendstores login`.

use std::{
    io::{IsTerminal, stdin},
    path::{Path, PathBuf},
};

use sendstores_client::v1::Principal;

use crate::{
    args::{Global, LoginArgs},
    config::{ConfigFile, Context, Secret},
    failure::{Exit, Failure},
    json, output,
    target::{Environment, Target},
    text,
};

use super::connect_to;

pub(super) async fn run(global: &Global, args: LoginArgs) -> Result<(), Failure> {
    let LoginArgs { name, no_token } = args;
    let file = ConfigFile::of_user();
    let known = file.load()?.contexts.get(&name).cloned();
    let server = server(global, known.as_ref(), &name)?;
    let token = if no_token || global.token_file.is_some() { None } else { Some(Secret(ask(&server)?)) };
    let mut context = known.filter(|known| known.server == server).unwrap_or_default();
    context.server = server;
    (context.token, context.token_file) = (token, absolute(global.token_file.as_deref())?);
    for (kept, given) in
        [(&mut context.ca, &global.tls.ca), (&mut context.cert, &global.tls.cert), (&mut context.key, &global.tls.key)]
    {
        if given.is_some() {
            *kept = absolute(given.as_deref())?;
        }
    }
    context.allow_plaintext_token |= global.allow_plaintext_token;
    let principal = tried(global, &context).await?;
    file.change(|config| {
        config.contexts.insert(name.clone(), context.clone());
        config.current = Some(name.clone());
        Ok(())
    })?;
    if global.json {
        let config = file.path().display().to_string();
        let kept = serde_json::json!({
            "context": name, "server": context.server, "config": config, "principal": json::value(&principal)?,
        });
        return output::print(&format!("{kept:#}"));
    }
    output::print(&summary(&name, &context, &principal, &file))
}

/// What the command line or the environment says, else the server that the context has.
fn server(global: &Global, known: Option<&Context>, name: &str) -> Result<String, Failure> {
    let given = global.server.clone().or_else(|| known.is_none().then(|| Environment::read().server).flatten());
    given.or_else(|| known.map(|known| known.server.clone())).ok_or_else(|| {
        let message = format!("the context {name} is new, and needs the address of its server");
        Failure::new(Exit::Failed, message).hint("give it with --server URL")
    })
}

/// The token, from a terminal that does not show it, or from a pipe.
fn ask(server: &str) -> Result<String, Failure> {
    let cannot = |error| Failure::new(Exit::Failed, format!("cannot read the token: {error}"));
    let token = if stdin().is_terminal() {
        rpassword::prompt_password(format!("Token for {}: ", text::line(server))).map_err(cannot)?
    } else {
        let mut line = String::new();
        stdin().read_line(&mut line).map_err(cannot)?;
        line
    };
    match token.trim() {
        "" => Err(Failure::new(Exit::Failed, "there is no token on the standard input")
            .hint("an operator makes one with `sendstores-server token create`; --no-token keeps none")),
        token => Ok(token.to_owned()),
    }
}

/// The next command may run in another folder.
fn absolute(path: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    let cannot = |error| Failure::new(Exit::Failed, format!("cannot find the folder of a file: {error}"));
    path.map(std::path::absolute).transpose().map_err(cannot)
}

/// Who the caller is, so that nothing is kept that does not work.
async fn tried(global: &Global, context: &Context) -> Result<Principal, Failure> {
    let target = Target::of(context);
    Ok(connect_to(global, &target).await?.principal().await?)
}

fn summary(name: &str, context: &Context, principal: &Principal, file: &ConfigFile) -> String {
    let until = principal.expire_time.map(|at| format!(", until {}", text::time(Some(at)))).unwrap_or_default();
    let who = if principal.name.is_empty() { "everybody".to_owned() } else { text::line(&principal.name) };
    format!(
        "logged in to {} as {who} ({}){until}\nkept as context {name} in {}",
        text::line(&context.server),
        text::line(&principal.role),
        file.path().display()
    )
}
