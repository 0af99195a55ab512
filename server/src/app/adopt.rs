//! `sendstores-server adopt`: takes back into Redis the stores that stand in the cluster.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::SystemTime,
};

use sendstores_core::{
    Record, StoreId,
    adoption::{self, Finding, Inventory, ListNamespaces, Shortfall},
    cluster::{ClusterUid, Identify, Identity},
    ledger::{Ledger, Scan, SetCluster},
};

use super::build;
use crate::{args::Config, ledger::RedisLedger, provision::KubeProvisioner, supervise::TaskError};

/// What is noted in Redis meanwhile, and stays if this process dies on its way.
const UNDER_WAY: &str = "stores are being taken back from the cluster";

/// How it is done.
#[derive(Clone, Copy)]
pub(super) struct How {
    /// Only print what would be done.
    pub(super) dry_run: bool,
    /// Also where most of the known stores have no namespace.
    pub(super) force: bool,
    /// Also where Redis keeps another cluster as that of its stores.
    pub(super) this_cluster: bool,
}

/// Prints what differs, and writes it unless `dry_run`.
pub(super) async fn adopt(config: &Config, how: How) -> Result<(), TaskError> {
    let ledger = RedisLedger::connect(build::redis(config)).await?;
    let provisioner = build::provisioner(config).await?;
    let cluster = right_cluster(&ledger, &provisioner, how.this_cluster).await?;
    let doubt = ledger.doubt().await?;
    if let Some(why) = &doubt {
        println!("Redis is in doubt: {why}.");
    }
    let (findings, shortfall) = compare(&ledger, &provisioner, doubt.is_some()).await?;
    print(&findings);
    if let Some(shortfall) = shortfall.filter(|_| !how.force) {
        return Err(refusal(shortfall, config).into());
    }
    let missing = findings.into_values().filter_map(Finding::into_record).count();
    if missing == 0 && doubt.is_none() {
        keep(&ledger, cluster.as_ref().filter(|_| !how.dry_run)).await?;
        println!("Redis knows every store in the cluster: nothing to do.");
        return Ok(());
    }
    if how.dry_run {
        println!("{missing} records would be written, and a new history begun.");
        return Ok(());
    }
    // Not every server has to have noticed yet. No replica changes what is compared from here on, so that nothing which
    // was acknowledged is written over.
    ledger.cast_doubt(UNDER_WAY).await?;
    let (findings, _) = compare(&ledger, &provisioner, true).await?;
    let records: Vec<Record> = findings.into_values().filter_map(Finding::into_record).map(Into::into).collect();
    let written = records.len();
    keep(&ledger, cluster.as_ref()).await?;
    ledger.adopt(records).await?;
    println!(
        "{written} records were written, and history {} has begun. Running servers go on by themselves.",
        ledger.epoch()
    );
    Ok(())
}

/// The cluster that is asked, unless Redis keeps another one. `None`: it does not say which it is.
async fn right_cluster(
    ledger: &RedisLedger,
    provisioner: &KubeProvisioner,
    this_cluster: bool,
) -> Result<Option<ClusterUid>, TaskError> {
    let here = match provisioner.identify().await? {
        Identity::Known(uid) => uid,
        Identity::Hidden(why) => {
            println!("The cluster does not say which one it is: {why}.");
            return Ok(None);
        }
    };
    match ledger.cluster(SetCluster::No).await? {
        Some(kept) if kept != here && !this_cluster => Err(format!(
            "this is the cluster {here}, and the stores of this Redis stand in the cluster {kept}. Nothing was written. Give \
             this command the kubeconfig and the context of that cluster; if the stores have moved here, repeat it with \
             --this-cluster"
        )
        .into()),
        _ => Ok(Some(here)),
    }
}

async fn keep(ledger: &RedisLedger, cluster: Option<&ClusterUid>) -> Result<(), TaskError> {
    if let Some(uid) = cluster {
        ledger.cluster(SetCluster::Instead(uid)).await?;
    }
    Ok(())
}

type Findings = BTreeMap<StoreId, Finding>;

/// In this order: a namespace is made after its record, so that one that was found has one.
async fn compare(
    ledger: &RedisLedger,
    provisioner: &KubeProvisioner,
    in_doubt: bool,
) -> Result<(Findings, Option<Shortfall>), TaskError> {
    let found = provisioner.list().await?;
    let records: Scan = ledger.scan().await?;
    let (stores, set_aside) = (records.resources.len(), records.unreadable.len());
    println!(
        "In the cluster: {} namespaces. In Redis: {stores} records, and {set_aside} that cannot be read.",
        found.len()
    );
    let known: HashMap<_, _> = records.resources.iter().map(|store| (&store.id, store)).collect();
    let (unknown, mut found): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|found| adoption::is_unknown(found, known.get(&found.id).copied()));
    found.extend(provisioner.recall(unknown).await?);
    let mut inventory = Inventory { found, unmarked: BTreeSet::new() };
    let now = SystemTime::now().into();
    let by_label = adoption::compare(&records, &inventory, now);
    let shortfall = adoption::shortfall(&records.resources, &inventory.found, &by_label, in_doubt);
    // A changed label is no loss.
    let by_name = provisioner.find(&adoption::missing(&by_label)).await?;
    inventory.found.extend(by_name.found);
    inventory.unmarked = by_name.unmarked;
    Ok((adoption::compare(&records, &inventory, now), shortfall))
}

fn refusal(Shortfall { found, known, missing }: Shortfall, config: &Config) -> String {
    let context = config.kube_context.as_deref().unwrap_or("the current one");
    format!(
        "{found} namespaces found, {known} stores known, {missing} of them without one: is this the right cluster (context: \
         {context}) and --instance ({})? Nothing was written. Give this command the flags and the environment of the servers. \
         If they are right, repeat it with --force: a store whose namespace is gone is shown as FAILED then, and nothing is \
         made in its place",
        config.instance,
    )
}

fn print(findings: &BTreeMap<StoreId, Finding>) {
    for (id, finding) in findings.iter().filter(|(_, finding)| **finding != Finding::Known) {
        println!("  {id}: {finding}");
    }
}
