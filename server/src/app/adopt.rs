//! `sendstores-server adopt`: takes back into Redis the stores that stand in the cluster.

use std::{collections::BTreeMap, time::SystemTime};

use sendstores_core::{
    StoreId,
    adoption::{self, Census, Finding},
    ledger::Ledger,
};

use super::build;
use crate::{args::Config, ledger::RedisLedger, supervise::TaskError};

/// Prints what differs, and writes it unless `dry_run`.
pub(super) async fn adopt(config: &Config, dry_run: bool) -> Result<(), TaskError> {
    let ledger = RedisLedger::connect(build::redis(config)).await?;
    let census = build::provisioner(config).await?;
    // Nothing is written meanwhile: the servers are read-only, or nothing is amiss.
    let found = census.take().await?;
    let records = ledger.scan().await?;
    let doubt = ledger.doubt().await?;
    println!(
        "In the cluster: {} namespaces of instance {}. In Redis: {} records.",
        found.len(),
        config.instance,
        records.len()
    );
    if let Some(why) = &doubt {
        println!("Redis is in doubt: {why}.");
    }
    let findings = adoption::compare(&records, &found, SystemTime::now().into());
    print(&findings);
    let stores: Vec<_> = findings.into_values().filter_map(Finding::into_record).collect();
    if stores.is_empty() && doubt.is_none() {
        println!("Redis knows every store in the cluster: nothing to do.");
        return Ok(());
    }
    if dry_run {
        println!("{} records would be written, and a new history begun.", stores.len());
        return Ok(());
    }
    let written = stores.len();
    ledger.adopt(stores).await?;
    println!(
        "{written} records were written, and history {} has begun. Running servers go on by themselves.",
        ledger.epoch()
    );
    Ok(())
}

fn print(findings: &BTreeMap<StoreId, Finding>) {
    for (id, finding) in findings.iter().filter(|(_, finding)| **finding != Finding::Known) {
        println!("  {id}: {finding}");
    }
}
