//! Which cluster the stores stand in.

use sendstores_core::{
    cluster::ClusterUid,
    ledger::{LedgerError, SetCluster},
};

use super::RedisLedger;

// === impl RedisLedger ===

impl RedisLedger {
    pub(super) async fn ask_cluster(&self, set: SetCluster<'_>) -> Result<Option<ClusterUid>, LedgerError> {
        let (uid, instead) = match set {
            SetCluster::No => ("", ""),
            SetCluster::IfNone(uid) => (uid.as_str(), ""),
            SetCluster::Instead(uid) => (uid.as_str(), "1"),
        };
        let names = vec![self.shared.keys.meta.clone()];
        let mut reply = self.promise(&self.shared.scripts.cluster, names, vec![uid.into(), instead.into()]).await?;
        let kept = reply.text()?;
        if kept.is_empty() {
            return Ok(None);
        }
        kept.parse().map(Some).map_err(|error| LedgerError::Corrupt(format!("the uid of the cluster {error}")))
    }
}
