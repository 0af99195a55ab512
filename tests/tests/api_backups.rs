//! BackupService over a real port: what is accepted, shown, changed and refused, and to whom.

use std::time::{Duration, SystemTime};

use sendstores_core::{
    Backup, BackupId, Event,
    backup::BackupEvent,
    ledger::{Ledger, Write},
};
use sendstores_proto::v1::{
    self as wire, backup::State, backup_service_client::BackupServiceClient, store_service_client::StoreServiceClient,
};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::{happen, update},
    redis::RedisServer,
    samples::parsed,
    server::{Server, ServerOptions},
    tokens::make_token,
    wait::until,
};
use tempfile::TempDir;
use tonic::{Request, Status, transport::Channel};
use tonic_types::StatusExt;

/// A server with a repository and without a cluster: what it accepts stays as it is.
struct World {
    redis: RedisServer,
    options: ServerOptions,
    server: Server,
    ledger: RedisLedger,
    _folder: TempDir,
}

/// A caller with a token.
#[derive(Clone)]
struct Caller {
    stores: StoreServiceClient<Channel>,
    backups: BackupServiceClient<Channel>,
    token: String,
}

// === impl World ===

impl World {
    async fn new() -> Self {
        let redis = RedisServer::start().await;
        let folder = TempDir::new().expect("a folder");
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        put("key", "0123456789abcdef0123456789abcdef\n");
        put("access-key-id", "one");
        put("secret-access-key", "two");
        let options = ServerOptions::without_cluster(&redis.url())
            .with_auth()
            .flag("--backup-repository=s3:http://127.0.0.1:1/bucket/{uid}")
            .flag(format!("--backup-key-file={}", folder.path().join("key").display()))
            .flag(format!("--backup-s3-credentials={}", folder.path().display()));
        let server = options.start_ready().await;
        let ledger = RedisLedger::connect(RedisConfig::new(redis.url())).await.expect("a ledger");
        Self { redis, options, server, ledger, _folder: folder }
    }

    async fn caller(&self, flags: &str) -> Caller {
        Caller::new(&self.server, &self.options, flags).await
    }

    /// A store of the tenant that is READY.
    async fn store(&self, id: &str, tenant: &str) -> wire::Store {
        let mut admin = self.caller("--role admin").await;
        let create = wire::CreateRequest { store_id: id.to_owned(), tenant: tenant.to_owned(), ..Default::default() };
        let request = admin.signed(create);
        let store = admin.stores.create(request).await.expect("created").into_inner().store.expect("a store");
        happen(&self.ledger, id, Event::Converged).await;
        store
    }

    /// Makes `event` happen to the backup, as the server would.
    async fn happen(&self, id: &str, event: BackupEvent) -> Backup {
        let id: BackupId = parsed(id);
        until("a write without a conflict", async || {
            let backup = self.ledger.load(&id).await.expect("the ledger").expect("the backup");
            let resource = backup.after(event.clone(), SystemTime::now().into()).expect("possible");
            self.ledger.write(Write { resource, ..update(&backup) }).await.ok().map(|written| written.into_resource())
        })
        .await
    }
}

// === impl Caller ===

impl Caller {
    async fn new(server: &Server, options: &ServerOptions, flags: &str) -> Self {
        let channel = Channel::from_shared(server.url()).expect("a URL").connect().await.expect("connect");
        let (stores, backups) = (StoreServiceClient::new(channel.clone()), BackupServiceClient::new(channel));
        Self { stores, backups, token: make_token(options, flags) }
    }

    fn signed<Q>(&self, message: Q) -> Request<Q> {
        let mut request = Request::new(message);
        let bearer = format!("Bearer {}", self.token).parse().expect("a header");
        request.metadata_mut().insert("authorization", bearer);
        request
    }

    async fn create(&self, request: wire::CreateBackupRequest) -> Result<wire::Backup, Status> {
        let response = self.backups.clone().create_backup(self.signed(request)).await?;
        Ok(response.into_inner().backup.expect("a backup"))
    }

