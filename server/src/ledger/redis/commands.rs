//! The plain commands.
//!
//! All of them go as custom commands, which fred sends at once. One that it knows by name it keeps in its buffer while
//! another order waits after it; when that order turns out to be a reconnection that is no longer needed, nothing
//! sends the buffer, and the command gets no answer.

use std::time::Duration;

use fred::{
    clients::{Client, WithOptions},
    error::Error,
    interfaces::ClientLike,
    types::{ClusterHash, CustomCommand, Value},
};

/// What precedes the keys of `STREAMS`: `COUNT`, its number, `BLOCK`, its number, `STREAMS`.
const XREAD_KEY: ClusterHash = ClusterHash::Offset(5);

/// Some fields of a hash.
pub(super) async fn hmget(client: WithOptions<Client>, key: &str, fields: &[&str]) -> Result<Value, Error> {
    let command = CustomCommand::new_static("HMGET", ClusterHash::FirstKey, false);
    client.custom(command, [&[key], fields].concat()).await
}

/// Up to `count` entries of a stream after the id `after`, the first of which is waited for.
pub(super) async fn xread(
    client: WithOptions<Client>,
    key: &str,
    after: String,
    count: usize,
    wait: Duration,
) -> Result<Value, Error> {
    // Redis takes 0 for ever.
    let (count, millis) = (count.to_string(), wait.as_millis().max(1).to_string());
    let args = ["COUNT", &count, "BLOCK", &millis, "STREAMS", key, &after].map(Value::from);
    client.custom(CustomCommand::new_static("XREAD", XREAD_KEY, true), args.to_vec()).await
}

/// The entry of a stream with this id, as a list of one or none.
pub(super) async fn xrange_one(client: WithOptions<Client>, key: &str, id: &str) -> Result<Value, Error> {
    let command = CustomCommand::new_static("XRANGE", ClusterHash::FirstKey, false);
    client.custom(command, vec![key, id, id]).await
}

/// Up to `count` entries of a stream from the id `from` on, the newest first.
pub(super) async fn xrevrange(
    client: WithOptions<Client>,
    key: &str,
    from: &str,
    count: usize,
) -> Result<Value, Error> {
    let command = CustomCommand::new_static("XREVRANGE", ClusterHash::FirstKey, false);
    client.custom(command, vec![key, from, "-", "COUNT", &count.to_string()]).await
}

/// `OK`, or why this user may not run the command.
pub(super) async fn acl_dryrun(client: WithOptions<Client>, user: &str, command: &[&str]) -> Result<String, Error> {
    let acl = CustomCommand::new_static("ACL", ClusterHash::Random, false);
    client.custom(acl, [&["DRYRUN", user], command].concat()).await
}

/// The value of a setting, or `None` where the server does not have it.
pub(super) async fn config_get(client: WithOptions<Client>, setting: &str) -> Result<Option<String>, Error> {
    let command = CustomCommand::new_static("CONFIG", ClusterHash::Random, false);
    let reply: Vec<String> = client.custom(command, vec!["GET", setting]).await?;
    Ok(reply.into_iter().nth(1))
}
