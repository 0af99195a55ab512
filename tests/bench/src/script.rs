//! The script of a Create, by redis-benchmark: with nothing around it, and 32 on their way on each connection.

use std::process::{Command, Stdio};

use sendstores_server::ledger::WRITE_SCRIPT;

use crate::peers::Redis;

/// About the length of the record of a new store, in bytes.
pub(crate) const RECORD: usize = 1_300;

/// redis-benchmark puts a number here.
const RANDOM: &str = "__rand_int__";
const PIPELINE: &str = "32";
const CLIENTS: &str = "8";

/// Runs it so many times on a Redis that has stores; returns how many were run in a second.
pub(crate) fn peak(redis: &Redis, times: u64) -> f64 {
    let key = |name: &str| format!("{{sendstores}}:{name}");
    let stores_before: u64 = redis.cli(&["HLEN", &key("stores")]).parse().expect("a number");
    let epoch = redis.cli(&["HGET", &key("meta"), "epoch"]);
    let record = record(redis, &key("stores"));
    assert!((RECORD / 2..RECORD * 2).contains(&record.len()), "a record has {} bytes", record.len());
    let sha = redis.cli(&["SCRIPT", "LOAD", WRITE_SCRIPT]);
    let operation = format!("{}:{RANDOM}", key("operation"));
    let id = format!("store-{RANDOM}");
    let shared = ["meta", "log", "claims", "tenants:counts", "stores", "tenants", "audit"];
    let keys = shared.into_iter().chain(["stores", "tombstones"]).map(key);
    let head = ["EVALSHA", &sha, "10"];
    let write = [&id, "0123456789abcdef", "", "", "+0a", "L", &record, &id, "", "", "", "", "{}"];
    let args = [epoch.as_str(), "0", "100000", "100000", "86400"].into_iter().chain(write);
    let output = Command::new("redis-benchmark")
        .args(["-p", &redis.port().to_string(), "-c", CLIENTS, "-P", PIPELINE, "-n", &times.to_string()])
        .args(["-r", "2000000000", "--csv"])
        .args(head)
        .args(keys)
        .arg(operation)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("redis-benchmark (Debian package redis-tools)");
    let stores: u64 = redis.cli(&["HLEN", &key("stores")]).parse().expect("a number");
    // Two random ids may be the same.
    assert!(stores - stores_before >= times * 99 / 100, "{times} runs made {} stores", stores - stores_before);
    rate(&String::from_utf8_lossy(&output.stdout))
}

/// The record of any store, as the ledger keeps it behind revision, mark and attempts.
fn record(redis: &Redis, stores: &str) -> String {
    let id = redis.cli(&["HRANDFIELD", stores]);
    let value = redis.cli(&["HGET", stores, &id]);
    value.splitn(4, ' ').nth(3).expect("a record").to_owned()
}

/// The title, which has commas of its own, is followed by the rate and six latencies.
fn rate(csv: &str) -> f64 {
    let line = csv.trim_end().lines().last().expect("a line");
    line.rsplit(',').nth(6).expect("a rate").trim_matches('"').parse().expect("a number")
}
