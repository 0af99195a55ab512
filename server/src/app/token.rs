//! `sendstores-server token`: makes, lists and revokes tokens in the ledger.

use std::time::SystemTime;

use sendstores_core::{
    Permission, Scope, Timestamp, Token, TokenId,
    ledger::{Expected, Ledger, LedgerError, Scan, Write},
    token::{self, TokenText},
};

use super::build;
use crate::{
    args::{Config, NewToken, TokenCommand},
    auth,
    ledger::RedisLedger,
    supervise::TaskError,
};

/// Who makes a token by this command.
const CREATOR: &str = "command";
/// How often a token is revoked against other changes of it.
const ATTEMPTS: usize = 5;

pub(super) async fn run(config: &Config, command: TokenCommand) -> Result<(), TaskError> {
    match command {
        TokenCommand::Create(args) => {
            let for_file = args.for_file;
            let (text, token) = make(args.check()?);
            if for_file {
                print!("{}\n{}", text.expose(), file_entry(&token));
                return Ok(());
            }
            let ledger = RedisLedger::connect(build::redis(config)).await?;
            let token = create(&ledger, token).await?;
            // The text alone on stdout, for a script that keeps it.
            eprintln!("token {} ({}, role {}): keep it, it is not shown again", token.id, token.name, token.role);
            println!("{}", text.expose());
        }
        TokenCommand::List => {
            let ledger = RedisLedger::connect(build::redis(config)).await?;
            print!("{}", list(ledger.scan().await?, SystemTime::now().into()));
        }
        TokenCommand::Revoke { id } => {
            let ledger = RedisLedger::connect(build::redis(config)).await?;
            let token = revoke(&ledger, &id).await?;
            eprintln!("token {} ({}) is revoked", token.id, token.name);
        }
    }
    Ok(())
}

fn make(new: NewToken) -> (TokenText, Token) {
    let NewToken { name, role, scope, abilities, life } = new;
    let (text, now) = (auth::generate(), Timestamp::from(SystemTime::now()));
    let new = token::NewToken {
        id: text.id(),
        name,
        digest: auth::digest(&text),
        role,
        scope,
        abilities,
        creator: CREATOR.to_owned(),
        expire_time: life.map(|life| now.after(life)),
    };
    (text, Token::new(new, now))
}

async fn create<L: Ledger>(ledger: &L, token: Token) -> Result<Token, LedgerError> {
    let write = Write { resource: token, expected: Expected::Vacant, fence: None, operation: None };
    Ok(ledger.write(write).await?.into_resource())
}

async fn revoke<L: Ledger>(ledger: &L, id: &TokenId) -> Result<Token, TaskError> {
    for _ in 0..ATTEMPTS {
        let Some(token) = ledger.load(id).await? else { return Err(format!("there is no token {id}").into()) };
        if token.revoke_time.is_some() {
            return Ok(token);
        }
        let (resource, expected) = (token.revoked(SystemTime::now().into()), Expected::Revision(token.revision));
        match ledger.write(Write { resource, expected, fence: None, operation: None }).await {
            Err(LedgerError::Conflict(_)) => {}
            written => return Ok(written?.into_resource()),
        }
    }
    Err(format!("token {id} keeps changing; try again").into())
}

/// The entry of a credentials file.
fn file_entry(token: &Token) -> String {
    let Token { name, digest, role, scope, abilities, expire_time, .. } = token;
    let mut text = format!("  - name: {name}\n    role: {role}\n    sha256: {digest}\n");
    if !scope.is_all() {
        text += &format!("    tenants: [{}]\n", tenants(scope, ", "));
    }
    if let Some(abilities) = abilities {
        let names: Vec<_> = abilities.iter().map(|ability| ability.as_str()).collect();
        text += &format!("    abilities: [{}]\n", names.join(", "));
    }
    if let Some(end) = expire_time {
        text += &format!("    expires: {}\n", time(*end));
    }
    text
}

