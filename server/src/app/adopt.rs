//! `sendstores-server adopt`: takes back into Redis the stores that stand in the cluster.

use std::{collections::BTreeMap, time::SystemTime};

use sendstores_core::{
    StoreId,
    adoption::{self, Census, Finding},
    ledger::Ledger,
};

use super::build;
use crate::{args::Config, ledger::RedisLedger, provision::KubeProvisioner, supervise::TaskError};

/// What is noted in Redis meanwhile, and stays if this process dies on its way.
const UNDER_WAY: &str = "stores are being taken back from the cluster";

/// Prints what differs, and writes it unless `dry_run`.
pub(super) async fn adopt(config: &Config, dry_run: bool) -> Result<(), TaskError> {
    let ledger = RedisLedger::connect(build::redis(config)).await?;
    let census = build::provisioner(config).await?;
    let doubt = ledger.doubt().await?;
    if let Some(why) = &doubt {
        println!("Redis is in doubt: {why}.");
    }
    let findings = compare(&ledger, &census).await?;
    print(&findings);
    let missing = findings.into_values().filter_map(Finding::into_record).count();
    if missing == 0 && doubt.is_none() {
        println!("Redis knows every store in the cluster: nothing to do.");
        return Ok(());
    }
    if dry_run {
        println!("{missing} records would be written, and a new history begun.");
        return Ok(());
    }
    // Not every server has to have noticed yet. What is compared from here on is changed by nobody, so that nothing which
    // was acknowledged is written over.
    ledger.cast_doubt(UNDER_WAY).await?;
    let stores: Vec<_> = compare(&ledger, &census).await?.into_values().filter_map(Finding::into_record).collect();
    let written = stores.len();
    ledger.adopt(stores).await?;
    println!(
        "{written} records were written, and history {} has begun. Running servers go on by themselves.",
        ledger.epoch()
    );
    Ok(())
}

/// In this order: a namespace is made behind its record, so that one that was found has one.
async fn compare(ledger: &RedisLedger, census: &KubeProvisioner) -> Result<BTreeMap<StoreId, Finding>, TaskError> {
    let found = census.take().await?;
    let records = ledger.scan().await?;
    println!("In the cluster: {} namespaces. In Redis: {} records.", found.len(), records.len());
    Ok(adoption::compare(&records, &found, SystemTime::now().into()))
}

fn print(findings: &BTreeMap<StoreId, Finding>) {
    for (id, finding) in findings.iter().filter(|(_, finding)| **finding != Finding::Known) {
        println!("  {id}: {finding}");
    }
}
