//! Everything that stores could leave behind, counted.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{cluster::Cluster, redis::RedisServer, server::Server};

/// Kinds that come and go by themselves.
const RESTLESS: [&str; 3] = ["events", "events.events.k8s.io", "leases.coordination.k8s.io"];

/// What there is at one moment, apart from memory.
#[derive(Debug, PartialEq, Eq)]
pub struct Counters {
    /// Objects of the whole cluster by kind, those without any left out.
    pub objects: BTreeMap<String, usize>,
    /// Folders of volumes, where there are real ones.
    pub folders: usize,
    /// What the kubelet has mounted, where there is a real one.
    pub mounts: usize,
    /// Redis keys that stay. (Answers to request ids end by themselves; records of ended stores are fields of one key.)
    pub keys: usize,
    /// Claims in Redis.
    pub claims: usize,
    /// Processes of the server.
    pub children: Vec<String>,
}

impl Counters {
    pub async fn take(cluster: &Cluster, redis: &RedisServer, server: &Server) -> Self {
        let number = |text: String| text.trim().parse().unwrap_or_else(|_| panic!("a number: {text:?}"));
        let claims = redis.cli(["--scan", "--pattern", "*claim*"]).await;
        let claims = if claims.is_empty() { 0 } else { number(redis.cli(["HLEN", claims.as_str()]).await) };
        Self {
            objects: objects(cluster),
            folders: cluster
                .volumes
                .as_ref()
                .map_or(0, |folder| std::fs::read_dir(folder).expect("its folder").count()),
            mounts: mounts(cluster),
            keys: lasting_keys(&redis.cli(["INFO", "keyspace"]).await),
            claims,
            children: server.children(),
        }
    }
}

/// From a line such as `db0:keys=27,expires=20,avg_ttl=86000000`.
fn lasting_keys(keyspace: &str) -> usize {
    let number = |name: &str| {
        let rest = keyspace.split_once(&format!("{name}=")).map_or("", |(_, rest)| rest);
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse::<usize>().ok()).unwrap_or(0)
    };
    number("keys") - number("expires")
}

fn objects(cluster: &Cluster) -> BTreeMap<String, usize> {
    let kinds = lines(cluster, &["api-resources", "--verbs=list", "-o", "name"]);
    let kinds: Vec<_> = kinds.into_iter().filter(|kind| !RESTLESS.contains(&kind.as_str())).collect();
    let mut counts = BTreeMap::new();
    for name in lines(cluster, &["get", &kinds.join(","), "-A", "-o", "name"]) {
        let kind = name.split('/').next().unwrap_or_default().to_owned();
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

fn lines(cluster: &Cluster, args: &[&str]) -> Vec<String> {
    let output = cluster.kubectl(args);
    assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// What this cluster's kubelet has mounted: it lives in a mount namespace of its own.
fn mounts(cluster: &Cluster) -> usize {
    let Some(folder) = cluster.volumes.as_ref().and_then(|volumes| volumes.parent()) else { return 0 };
    let is_its = |path: &PathBuf| {
        let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap_or_default();
        read("comm").trim() == "kubelet" && read("cmdline").contains(&folder.display().to_string())
    };
    let kubelet = std::fs::read_dir("/proc").expect("processes").flatten().map(|entry| entry.path()).find(is_its);
    let mounts = kubelet.expect("the cluster's kubelet").join("mounts");
    std::fs::read_to_string(mounts).expect("its mounts").lines().count()
}