fn list(tokens: Scan<Token>, now: Timestamp) -> String {
    let Scan { resources: mut tokens, unreadable } = tokens;
    tokens.sort_by_key(|token| (token.create_time, token.id.clone()));
    let head = ["ID", "NAME", "ROLE", "TENANTS", "ABILITIES", "CREATED", "EXPIRES", "STATE"].map(str::to_owned);
    let rows: Vec<[String; 8]> = std::iter::once(head).chain(tokens.iter().map(|token| row(token, now))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 8] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text += &format!("{}\n", cells.join("  ").trim_end());
    }
    for unreadable in unreadable {
        text += &format!("{unreadable}\n");
    }
    text
}

fn row(token: &Token, now: Timestamp) -> [String; 8] {
    let names =
        |all: &std::collections::BTreeSet<Permission>| all.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(",");
    let state = match token.principal(now) {
        Ok(_) => "valid",
        Err(token::TokenRefusal::Expired) => "expired",
        Err(token::TokenRefusal::Revoked) => "revoked",
    };
    [
        token.id.to_string(),
        token.name.to_string(),
        token.role.to_string(),
        if token.scope.is_all() { "all".to_owned() } else { tenants(&token.scope, ",") },
        token.abilities.as_ref().map_or_else(|| "-".to_owned(), names),
        time(token.create_time),
        token.expire_time.map_or_else(|| "never".to_owned(), time),
        state.to_owned(),
    ]
}

fn tenants(scope: &Scope, separator: &str) -> String {
    scope.tenants().map(|tenant| tenant.as_str()).collect::<Vec<_>>().join(separator)
}

/// The last second that has four digits for its year, which is what humantime can format.
const LAST_SECOND: u64 = 253_402_300_799;

/// RFC 3339, in seconds.
fn time(at: Timestamp) -> String {
    let seconds = u64::try_from(at.as_micros() / 1_000_000).unwrap_or(0).min(LAST_SECOND);
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use sendstores_core::Role;

    use super::*;
    use crate::ledger::MemoryLedger;

    #[test]
    fn a_time_that_no_record_should_have_is_shown_all_the_same() {
        assert_eq!(time(Timestamp::from_micros(i64::MAX)), "9999-12-31T23:59:59Z");
        assert_eq!(time(Timestamp::from_micros(-1)), "1970-01-01T00:00:00Z");
    }

    fn new(role: Role, tenants: &[&str]) -> NewToken {
        let tenants = tenants.iter().map(|id| id.parse().expect("a tenant"));
        let life = Some(std::time::Duration::from_secs(3600));
        let scope = Scope::of_role(role, tenants).expect("a scope");
        NewToken { name: "ci".parse().expect("a name"), role, scope, abilities: None, life }
    }

    #[tokio::test]
    async fn a_token_is_listed_and_revoked_and_its_text_is_kept_nowhere() {
        let ledger = MemoryLedger::default();
        let (text, token) = make(new(Role::Tenant, &["acme", "bolt"]));
        let token = create(&ledger, token).await.expect("written");
        let listed = async || list(ledger.scan().await.expect("a scan"), SystemTime::now().into());
        let before = listed().await;
        assert!(
            before.contains(token.id.as_str()) && before.contains("acme,bolt") && before.contains("valid"),
            "{before}"
        );
        assert!(!before.contains(text.expose()) && !format!("{token:?}").contains(text.expose()));
        let revoked = revoke(&ledger, &token.id).await.expect("revoked");
        assert!(listed().await.contains("revoked"));
        assert_eq!(revoke(&ledger, &token.id).await.expect("again"), revoked);
        assert!(revoke(&ledger, &"nonenone00".parse().expect("an id")).await.is_err());
    }

    #[test]
    fn the_entry_of_a_file_is_one_that_the_server_reads() {
        for (role, tenants) in [(Role::Admin, &[][..]), (Role::Tenant, &["acme", "bolt"])] {
            let (_, token) = make(new(role, tenants));
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), format!("credentials:\n{}", file_entry(&token))).expect("written");
            auth::CredentialsFile::open(file.path().to_owned()).expect("it is read");
        }
    }
}
