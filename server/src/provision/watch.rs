//! Learning that something changed, without asking again and again.

use std::fmt::Debug;

use futures::{
    StreamExt,
    stream::{BoxStream, SelectAll},
};
use kube::{
    Api, Resource,
    api::{ListParams, WatchEvent, WatchParams},
};
use serde::de::DeserializeOwned;

use super::{cluster::Cluster, errors::CallError};

/// The server ends a watch after this; a fresh one is opened then. kube allows less than 295.
const LIFETIME_SECONDS: u32 = 290;

/// Changes of several kinds of objects, as one stream. What changed is of no interest: look.
pub(crate) struct Changes(SelectAll<BoxStream<'static, Ended>>);

/// Whether a watch is over, since it was told so, failed or reached its end.
type Ended = bool;

// === impl Changes ===

impl Changes {
    /// Nothing to watch.
    pub(crate) fn none() -> Self {
        Self(SelectAll::new())
    }

    /// The changes behind this moment. Whoever looks at the objects now and then waits misses none.
    pub(crate) async fn open<K>(cluster: &Cluster, api: Api<K>, fields: Option<&str>) -> Result<Self, CallError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
    {
        let mut list = ListParams::default().limit(1);
        let mut watch = WatchParams::default().timeout(LIFETIME_SECONDS);
        if let Some(fields) = fields {
            list = list.fields(fields);
            watch = watch.fields(fields);
        }
        let listed = cluster.call(api.list_metadata(&list)).await?;
        let version = listed.metadata.resource_version.unwrap_or_default();
        let events = cluster.call(api.watch_metadata(&watch, &version)).await?;
        let changes = events.filter_map(|event| {
            std::future::ready(match event {
                Ok(WatchEvent::Bookmark(_)) => None,
                Ok(WatchEvent::Added(_) | WatchEvent::Modified(_) | WatchEvent::Deleted(_)) => Some(false),
                Ok(WatchEvent::Error(_)) | Err(_) => Some(true),
            })
        });
        let mut all = Self::none();
        all.0.push(changes.chain(futures::stream::once(std::future::ready(true))).boxed());
        Ok(all)
    }

    /// All of them as one.
    pub(crate) fn merged(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(parts.into_iter().flat_map(|part| part.0).collect())
    }

    /// Waits for one change and takes all that are there with it. False: a watch is over, open them anew.
    pub(crate) async fn next(&mut self) -> bool {
        let mut ended = match self.0.next().await {
            Some(ended) => ended,
            // Nothing is watched: only the caller's own pace brings it on.
            None => std::future::pending().await,
        };
        while let Some(Some(also)) = futures::FutureExt::now_or_never(self.0.next()) {
            ended |= also;
        }
        !ended
    }
}
