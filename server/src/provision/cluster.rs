//! The Kubernetes API, each request bounded in time.

use std::{
    fmt::Debug,
    future::Future,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures::future::BoxFuture;
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams, PostParams},
    config::KubeConfigOptions,
};
use sendstores_core::{Store, StoreId};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    sync::{Mutex, Semaphore},
    time::Instant,
};

use super::{config::ProbeVia, errors::CallError, names, proxy::Direct};

/// Requests to the API that are under way at once. A thousand stores that are observed together, as after a start, wait
/// for each other instead of being refused by the API server.
const CALLS: usize = 64;

/// Credentials that the cluster refuses are read again, at most once in this time.
const READ_AGAIN: Duration = Duration::from_secs(10);

/// Clients of one cluster.
#[derive(Clone)]
pub struct Clients {
    api: Client,
    shops: Client,
    source: Option<Source>,
}

/// Makes the clients anew, from what the kubeconfig holds then.
type Source = Arc<dyn Fn() -> BoxFuture<'static, Result<Clients, String>> + Send + Sync>;

/// The clients, which wait for ever by themselves.
pub(crate) struct Cluster {
    clients: RwLock<Clients>,
    /// When they were read again last.
    read: Mutex<Option<Instant>>,
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
        Ok(Self { api: Client::try_from(config)?, shops: Client::try_from(at_once)?, source: None })
    }

    /// Those of the kubeconfig's context, or of what kube finds by itself, such as the pod's own account. When the cluster
    /// refuses their credentials, they are read again: a token or a certificate that stands in a kubeconfig may have been
    /// replaced in it, and helm, which reads the file each time, has the new one already.
    pub fn read(context: Option<String>) -> BoxFuture<'static, Result<Self, String>> {
        Box::pin(async move {
            let config = match &context {
                None => kube::Config::infer().await.map_err(|error| error.to_string())?,
                Some(_) => {
                    let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
                    kube::Config::from_kubeconfig(&options).await.map_err(|error| error.to_string())?
                }
            };
            let clients = Self::new(config).map_err(|error| error.to_string())?;
            Ok(Self { source: Some(Arc::new(move || Self::read(context.clone()))), ..clients })
        })
    }
}

impl From<Client> for Clients {
    fn from(client: Client) -> Self {
        Self { api: client.clone(), shops: client, source: None }
    }
}

// === impl Cluster ===

impl Cluster {
    pub(crate) fn new(clients: Clients, limit: Duration, probe_via: ProbeVia) -> Self {
        let direct = (probe_via == ProbeVia::PodNetwork).then(Direct::new);
        let (clients, read) = (RwLock::new(clients), Mutex::default());
        Self { clients, read, direct, limit, calls: Semaphore::new(CALLS) }
    }

    /// For requests to a shop past the API server, where that is configured.
    pub(crate) fn direct(&self) -> Option<&Direct> {
        self.direct.as_ref()
    }

    /// For requests that are passed on to a shop.
    pub(crate) fn shops(&self) -> Client {
        self.clients().shops.clone()
    }

    fn client(&self) -> Client {
        self.clients().api.clone()
    }

    fn clients(&self) -> std::sync::RwLockReadGuard<'_, Clients> {
        self.clients.read().unwrap_or_else(PoisonError::into_inner)
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
        Api::namespaced(self.client(), id.as_str())
    }

    /// Objects of the whole cluster.
    pub(crate) fn all<K: Resource<DynamicType = ()>>(&self) -> Api<K> {
        Api::all(self.client())
    }

    /// Waits for one request, and not too long: neither for its turn nor for its answer.
    pub(crate) async fn call<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
        let in_turn = async {
            // Never closed, so that there is always one to wait for.
            let _place = self.calls.acquire().await;
            request.await
        };
        // On the heap, because every step holds it.
        Box::pin(self.call_beside(in_turn)).await
    }

    /// The same for a caller who waits for the answer: it does not wait for the work on stores.
    pub(crate) async fn call_beside<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
        match tokio::time::timeout(self.limit, request).await {
            Ok(Err(kube::Error::Api(status))) if status.code == 401 => {
                Box::pin(self.read_again()).await;
                Err(kube::Error::Api(status).into())
            }
            Ok(answer) => Ok(answer?),
            Err(_) => Err(CallError::TimedOut(self.limit)),
        }
    }

    /// Takes the credentials that the kubeconfig holds now, unless another request does so, or did a moment ago.
    async fn read_again(&self) {
        let Some(source) = self.clients().source.clone() else { return };
        let Ok(mut read) = self.read.try_lock() else { return };
        if read.is_some_and(|last| last.elapsed() < READ_AGAIN) {
            return;
        }
        *read = Some(Instant::now());
        metrics::counter!("sendstores_cluster_unauthorized_total").increment(1);
        match tokio::time::timeout(self.limit, source()).await {
            Ok(Ok(clients)) => {
                tracing::warn!("Kubernetes refuses the server's credentials; they are read again");
                *self.clients.write().unwrap_or_else(PoisonError::into_inner) = clients;
            }
            Ok(Err(error)) => {
                tracing::error!(error, "Kubernetes refuses the server's credentials, and no others are found")
            }
            Err(_) => {
                tracing::error!("Kubernetes refuses the server's credentials, and reading them again takes too long")
            }
        }
    }

    /// Makes the fields of `wanted` so, also where another manager set them, by server-side apply. Fields that others set stay.
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::Response;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::client::Body;
    use serde_json::json;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// An API that answers everything with this.
    fn client(code: u16) -> Client {
        let service = tower::service_fn(move |_: http::Request<Body>| async move {
            let body = match code {
                200 => json!({"metadata": {"name": "a"}}),
                _ => json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}),
            };
            let mut response = Response::new(Body::from(body.to_string().into_bytes()));
            *response.status_mut() = http::StatusCode::from_u16(code).expect("a code");
            Ok::<_, std::convert::Infallible>(response)
        });
        Client::new(service, "default")
    }

    /// A cluster that refuses its credentials, and how often they were read again: each time an API that answers so.
    fn refusing(then: u16) -> (Cluster, Arc<AtomicUsize>) {
        let reads = Arc::new(AtomicUsize::new(0));
        let count = reads.clone();
        fn read(count: Arc<AtomicUsize>, answer: u16) -> Source {
            Arc::new(move || {
                count.fetch_add(1, Ordering::Relaxed);
                let clients = Clients { source: Some(read(count.clone(), answer)), ..Clients::from(client(answer)) };
                Box::pin(std::future::ready(Ok(clients)))
            })
        }
        let clients = Clients { source: Some(read(count, then)), ..Clients::from(client(401)) };
        (Cluster::new(clients, LIMIT, ProbeVia::default()), reads)
    }

    async fn get(cluster: &Cluster) -> Result<Namespace, CallError> {
        let api: Api<Namespace> = cluster.all();
        cluster.call(api.get("a")).await
    }

    #[tokio::test]
    async fn credentials_that_are_refused_are_read_again() {
        let (cluster, reads) = refusing(200);
        assert!(get(&cluster).await.is_err());
        assert!(get(&cluster).await.is_ok());
        assert_eq!(reads.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_that_stay_refused_are_read_at_an_interval() {
        let (cluster, reads) = refusing(401);
        for _ in 0..100 {
            assert!(get(&cluster).await.is_err());
        }
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        tokio::time::advance(READ_AGAIN).await;
        assert!(get(&cluster).await.is_err());
        assert_eq!(reads.load(Ordering::Relaxed), 2);
    }
}
