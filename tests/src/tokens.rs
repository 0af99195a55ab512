//! Tokens of callers, made by the program as an operator makes them.

use std::process::Output;

use sendstores_client::{Client, RetryPolicy};

use crate::server::{Server, ServerOptions};

/// Runs `sendstores-server token` on the Redis of these options.
pub fn token_command(options: &ServerOptions, args: &[&str]) -> Output {
    options.command().arg("token").args(args).output().expect("run the program")
}

/// The text of a new token with these flags, such as `--role admin`.
pub fn make_token(options: &ServerOptions, flags: &str) -> String {
    let flags: Vec<_> = flags.split_whitespace().collect();
    let output = token_command(options, &[&["create", "--name", "test"], &flags[..]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// A new token that is in no Redis, and its entry for a credentials file.
pub fn make_entry(options: &ServerOptions, flags: &str) -> (String, String) {
    let text = make_token(options, &format!("--for-file {flags}"));
    let (token, entry) = text.split_once('\n').expect("a token and its entry");
    (token.to_owned(), format!("{entry}\n"))
}

/// The public part of a token.
pub fn token_id(token: &str) -> &str {
    &token[4..14]
}

/// A client with this token that repeats nothing.
pub async fn client(server: &Server, token: &str) -> Client {
    Client::builder().token(token).retry(RetryPolicy::none()).connect(&server.url()).await.expect("connect")
}
