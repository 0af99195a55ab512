//! One shared watch for each kind of object, however many stores wait.
//!
//! An informer reports *that* something changed in a store's namespace, never what: each woken run observes again. So it
//! keeps no copy of the cluster, and to begin it needs no list but the version to watch from: what a gap costs does not
//! depend on the number of objects. It is opened when the first store waits for its kind, and closed when no store has
//! waited for a while.
//!
//! No change is missed: a waiter subscribes before it observes; an informer that could not continue where it ended, wakes
//! every waiter; and while one does not work at all, its waiters observe again at an interval.

mod follow;
mod topic;

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    batch::v1::Job,
    core::v1::{Event, Namespace, PersistentVolume, PersistentVolumeClaim, Pod, ResourceQuota},
};
use tokio::{sync::Notify, time::sleep};

use self::{
    follow::follow,
    topic::{Follower, Topic},
};
use super::{cluster::Cluster, names};
use crate::supervise::{self, Group};

/// How often a waiter observes while one of its informers does not work.
const BLIND: Duration = Duration::from_secs(15);

/// What is watched, in all namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Namespaces,
    Quotas,
    StatefulSets,
    Deployments,
    Pods,
    Jobs,
    Claims,
    /// Events of type Warning: those of all namespaces, since an Event has none of our labels.
    Warnings,
    /// Persistent volumes: all of the cluster, for the same reason.
    Volumes,
}

/// The informers of one cluster.
pub(crate) struct Informers {
    cluster: Arc<Cluster>,
    /// In the order of [`Kind::ALL`].
    topics: [Arc<Topic>; Kind::ALL.len()],
    tasks: Group,
}

/// What one waiter is woken by; dropped, it is forgotten.
pub(crate) struct Subscription {
    woken: Arc<Notify>,
    to: Vec<(Arc<Topic>, String)>,
}

// === impl Kind ===

impl Kind {
    const ALL: [Self; 9] = [
        Self::Namespaces,
        Self::Quotas,
        Self::StatefulSets,
        Self::Deployments,
        Self::Pods,
        Self::Jobs,
        Self::Claims,
        Self::Warnings,
        Self::Volumes,
    ];

    /// As the API, metrics and the log have it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Quotas => "resourcequotas",
            Self::StatefulSets => "statefulsets",
            Self::Deployments => "deployments",
            Self::Pods => "pods",
            Self::Jobs => "jobs",
            Self::Claims => "persistentvolumeclaims",
            Self::Warnings => "events",
            Self::Volumes => "persistentvolumes",
        }
    }

    /// Which objects of the kind: by their labels, and by their fields.
    fn selectors(self) -> (Option<&'static str>, Option<&'static str>) {
        match self {
            Self::Warnings => (None, Some("type=Warning")),
            Self::Volumes => (None, None),
            Self::Namespaces | Self::Quotas | Self::StatefulSets | Self::Deployments => (Some(names::UID), None),
            Self::Pods | Self::Jobs | Self::Claims => (Some(names::UID), None),
        }
    }
}

// === impl Informers ===

impl Informers {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster, topics: Kind::ALL.map(|kind| Arc::new(Topic::new(kind))), tasks: Group::default() }
    }

    /// From now on, changes of these wake the subscriber: each a kind, and the name of a namespace, or that of the object
    /// where the kind has no namespaces. Observe afterwards, not before.
    pub(crate) fn subscribe(&self, to: impl IntoIterator<Item = (Kind, String)>) -> Subscription {
        let mut subscription = Subscription { woken: Arc::default(), to: Vec::new() };
        for (kind, key) in to {
            let Some(topic) = self.topics.iter().find(|topic| topic.kind == kind) else { continue };
            if let Some(follower) = topic.subscribe(&key, &subscription.woken) {
                self.start(kind, follower);
            }
            subscription.to.push((topic.clone(), key));
        }
        subscription
    }

    fn start(&self, kind: Kind, follower: Follower) {
        let cluster = self.cluster.clone();
        let following = match kind {
            Kind::Namespaces => follow::<Namespace>(cluster, follower).boxed(),
            Kind::Quotas => follow::<ResourceQuota>(cluster, follower).boxed(),
            Kind::StatefulSets => follow::<StatefulSet>(cluster, follower).boxed(),
            Kind::Deployments => follow::<Deployment>(cluster, follower).boxed(),
            Kind::Pods => follow::<Pod>(cluster, follower).boxed(),
            Kind::Jobs => follow::<Job>(cluster, follower).boxed(),
            Kind::Claims => follow::<PersistentVolumeClaim>(cluster, follower).boxed(),
            Kind::Warnings => follow::<Event>(cluster, follower).boxed(),
            Kind::Volumes => follow::<PersistentVolume>(cluster, follower).boxed(),
        };
        let task = async move {
            if let Err(panicked) = supervise::caught("informer", following).await {
                tracing::error!(kind = kind.as_str(), %panicked, "an informer broke off; the next store that waits starts it again");
            }
        };
        self.tasks.spawner().spawn(task);
    }
}

// === impl Subscription ===

impl Subscription {
    /// Waits until there may be something new since the last call, or since the subscription. Safe to drop while waiting.
    pub(crate) async fn changed(&self) {
        loop {
            tokio::select! {
                () = self.woken.notified() => return,
                () = sleep(BLIND) => {}
            }
            if self.to.iter().any(|(topic, _)| !topic.is_live()) {
                return;
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        for (topic, key) in &self.to {
            topic.unsubscribe(key, &self.woken);
        }
    }
}

#[cfg(test)]
mod tests;
