//! Records as programs of other versions write them.

use std::fs;

use serde_json::Value;

use crate::{redis::RedisServer, server::workspace};

/// Writes the record that is `ARGV[2]` as the next of the resource `ARGV[1]`. The log names it if `ARGV[3]` is "named", and
/// its kind if `ARGV[4]` is not empty.
const PUT: &str = r#"
local epoch, revision, tip = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'revision', 'tip'))
local written = string.format('%.0f', tonumber(revision) + 1)
local entry = {'epoch', epoch, 'record', ARGV[2], 'tip', 'feed' .. written, 'prev', tip or ''}
if ARGV[3] == 'named' then
  table.insert(entry, 'id')
  table.insert(entry, ARGV[1])
end
if ARGV[4] ~= '' then
  table.insert(entry, 'kind')
  table.insert(entry, ARGV[4])
end
redis.call('XADD', KEYS[3], written .. '-0', unpack(entry))
redis.call('HSET', KEYS[2], ARGV[1], written .. ' L feed:' .. written .. ' ' .. ARGV[2])
redis.call('HSET', KEYS[1], 'revision', written, 'tip', 'feed' .. written)
return written
"#;

const KEYS: [&str; 3] = ["{sendstores}:meta", "{sendstores}:stores", "{sendstores}:log"];

/// A record of `tests/fixtures/records`, such as `next/state`.
pub fn fixture(name: &str) -> Value {
    let path = workspace().join(format!("tests/fixtures/records/{name}.json"));
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("JSON")
}

/// Writes `record` as the store's next.
pub async fn put(redis: &RedisServer, id: &str, record: &str) {
    eval(redis, KEYS, &[id, record, "named", ""]).await;
}

/// The same of a resource of another kind, whose records are in the key `{sendstores}:<records>`.
pub async fn put_of_kind(redis: &RedisServer, kind: &str, records: &str, id: &str, record: &str) {
    let [meta, _, log] = KEYS;
    eval(redis, [meta, &format!("{{sendstores}}:{records}"), log], &[id, record, "named", kind]).await;
}

/// The same by a program whose log does not name the store.
pub async fn put_unnamed(redis: &RedisServer, id: &str, record: &str) {
    eval(redis, KEYS, &[id, record, "unnamed", ""]).await;
}

async fn eval(redis: &RedisServer, keys: [&str; 3], args: &[&str]) {
    let number = keys.len().to_string();
    redis.cli([&["EVAL", PUT, &number], &keys[..], args].concat()).await;
}

/// The record of the store as it stands in Redis.
pub async fn stored(redis: &RedisServer, id: &str) -> Value {
    let value = redis.cli(["HGET", KEYS[1], id]).await;
    let record = value.splitn(4, ' ').nth(3).expect("a record");
    serde_json::from_str(record).expect("JSON")
}
