//! Which server a command calls, and as whom.

use std::path::PathBuf;

use sendstores_client::{Builder, Client};

use crate::{
    args::{DEFAULT_SERVER, Global, SERVER_VARIABLE, TOKEN_FILE_VARIABLE, TOKEN_VARIABLE},
    config::{ConfigFile, Context},
    failure::{Exit, Failure},
};

pub(crate) const CONTEXT_VARIABLE: &str = "SENDSTORES_CONTEXT";

/// Which server a command calls, and as whom.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) server: String,
    /// What said so, for people.
    pub(crate) because: String,
    pub(crate) token: Token,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    allow_plaintext_token: bool,
}

/// Where the token is from.
#[derive(Debug)]
pub(crate) enum Token {
    None,
    /// A text, and what it is from.
    Text(crate::config::Secret, &'static str),
    File(PathBuf),
}

/// The variables of the environment that count; an empty one counts as none.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    pub(crate) server: Option<String>,
    pub(crate) context: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) token_file: Option<String>,
}

// === impl Environment ===

impl Environment {
    pub(crate) fn read() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            server: variable(SERVER_VARIABLE),
            context: variable(CONTEXT_VARIABLE),
            token: variable(TOKEN_VARIABLE),
            token_file: variable(TOKEN_FILE_VARIABLE),
        }
    }
}

// === impl Target ===

impl Target {
    /// What the command line says comes before the environment, and that before the file of contexts.
    pub(crate) fn find(global: &Global, environment: Environment, file: &ConfigFile) -> Result<Self, Failure> {
        let named = global.context.clone().or_else(|| match (&global.server, &environment.server) {
            (None, None) => environment.context.clone(),
            _ => None,
        });
        let config = file.load()?;
        let url = global.server.clone().or_else(|| environment.server.clone().filter(|_| named.is_none()));
        let (server, because, context) = match (named, url) {
            (Some(name), _) => {
                let context = config.context(&name)?.clone();
                (context.server.clone(), format!("context {name}"), Some(context))
            }
            // A token is for one server: the current context's goes to no other.
            (None, Some(url)) => {
                let because = if global.server.is_some() { "--server" } else { SERVER_VARIABLE };
                let current = config.current.as_ref().and_then(|name| config.contexts.get(name));
                let context = current.filter(|context| same(&context.server, &url)).cloned();
                (url, because.to_owned(), context)
            }
            (None, None) => match &config.current {
                Some(name) => {
                    let context = config.context(name)?.clone();
                    (context.server.clone(), format!("current context {name}"), Some(context))
                }
                None => (DEFAULT_SERVER.to_owned(), "default".to_owned(), None),
            },
        };
        let by_flag = global.context.is_some();
        let context = context.unwrap_or_default();
        Ok(Self {
            server,
            because,
            token: Token::find(global, environment, &context, by_flag),
            ca: global.tls.ca.clone().or(context.ca),
            cert: global.tls.cert.clone().or(context.cert),
            key: global.tls.key.clone().or(context.key),
            allow_plaintext_token: global.allow_plaintext_token || context.allow_plaintext_token,
        })
    }

    /// That of a context, and of nothing else.
    pub(crate) fn of(context: &Context) -> Self {
        let Context { server, ca, cert, key, allow_plaintext_token, .. } = context.clone();
        let token = Token::of(context).unwrap_or(Token::None);
        Self { server, because: "context".to_owned(), token, ca, cert, key, allow_plaintext_token }
    }

    /// A builder with the token and the certificates.
    pub(crate) fn builder(&self) -> Result<Builder, Failure> {
        let mut builder = match &self.token {
            Token::None => Client::builder(),
            Token::Text(token, _) => Client::builder().token(&token.0),
            Token::File(path) => Client::builder().token_file(path),
        };
        if self.allow_plaintext_token {
            builder = builder.allow_plaintext_token();
        }
        if let Some(path) = &self.ca {
            builder = builder.tls_ca(read(path)?);
        }
        match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Ok(builder.tls_identity(read(cert)?, read(key)?)),
            (None, None) => Ok(builder),
            (Some(_), None) | (None, Some(_)) => {
                Err(Failure::new(Exit::Failed, "a client certificate needs both --cert and --key"))
            }
        }
    }
}

fn read(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::new(Exit::Failed, format!("cannot read {}: {error}", path.display())))
}

/// Whether two addresses are one.
fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/').eq_ignore_ascii_case(other.trim_end_matches('/'))
}

// === impl Token ===

impl Token {
    fn of(context: &Context) -> Option<Self> {
        match (&context.token_file, &context.token) {
            (Some(path), _) => Some(Self::File(path.clone())),
            (None, Some(token)) => Some(Self::Text(token.clone(), "the context")),
            (None, None) => None,
        }
    }

    fn find(global: &Global, environment: Environment, context: &Context, context_by_flag: bool) -> Self {
        let of_context = Self::of(context);
        if let Some(path) = &global.token_file {
            return Self::File(path.clone());
        }
        // A context that the command line names is meant with its token.
        if context_by_flag && let Some(token) = of_context {
            return token;
        }
        match (environment.token, environment.token_file) {
            (Some(token), _) => Self::Text(crate::config::Secret(token), TOKEN_VARIABLE),
            (None, Some(path)) => Self::File(path.into()),
            (None, None) => of_context.unwrap_or(Self::None),
        }
    }

    /// What it is from, for people.
    pub(crate) fn source(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Text(_, from) => (*from).to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