    async fn get(&self, id: &str) -> Result<wire::Backup, Status> {
        let request = self.signed(wire::GetBackupRequest { id: id.to_owned() });
        Ok(self.backups.clone().get_backup(request).await?.into_inner().backup.expect("a backup"))
    }

    async fn list(&self, request: wire::ListBackupsRequest) -> Result<wire::ListBackupsResponse, Status> {
        Ok(self.backups.clone().list_backups(self.signed(request)).await?.into_inner())
    }

    async fn update(&self, request: wire::UpdateBackupRequest) -> Result<wire::Backup, Status> {
        let response = self.backups.clone().update_backup(self.signed(request)).await?;
        Ok(response.into_inner().backup.expect("a backup"))
    }

    async fn delete(&self, request: wire::DeleteBackupRequest) -> Result<wire::Backup, Status> {
        let response = self.backups.clone().delete_backup(self.signed(request)).await?;
        Ok(response.into_inner().backup.expect("a backup"))
    }
}

fn of(store: &str) -> wire::CreateBackupRequest {
    wire::CreateBackupRequest { store: store.to_owned(), ..Default::default() }
}

fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn in_a_day() -> Option<prost_types::Timestamp> {
    let time: prost_types::Timestamp = (SystemTime::now() + Duration::from_secs(86_400)).into();
    // The server keeps microseconds.
    Some(prost_types::Timestamp { nanos: 0, ..time })
}

