//! The Kubernetes API, each request bounded in time.

use std::{fmt::Debug, future::Future, time::Duration};

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams, PostParams},
};
use sendstores_core::{Store, StoreId};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;

use super::{config::ProbeVia, errors::CallError, names, proxy::Direct};

/// Requests to the API that are under way at once. A thousand stores that are observed together, as after a start, wait
/// for each other instead of being refused by the API server.
const CALLS: usize = 64;

/// Clients of one cluster.
#[derive(Clone)]
pub struct Clients {
    api: Client,
    shops: Client,
}

/// The clients, which wait for ever by themselves.
pub(crate) struct Cluster {
    client: Client,
    shops: Client,
    direct: Option<Direct>,
    limit: Duration,
    calls: Semaphore,
}

// === impl Clients ===

impl Clients {
    /// Two of them: what the API server says of itself (429, 503, 504) is asked again for a while by kube's client, but
    /// behind the proxy the same codes are the shop's, and those we came to see.
    pub fn new(config: kube::Config) -> kube::Result<Self> {
        let mut at_once = config.clone();
        at_once.default_retry = false;
        Ok(Self { api: Client::try_from(config)?, shops: Client::try_from(at_once)? })
    }
}

impl From<Client> for Clients {
    fn from(client: Client) -> Self {
        Self { api: client.clone(), shops: client }
    }
}

// === impl Cluster ===

impl Cluster {
    pub(crate) fn new(clients: Clients, limit: Duration, probe_via: ProbeVia) -> Self {
        let direct = (probe_via == ProbeVia::PodNetwork).then(Direct::new);
        Self { client: clients.api, shops: clients.shops, direct, limit, calls: Semaphore::new(CALLS) }
    }

    /// For requests to a shop past the API server, where that is configured.
    pub(crate) fn direct(&self) -> Option<&Direct> {
        self.direct.as_ref()
    }

    /// For requests that are passed on to a shop.
    pub(crate) fn shops(&self) -> &Client {
        &self.shops
    }

    /// Objects in the store's namespace.
    pub(crate) fn in_store<K>(&self, store: &Store) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        self.in_namespace(&store.id)
    }

    /// Objects in the namespace of the store that has this id.
    pub(crate) fn in_namespace<K>(&self, id: &StoreId) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), id.as_str())
    }

    /// Objects of the whole cluster.
    pub(crate) fn all<K: Resource<DynamicType = ()>>(&self) -> Api<K> {
        Api::all(self.client.clone())
    }

    /// Waits for one request, and not too long.
    pub(crate) async fn call<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
        // Never closed, so that there is always one to wait for.
        let _place = self.calls.acquire().await;
        match tokio::time::timeout(self.limit, request).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(CallError::TimedOut(self.limit)),
        }
    }

    /// Makes the fields of `wanted` so, whoever set them before, by server-side apply. Fields that others set stay.
    pub(crate) async fn apply<K>(&self, api: &Api<K>, name: &str, wanted: &K) -> Result<(), CallError>
    where
        K: Clone + Debug + DeserializeOwned + Serialize,
    {
        let how = PatchParams::apply(names::MANAGER).force();
        self.call(api.patch(name, &how, &Patch::Apply(wanted))).await.map(drop)
    }

    /// Makes an object exactly `wanted`: what others added to it goes.
    pub(crate) async fn put<K>(&self, api: &Api<K>, mut wanted: K) -> Result<(), CallError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
    {
        let name = wanted.meta().name.clone().unwrap_or_default();
        let how = PostParams { field_manager: Some(names::MANAGER.to_owned()), ..PostParams::default() };
        match self.call(api.get_metadata_opt(&name)).await? {
            None => self.call(api.create(&how, &wanted)).await.map(drop),
            Some(live) => {
                wanted.meta_mut().resource_version = live.metadata.resource_version;
                self.call(api.replace(&name, &how, &wanted)).await.map(drop)
            }
        }
    }
}
