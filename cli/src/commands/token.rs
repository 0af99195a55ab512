//! `sendstores token`.

use std::time::SystemTime;

use comfy_table::{Table, presets};
use futures::TryStreamExt;
use sendstores_client::v1::{Token, TokenServiceListResponse};

use crate::{
    args::{CreateTokenArgs, Global, TokenCommand},
    failure::{Exit, Failure},
    output, text,
};

use super::connect;

pub(super) async fn run(global: &Global, command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(args) => create(global, args).await,
        TokenCommand::List => list(global).await,
        TokenCommand::Revoke { id } => revoke(global, id).await,
    }
}

async fn create(global: &Global, args: CreateTokenArgs) -> Result<(), Failure> {
    let made = connect(global).await?.create_token(args.into_request()).await?;
    let token = made.token.clone().unwrap_or_default();
    if made.text.is_empty() {
        let why =
            format!("token {} was made by an earlier call with this request id, and its text was shown then", token.id);
        let hint =
            format!("if its text is lost, `sendstores token revoke {}`, then make another", text::line(&token.id));
        return Err(Failure::new(Exit::Failed, why).hint(hint));
    }
    if global.json {
        return output::document(&made);
    }
    // The text alone on stdout, for a script that keeps it.
    output::note(&text::line(&format!(
        "token {} ({}, role {}): keep it, it is not shown again",
        token.id, token.name, token.role
    )));
    output::print(&text::line(&made.text))
}

async fn list(global: &Global) -> Result<(), Failure> {
    let tokens: Vec<Token> = connect(global).await?.list_tokens().try_collect().await?;
    if global.json {
        return output::document(&TokenServiceListResponse { tokens, next_page_token: String::new() });
    }
    output::print(&table(&tokens, SystemTime::now()))
}

async fn revoke(global: &Global, id: String) -> Result<(), Failure> {
    let token = connect(global).await?.revoke_token(id).await.map_err(|error| {
        let missing = error.reason() == Some("TOKEN_NOT_FOUND");
        let failure = Failure::from(error);
        if missing { failure.hint("`sendstores token list` shows the tokens there are") } else { failure }
    })?;
    if global.json {
        return output::document(&token);
    }
    output::print(&text::line(&format!("token {} ({}) is revoked", token.id, token.name)))
}

fn table(tokens: &[Token], now: SystemTime) -> String {
    let mut table = Table::new();
    let head = ["ID", "NAME", "ROLE", "TENANTS", "ABILITIES", "CREATOR", "CREATED", "LAST USED", "EXPIRES", "STATE"];
    table.load_style(presets::NOTHING).set_header(head);
    for token in tokens {
        let list = |all: &[String], none: &str| if all.is_empty() { none.to_owned() } else { all.join(",") };
        let cells = [
            token.id.clone(),
            token.name.clone(),
            token.role.clone(),
            list(&token.tenants, "all"),
            list(&token.abilities, "-"),
            token.creator.clone(),
            text::time(token.create_time),
            token.last_use_time.map_or_else(|| "-".to_owned(), |at| text::time(Some(at))),
            token.expire_time.map_or_else(|| "never".to_owned(), |at| text::time(Some(at))),
            state(token, now).to_owned(),
        ];
        table.add_row(cells.map(|cell| text::line(&cell)));
    }
    table.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

fn state(token: &Token, now: SystemTime) -> &'static str {
    let expired = token.expire_time.and_then(text::system_time).is_some_and(|end| end <= now);
    match token.revoke_time {
        Some(_) => "revoked",
        None if expired => "expired",
        None => "valid",
    }
}

#[cfg(test)]
mod tests {
    use sendstores_client::Timestamp;

    use super::*;

    #[test]
    fn tokens_are_listed_with_what_has_become_of_them() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let token = |id: &str, expire_time, revoke_time| Token {
            id: id.to_owned(),
            name: "ci\n".to_owned(),
            role: "reader".to_owned(),
            creator: "command".to_owned(),
            create_time: at(0),
            expire_time,
            revoke_time,
            ..Token::default()
        };
        let tokens = [token("a", None, None), token("b", at(50), None), token("c", at(150), at(60))];
        let table = table(&tokens, SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(100));
        let states: Vec<_> = table.lines().filter_map(|line| line.split_whitespace().last()).collect();
        assert_eq!(states, ["STATE", "valid", "expired", "revoked"], "{table}");
        assert!(table.contains("all") && table.contains("never"), "{table}");
    }
}