#[tokio::test]
async fn a_backup_is_accepted_once_and_shown_as_it_is() {
    let world = World::new().await;
    let store = world.store("store-a", "acme").await;
    let caller = world.caller("--role tenant --tenant acme").await;
    let labels = [("why".to_owned(), "test".to_owned())].into();
    let request_id = "r-1".to_owned();
    let request = wire::CreateBackupRequest { labels, expire_time: in_a_day(), request_id, ..of("store-a") };
    let made = caller.create(request.clone()).await.expect("accepted");
    assert!(matches!(made.state(), State::Pending | State::Running), "{made:?}");
    assert!(made.id.starts_with(&format!("{}/", store.uid)), "{}", made.id);
    assert_eq!((made.store.as_str(), made.store_uid.as_str(), made.tenant.as_str()), ("store-a", &*store.uid, "acme"));
    assert_eq!((made.r#type(), made.request_id.as_str()), (wire::backup::Type::OnDemand, "r-1"));
    assert_eq!((made.labels["why"].as_str(), made.expire_time), ("test", request.expire_time));
    let again = caller.create(request.clone()).await.expect("the first answer");
    assert_eq!(again, made);
    let other = wire::CreateBackupRequest { labels: Default::default(), ..request };
    assert_eq!(reason(&caller.create(other).await.expect_err("another body")), "REQUEST_ID_REUSED");
    let shown = caller.get(&made.id).await.expect("there");
    assert_eq!((shown.id.as_str(), shown.create_time), (made.id.as_str(), made.create_time));

    let refused = caller.create(of("store-a")).await.expect_err("one is under way");
    assert_eq!(reason(&refused), "OPERATION_IN_PROGRESS");
    let metadata = refused.get_details_error_info().expect("an ErrorInfo").metadata;
    assert_eq!((metadata["operation"].as_str(), metadata["kind"].as_str()), (made.id.as_str(), "BACKUP"));
}

#[tokio::test]
async fn backups_are_listed_a_page_at_a_time_and_by_store() {
    let world = World::new().await;
    for id in ["store-a", "store-b"] {
        world.store(id, "acme").await;
    }
    let caller = world.caller("--role operator").await;
    let why = Box::new(sendstores_core::Failure {
        reason: sendstores_core::FailureReason::Internal,
        message: "no".to_owned(),
        step: None,
        attempt: 0,
        retry_time: None,
        diagnosis: None,
    });
    let mut ids = Vec::new();
    for store in ["store-a", "store-a", "store-b"] {
        let backup = caller.create(of(store)).await.expect("accepted");
        world.happen(&backup.id, BackupEvent::Failed(why.clone())).await;
        ids.push(backup.id);
    }
    let all = caller.list(wire::ListBackupsRequest::default()).await.expect("listed");
    let mut listed: Vec<_> = all.backups.iter().map(|backup| backup.id.clone()).collect();
    assert!(listed.is_sorted() && all.next_page_token.is_empty());
    listed.sort();
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!(listed, sorted);
    let page = wire::ListBackupsRequest { store: "store-a".to_owned(), page_size: 1, ..Default::default() };
    let first = caller.list(page.clone()).await.expect("a page");
    assert_eq!((first.backups.len(), first.backups[0].state()), (1, State::Failed));
    assert_eq!(first.backups[0].failure.as_ref().map(|failure| failure.message.as_str()), Some("no"));
    let next = wire::ListBackupsRequest { page_token: first.next_page_token.clone(), ..page.clone() };
    let second = caller.list(next).await.expect("a page");
    let seen: Vec<_> = first.backups.iter().chain(&second.backups).map(|backup| backup.id.as_str()).collect();
    let mut expected: Vec<_> = ids[..2].iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!((seen, second.next_page_token.as_str()), (expected, ""));
    let other = wire::ListBackupsRequest { store: "store-b".to_owned(), page_token: first.next_page_token, ..page };
    assert_eq!(reason(&caller.list(other).await.expect_err("another list")), "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn a_backup_of_another_tenant_is_refused_byte_for_byte_as_a_missing_one() {
    let world = World::new().await;
    world.store("store-foreign", "bolt").await;
    let admin = world.caller("--role admin").await;
    let foreign = admin.create(of("store-foreign")).await.expect("accepted").id;
    let missing = format!("{}/20200101-000000-none", &foreign[..36]);
    let caller = world.caller("--role tenant --tenant acme").await;
    let same = |one: Status, other: Status| {
        let [one, other] = [(one, &foreign), (other, &missing)].map(|(status, id)| {
            let details = String::from_utf8_lossy(status.details()).replace(id.as_str(), "ID");
            // A length stands before the id.
            let details: String = details.chars().filter(|c| !c.is_control()).collect();
            (status.code(), status.message().replace(id.as_str(), "ID"), details.len())
        });
        assert_eq!((one.0, &one.1), (other.0, &other.1));
        assert_eq!(one.0, tonic::Code::NotFound);
    };
    same(caller.get(&foreign).await.expect_err("hidden"), caller.get(&missing).await.expect_err("missing"));
    let delete = |id: &str| wire::DeleteBackupRequest { id: id.to_owned(), ..Default::default() };
    same(
        caller.delete(delete(&foreign)).await.expect_err("hidden"),
        caller.delete(delete(&missing)).await.expect_err("missing"),
    );
    let amend = |id: &str| wire::UpdateBackupRequest {
        id: id.to_owned(),
        update_mask: mask(&["labels"]),
        ..Default::default()
    };
    same(
        caller.update(amend(&foreign)).await.expect_err("hidden"),
        caller.update(amend(&missing)).await.expect_err("missing"),
    );
    let refused = caller.create(of("store-foreign")).await.expect_err("hidden");
    assert_eq!(reason(&refused), "STORE_NOT_FOUND");
    assert!(caller.list(wire::ListBackupsRequest::default()).await.expect("listed").backups.is_empty());
    let own = world.caller("--role reader --tenant bolt").await;
    assert_eq!(own.get(&foreign).await.expect("its own").id, foreign);
    assert_eq!(reason(&own.create(of("store-foreign")).await.expect_err("a reader")), "PERMISSION_DENIED");
    assert_eq!(reason(&own.delete(delete(&foreign)).await.expect_err("a reader")), "PERMISSION_DENIED");
}

#[tokio::test]
async fn expiry_and_labels_are_changed_and_a_deletion_is_accepted_once() {
    let world = World::new().await;
    world.store("store-a", "acme").await;
    let caller = world.caller("--role operator").await;
    let made = caller.create(of("store-a")).await.expect("accepted");
    let amend = |paths: &[&str]| wire::UpdateBackupRequest {
        id: made.id.clone(),
        update_mask: mask(paths),
        expire_time: in_a_day(),
        labels: [("keep".to_owned(), "yes".to_owned())].into(),
        ..Default::default()
    };
    let changed = caller.update(amend(&["labels"])).await.expect("changed");
    assert_eq!((changed.labels.len(), changed.expire_time), (1, None));
    assert_ne!(changed.etag, made.etag);
    let stale = wire::UpdateBackupRequest { etag: made.etag.clone(), ..amend(&["expire_time"]) };
    assert_eq!(reason(&caller.update(stale).await.expect_err("changed since")), "ETAG_MISMATCH");
    let changed = caller.update(amend(&["expire_time"])).await.expect("changed");
    assert!(changed.expire_time.is_some());
    let never = wire::UpdateBackupRequest { expire_time: None, ..amend(&["expire_time"]) };
    assert_eq!(caller.update(never).await.expect("changed").expire_time, None);
    let past = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    for bad in [
        wire::UpdateBackupRequest { expire_time: past, ..amend(&["expire_time"]) },
        amend(&["state"]),
        amend(&[]),
        wire::UpdateBackupRequest { id: "store-a".to_owned(), ..amend(&["labels"]) },
    ] {
        assert_eq!(reason(&caller.update(bad).await.expect_err("refused")), "INVALID_FIELD");
    }

    let delete = wire::DeleteBackupRequest { id: made.id.clone(), request_id: "d-1".to_owned(), ..Default::default() };
    let going = caller.delete(delete.clone()).await.expect("accepted");
    assert_eq!(going.state(), State::Deleting);
    assert_eq!(caller.delete(delete).await.expect("the first answer"), going);
    assert_eq!(reason(&caller.update(amend(&["labels"])).await.expect_err("it goes")), "STATE_FORBIDS");
    world.happen(&made.id, BackupEvent::Removed).await;
    until("NOT_FOUND", async || caller.get(&made.id).await.err().filter(|status| reason(status) == "BACKUP_NOT_FOUND"))
        .await;
}

#[tokio::test]
async fn what_cannot_be_backed_up_is_refused_with_the_reason() {
    let world = World::new().await;
    let mut admin = world.caller("--role admin").await;
    let create = wire::CreateRequest { store_id: "store-new".to_owned(), ..Default::default() };
    let request = admin.signed(create);
    admin.stores.create(request).await.expect("created");
    assert_eq!(reason(&admin.create(of("store-new")).await.expect_err("never READY")), "STATE_FORBIDS");
    assert_eq!(reason(&admin.create(of("store-none")).await.expect_err("none")), "STORE_NOT_FOUND");
    world.store("store-a", "acme").await;
    happen(&world.ledger, "store-a", Event::SuspendRequested).await;
    assert_eq!(reason(&admin.create(of("store-a")).await.expect_err("suspended")), "STATE_FORBIDS");

    world.store("store-b", "acme").await;
    let made = admin.create(of("store-b")).await.expect("accepted").id;
    let without = ServerOptions::without_cluster(&world.redis.url()).with_auth();
    let server = without.start_ready().await;
    let caller = Caller::new(&server, &without, "--role admin").await;
    world.store("store-c", "acme").await;
    assert_eq!(reason(&caller.create(of("store-c")).await.expect_err("no repository")), "NO_REPOSITORY");
    assert_eq!(caller.get(&made).await.expect("shown").id, made);
    let delete = wire::DeleteBackupRequest { id: made, ..Default::default() };
    assert_eq!(reason(&caller.delete(delete).await.expect_err("no repository")), "NO_REPOSITORY");
}
