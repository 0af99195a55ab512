//! helm's own records of a release, seen as they change: how far a helm that runs has come.

use std::pin::pin;

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, WatchEvent, WatchParams},
};

use crate::wait::DEADLINE;

const OF_HELM: &str = "owner=helm";

/// The status of the newest record in `namespace`.
pub async fn helm_status(client: &Client, namespace: &str) -> Option<String> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let records = secrets.list_metadata(&ListParams::default().labels(OF_HELM)).await.expect("the records").items;
    let newest = records.into_iter().max_by_key(|record| record.creation_timestamp())?;
    newest.labels().get("status").cloned()
}

/// The records in a namespace as they were at one moment. A status may last for a tenth of a second only, so that who asks
/// again and again may miss it; from here on none is missed.
pub struct HelmRecords {
    secrets: Api<Secret>,
    version: String,
}

// === impl HelmRecords ===

impl HelmRecords {
    pub async fn now(client: &Client, namespace: &str) -> Self {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let now = secrets.list_metadata(&ListParams::default().labels(OF_HELM)).await.expect("the records");
        Self { secrets, version: now.metadata.resource_version.expect("of a version") }
    }

    /// Returns as soon as a record has this status that had it not, or was not there.
    pub async fn reach(self, status: &str) {
        let of_helm = WatchParams::default().labels(OF_HELM);
        let changes = self.secrets.watch_metadata(&of_helm, &self.version).await.expect("a watch");
        let mut changes = pin!(changes);
        let said = async {
            loop {
                match changes.try_next().await.expect("a change").expect("not the end") {
                    WatchEvent::Added(record) | WatchEvent::Modified(record)
                        if record.labels().get("status").is_some_and(|now| now == status) =>
                    {
                        return;
                    }
                    WatchEvent::Error(error) => panic!("{error:?}"),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(DEADLINE, said).await.unwrap_or_else(|_| panic!("helm never said {status}"));
    }
}
