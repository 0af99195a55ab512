//! The calls.

use tonic::{Status, transport::Channel};

use crate::{
    builder::{Builder, Settings},
    cause::Cause,
    change::{ChangeStore, UpdateStore},
    connections::Connections,
    create::CreateStore,
    credentials::Credentials,
    delete::DeleteStore,
    error::Error,
    get::GetStore,
    interruption::{Interruption, Observer},
    retry::Repetition,
    v1::{
        self as wire, Principal, Store, account_service_client::AccountServiceClient,
        store_service_client::StoreServiceClient,
    },
    watch::{ResumeToken, Watch},
};

/// A page of 500 stores with every text at its longest has about 7 MiB; tonic's default of 4 would refuse it.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// A connection to a SendStores server. Cheap to clone; clones share the connection, which is made anew when it
/// breaks. Watches get further connections where one has no room for them.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) grpc: StoreServiceClient<Channel>,
    pub(crate) accounts: AccountServiceClient<Channel>,
    pub(crate) connections: Connections,
    pub(crate) settings: Settings,
    pub(crate) observer: Observer,
}

// === impl Client ===

impl Client {
    /// Connects to the server at `url`, such as `http://127.0.0.1:7443`, with the defaults of [`Builder`].
    ///
    /// # Errors
    /// [`Error::InvalidServer`] when the address cannot be used, [`Error::Transport`] when nothing answers there.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::builder().connect(url).await
    }

    /// Settings other than the defaults.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Speaks through a channel made by the caller: its own TLS, proxy or transport. It is the only one, so the limit of
    /// streams on one connection holds for all watches. The type is tonic's: a new major
    /// version of tonic changes it.
    pub fn from_channel(channel: Channel) -> Self {
        Self::new(Connections::only(channel), Settings::default())
    }

    pub(crate) fn new(connections: Connections, settings: Settings) -> Self {
        let accounts = AccountServiceClient::new(connections.for_calls());
        let grpc = stores(connections.for_calls());
        Self { grpc, accounts, connections, settings, observer: Observer::default() }
    }

    /// Has `observe` called when a call or a stream of this client is interrupted, and when it goes on: once each, however
    /// many tries lie between. Clones made before are not changed.
    #[must_use]
    pub fn on_interruption(mut self, observe: impl Fn(Interruption<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observe);
        self
    }

    /// The same client, whose calls change nothing: the server refuses those that would (`CALL_READ_ONLY`), also with
    /// `validate_only`, and its audit has them. A server of an older version does not know this, and does what the token may do.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.settings.read_only = true;
        self
    }

    /// Asks for a new store and returns it as accepted, usually PROVISIONING; [`Self::wait_until_ready`] goes on from there.
    ///
    /// Without a `request_id` the client makes one for this call. [`CreateStore::ensure_request_id`] makes it beforehand,
    /// so that a call of unknown outcome can be repeated.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] names every wrong field; [`Error::AlreadyExists`] when the id is taken.
    pub async fn create(&self, store: impl Into<CreateStore>) -> Result<Store, Error> {
        let request = store.into().into_request();
        let answer = self
            .unary(Repetition::Harmless, request, |mut grpc, request| async move { grpc.create(request).await })
            .await?;
        present(answer.store)
    }

    /// Returns one store as it is now; [`GetStore::stale`] allows an older one.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id.
    pub async fn get(&self, store: impl Into<GetStore>) -> Result<Store, Error> {
        present(self.get_answer(store).await?.store)
    }

    /// As [`Self::get`], with the time that bounds how old the answer is.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_answer(&self, store: impl Into<GetStore>) -> Result<wire::GetResponse, Error> {
        let request = store.into().into_request();
        self.unary(Repetition::Harmless, request, |mut grpc, request| async move { grpc.get(request).await }).await
    }

    /// Returns one page of stores; [`Self::list_all`] turns the pages.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the filter, the size or the token is wrong.
    pub async fn list_page(&self, request: wire::ListRequest) -> Result<wire::ListResponse, Error> {
        self.unary(Repetition::Harmless, request, |mut grpc, request| async move { grpc.list(request).await }).await
    }

    /// The releases that stores can be made from, for [`CreateStore::release`]: those of one engine together, the newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while the server starts or stops.
    pub async fn releases(&self) -> Result<Vec<wire::list_releases_response::Offer>, Error> {
        let request = wire::ListReleasesRequest {};
        let answer = self
            .unary(Repetition::Harmless, request, |mut grpc, request| async move { grpc.list_releases(request).await })
            .await?;
        Ok(answer.releases)
    }

    /// Asks for the removal of a store with everything it owns, and returns it as it is then, usually DELETING. RETAINING, where the
    /// server keeps deleted stores until their `purge_time`: [`Self::undelete`] brings it back.
    /// `None` only if there was none and [`DeleteStore::allow_missing`] was set.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id; [`Error::Conflict`] when it is not the one of the given etag.
    pub async fn delete(&self, store: impl Into<DeleteStore>) -> Result<Option<Store>, Error> {
        let request = store.into().into_request();
        let answer = self
            .unary(Repetition::Harmless, request, |mut grpc, request| async move { grpc.delete(request).await })
            .await?;
        Ok(answer.store)
    }

    /// Asks for the suspension of a store, and returns it as it is then, usually SUSPENDING: its shop is closed, its pods stop,
    /// and its data and address are kept. [`Self::wait_until_suspended`] waits for the end.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id; [`Error::Conflict`] when it is not the one of the given etag;
    /// [`Error::FailedPrecondition`] with `STATE_FORBIDS` when it is neither READY nor DEGRADED, nor suspended already.
    pub async fn suspend(&self, store: impl Into<ChangeStore>) -> Result<Store, Error> {
        let request = store.into().into_suspend();
        let answer = self
            .unary(Repetition::Harmless, request, |mut grpc, request| async move { grpc.suspend(request).await })
            .await?;
        present(answer.store)
    }

    /// Asks for the return of a suspended store, and returns it as it is then, usually RESUMING.
    /// [`Self::wait_until_ready`] waits until shoppers can buy again.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id; [`Error::Conflict`] when it is not the one of the given etag;
    /// [`Error::FailedPrecondition`] with `STATE_FORBIDS` when it is neither suspended nor on its way there.
    pub async fn resume(&self, store: impl Into<ChangeStore>) -> Result<Store, Error> {
        let request = store.into().into_resume();
        let answer = self
            .unary(Repetition::Harmless, request, |mut grpc, request| async move { grpc.resume(request).await })
            .await?;
        present(answer.store)
    }

    /// Takes the deletion of a store back that is RETAINING or RETAINED, and returns it as it is then, usually RESUMING.
    /// [`Self::wait_until_ready`] waits until shoppers can buy again.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id; [`Error::AlreadyExists`] with `NOT_DELETED` when its deletion was not
    /// asked for; [`Error::FailedPrecondition`] with `STATE_FORBIDS` when it is being removed.
    pub async fn undelete(&self, store: impl Into<ChangeStore>) -> Result<Store, Error> {
        let request = store.into().into_undelete();
        let answer = self
            .unary(Repetition::Harmless, request, |mut grpc, request| async move { grpc.undelete(request).await })
            .await?;
        present(answer.store)
    }

    /// Begins the last operation of a store again, which failed, was rolled back or was cancelled, and returns the store as it is then.
    /// A store that failed before it was ever READY is created again.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id; [`Error::Conflict`] when it is not the one of the given etag;
    /// [`Error::FailedPrecondition`] with `STATE_FORBIDS` when nothing has failed.
    pub async fn retry_operation(&self, store: impl Into<ChangeStore>) -> Result<Store, Error> {
        let request = store.into().into_retry();
        let answer =
            self.unary(Repetition::Harmless, request, |mut grpc, request| async move {
                grpc.retry_operation(request).await
            })
            .await?;
        present(answer.store)
    }

    /// Calls an update off, and returns the store as it is then: what it was made from before is brought back. `operation_id` is that
    /// of the operation; if it is empty, the one that is under way is meant.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id; [`Error::Conflict`] when it is not the one of the given etag;
    /// [`Error::FailedPrecondition`] with `NOT_CANCELLABLE` when there is nothing that can be called off.
    pub async fn cancel_operation(
        &self,
        store: impl Into<ChangeStore>,
        operation_id: impl Into<String>,
    ) -> Result<Store, Error> {
        let request = store.into().into_cancel(operation_id.into());
        let answer =
            self.unary(Repetition::Harmless, request, |mut grpc, request| async move {
                grpc.cancel_operation(request).await
            })
            .await?;
        present(answer.store)
    }

    /// Changes fields of a store, and returns it.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when no field is named; [`Error::NotFound`] when there is no store of this id;
    /// [`Error::Conflict`] when it is not the one of the given etag; [`Error::FailedPrecondition`] with `STATE_FORBIDS` when it is
    /// being deleted.
    pub async fn update(&self, store: UpdateStore) -> Result<Store, Error> {
        let request = store.into_request();
        let answer = self
            .unary(Repetition::Harmless, request, |mut grpc, request| async move { grpc.update(request).await })
            .await?;
        present(answer.store)
    }

    /// Hands out how the merchant gets into the administration of a shop. The server records each answer in the store's
    /// `history`, so this changes the store and its etag. For that reason the client repeats the call only
    /// where the first try certainly had no effect.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id; [`Error::FailedPrecondition`] when the credentials are not made
    /// yet (`CREDENTIALS_NOT_READY`) or the store is being deleted (`STORE_DELETING`); [`Error::Unavailable`] when the
    /// server cannot reach its cluster.
    pub async fn credentials(&self, id: impl Into<String>) -> Result<Credentials, Error> {
        let request = wire::GetCredentialsRequest { id: id.into() };
        let answer =
            self.unary(Repetition::Effective, request, |mut grpc, request| async move {
                grpc.get_credentials(request).await
            })
            .await?;
        Ok(answer.into())
    }

    /// Who this client is to the server, by its token, and what it may do.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the token is missing, invalid, expired or revoked.
    pub async fn principal(&self) -> Result<Principal, Error> {
        let no_principal = || Error::Other(Cause::new(Status::internal("the response has no principal")));
        self.get_principal().await?.principal.ok_or_else(no_principal)
    }

    /// The version of the server, such as `0.1.0`, as its own answer has it; empty if it is too old to say. A server and a client
    /// whose versions are one minor number apart work together.
    ///
    /// # Errors
    /// As [`principal`](Self::principal).
    pub async fn server_version(&self) -> Result<String, Error> {
        Ok(self.get_principal().await?.server_version)
    }

    async fn get_principal(&self) -> Result<wire::GetPrincipalResponse, Error> {
        let accounts = self.accounts.clone();
        self.unary(Repetition::Harmless, wire::GetPrincipalRequest {}, |_, request| {
            let mut accounts = accounts.clone();
            async move { accounts.get_principal(request).await }
        })
        .await
    }

    /// Watches the stores that `filter` means: each as it is, then `Synced`, then every change. The watch goes on by itself
    /// after an interruption, see [`Watch`].
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the filter is wrong; [`Error::ResourceExhausted`] when too many are watching.
    pub async fn watch(&self, filter: wire::StoreFilter) -> Result<Watch, Error> {
        self.open_watch(filter, None).await
    }

    /// Goes on right after the event that carried `token`, with the filter of that time. When what follows the token is no
    /// longer known, the next event is [`Event::Reset`](crate::Event::Reset) and a snapshot follows.
    ///
    /// # Errors
    /// As [`Self::watch`]; with [`RetryPolicy::none`](crate::RetryPolicy::none), [`Error::HistoryCompacted`] when what follows the token is no longer
    /// known.
    pub async fn watch_from(&self, filter: wire::StoreFilter, token: ResumeToken) -> Result<Watch, Error> {
        self.open_watch(filter, Some(token)).await
    }
}

/// The calls about stores on one connection.
pub(crate) fn stores(channel: Channel) -> StoreServiceClient<Channel> {
    StoreServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER)
}

fn present(store: Option<Store>) -> Result<Store, Error> {
    store.ok_or_else(|| Status::internal("the answer carries no store").into())
}
