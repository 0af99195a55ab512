//! The task of one informer: keeps one watch open.

use std::{fmt::Debug, marker::PhantomData, pin::pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt};
use kube::{
    Resource,
    api::{ListParams, WatchEvent, WatchParams},
    core::PartialObjectMeta,
};
use rand::RngExt;
use sendstores_core::{backoff::Backoff, text::with_causes};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use super::topic::{Follower, Topic};
use crate::provision::{cluster::Cluster, errors::CallError, redact};

type Event<K> = kube::Result<WatchEvent<PartialObjectMeta<K>>>;

/// The server ends a watch after this; it is opened again where it ended. kube allows less than 295.
const LIFETIME_SECONDS: u32 = 290;
/// The server sends a bookmark about once a minute. A watch that is silent for so long may have lost its connection, and is
/// opened again where it ended.
const SILENCE: Duration = Duration::from_secs(100);
/// An informer that no store has waited for so long is closed.
pub(super) const IDLE: Duration = Duration::from_secs(300);
/// A watch that ends sooner did not work: the next one waits for longer.
const SOON: Duration = Duration::from_secs(1);
/// How long to wait before a watch is tried again.
const PAUSES: Backoff = Backoff { first: Duration::from_millis(250), most: Duration::from_secs(30) };

/// Why a watch is over.
enum Over {
    /// It came to its end, or was silent.
    Ended,
    /// It failed, or could not be opened.
    Broken(String),
    /// The changes since the last version are gone.
    Gap,
    /// No run has waited for a while.
    Idle,
}

/// One kind that is followed.
struct Watch<K> {
    cluster: Arc<Cluster>,
    follower: Follower,
    /// The last one that is known: to go on from. `None`: begin anew.
    version: Option<String>,
    /// Watches in a row that did not work.
    failures: u32,
    kind: PhantomData<fn() -> K>,
}

/// Follows a kind until no run waits for it.
pub(super) async fn follow<K>(cluster: Arc<Cluster>, follower: Follower)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut watch = Watch::<K> { cluster, follower, version: None, failures: 0, kind: PhantomData };
    while !watch.follower.ends_idle(IDLE) {
        let begun = Instant::now();
        let over = watch.once().await;
        if begun.elapsed() >= SOON {
            watch.failures = 0;
        }
        match over {
            Over::Idle => return,
            Over::Ended if begun.elapsed() >= SOON => continue,
            Over::Ended => watch.failures += 1,
            Over::Gap => watch.gap(),
            Over::Broken(why) => watch.broken(&why),
        }
        let pause = PAUSES.wait(watch.failures, rand::rng().random());
        sleep(pause).await;
    }
}

// === impl Watch ===

impl<K> Watch<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    fn topic(&self) -> &Topic {
        self.follower.topic()
    }

    /// One watch from its beginning to its end.
    async fn once(&mut self) -> Over {
        match self.open().await {
            Ok(events) => self.read(events).await,
            Err(error) if is_gone(&error) => Over::Gap,
            Err(error) => Over::Broken(redact::message(&with_causes(&error))),
        }
    }

    async fn open(&mut self) -> Result<impl Stream<Item = Event<K>> + use<K>, CallError> {
        // Anew each time: the client may have been replaced.
        let api = self.cluster.all::<K>();
        let (labels, fields) = self.topic().kind.selectors();
        let text = |selector: Option<&str>| selector.map(str::to_owned);
        let (label_selector, field_selector) = (text(labels), text(fields));
        let anew = self.version.is_none();
        let version = match self.version.take() {
            Some(version) => version,
            None => {
                let one = ListParams {
                    label_selector: label_selector.clone(),
                    field_selector: field_selector.clone(),
                    ..ListParams::default()
                };
                let listed = self.cluster.call(api.list_metadata(&one.limit(1))).await?;
                listed.metadata.resource_version.unwrap_or_default()
            }
        };
        let how = WatchParams { label_selector, field_selector, bookmarks: true, ..WatchParams::default() };
        let how = how.timeout(LIFETIME_SECONDS);
        let opened = self.cluster.call(api.watch_metadata(&how, &version)).await;
        self.version = Some(version);
        let events = opened?;
        self.topic().set_live(true);
        if anew {
            self.topic().wake_all();
        }
        Ok(events)
    }

    async fn read(&mut self, events: impl Stream<Item = Event<K>>) -> Over {
        let mut events = pin!(events);
        loop {
            let meta = match timeout(SILENCE, events.next()).await {
                Err(_) | Ok(None) => return Over::Ended,
                Ok(Some(Ok(WatchEvent::Added(it) | WatchEvent::Modified(it) | WatchEvent::Deleted(it)))) => it.metadata,
                Ok(Some(Ok(WatchEvent::Bookmark(mark)))) => {
                    self.version = Some(mark.metadata.resource_version);
                    if self.follower.ends_idle(IDLE) {
                        return Over::Idle;
                    }
                    continue;
                }
                Ok(Some(Ok(WatchEvent::Error(status)))) if status.code == 410 => return Over::Gap,
                Ok(Some(Ok(WatchEvent::Error(status)))) => return Over::Broken(redact::message(&status.message)),
                Ok(Some(Err(error))) => return Over::Broken(redact::message(&with_causes(&error))),
            };
            if let Some(key) = meta.namespace.as_ref().or(meta.name.as_ref()) {
                self.topic().wake(key);
            }
            self.version = meta.resource_version.or_else(|| self.version.take());
        }
    }

    /// What happened meanwhile is not known: begin anew, which wakes all waiters.
    fn gap(&mut self) {
        self.version = None;
        self.failures += 1;
        metrics::counter!("sendstores_informer_gaps_total", "kind" => self.topic().kind.as_str()).increment(1);
    }

    fn broken(&mut self, why: &str) {
        let kind = self.topic().kind.as_str();
        self.topic().set_live(false);
        metrics::counter!("sendstores_informer_failures_total", "kind" => kind).increment(1);
        match self.failures {
            0 => tracing::debug!(kind, why, "a watch of the cluster broke off"),
            1 => tracing::warn!(
                kind,
                why,
                "changes of the cluster are not reported; stores that wait are observed at intervals"
            ),
            _ => tracing::debug!(kind, why, "changes of the cluster are still not reported"),
        }
        // What the server refuses twice is perhaps the version.
        if self.failures > 0 {
            self.version = None;
        }
        self.failures += 1;
    }
}

fn is_gone(error: &CallError) -> bool {
    matches!(error, CallError::Kube(kube::Error::Api(status)) if status.code == 410)
}
