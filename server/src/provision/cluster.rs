//! The Kubernetes API, each request bounded in time.

use std::{fmt::Debug, future::Future, time::Duration};

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams, PostParams},
};
use sendstores_core::Store;
use serde::{Serialize, de::DeserializeOwned};

use super::{errors::CallError, names};

/// The client, which waits for ever by itself.
pub(crate) struct Cluster {
    client: Client,
    limit: Duration,
}

// === impl Cluster ===

impl Cluster {
    pub(crate) fn new(client: Client, limit: Duration) -> Self {
        Self { client, limit }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Objects in the store's namespace.
    pub(crate) fn in_store<K>(&self, store: &Store) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), store.id.as_str())
    }

    /// Objects of the whole cluster.
    pub(crate) fn all<K: Resource<DynamicType = ()>>(&self) -> Api<K> {
        Api::all(self.client.clone())
    }

    /// Waits for one request, and not too long.
    pub(crate) async fn call<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
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
