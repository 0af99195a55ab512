//! Ledgers to test, and what can happen to them.

use std::num::NonZeroU32;

use sendstores_core::{BackupId, TenantId, ledger::Ledger};
use sendstores_server::ledger::{MemoryCopy, MemoryLedger, RedisConfig, RedisLedger};
use sendstores_tests::{
    redis::{Backup, RedisServer},
    samples::{parsed, store_id},
    versions,
};

pub(crate) const PLENTY: u32 = 100_000;

/// An empty ledger of its own for each test.
pub(crate) trait World: Sized + Send {
    type Ledger: Ledger;
    type Copy: Send;

    /// With a log that keeps `history` changes.
    async fn with_history(history: u32) -> Self;

    async fn new() -> Self {
        Self::with_history(PLENTY).await
    }

    /// The ledger as the process sees it that began it.
    fn ledger(&self) -> Self::Ledger;

    /// The ledger as a process sees it that starts now.
    async fn reopen(&self) -> Self::Ledger;

    /// Writes `record` as the store's next, whatever it is: as a program of another version would.
    async fn put(&self, id: &str, record: &str);

    /// The same of a tenant.
    async fn put_tenant(&self, id: &str, record: &str);

    /// The same of a backup.
    async fn put_backup(&self, id: &str, record: &str);

    /// Writes a record of a kind that nobody knows, as a program of a newer version would.
    async fn put_other_kind(&self);

    /// Loses everything.
    async fn forget(&mut self);

    async fn copy(&mut self) -> Self::Copy;

    async fn restore(&mut self, copy: Self::Copy);
}

pub(crate) struct Memory(MemoryLedger);

pub(crate) struct Redis {
    server: RedisServer,
    ledger: RedisLedger,
    history: u32,
}

// === impl Memory ===

impl World for Memory {
    type Ledger = MemoryLedger;
    type Copy = MemoryCopy;

    async fn with_history(history: u32) -> Self {
        Self(MemoryLedger::new(usize::try_from(history).expect("fits")))
    }

    fn ledger(&self) -> MemoryLedger {
        self.0.clone()
    }

    async fn reopen(&self) -> MemoryLedger {
        self.0.reopen()
    }

    async fn put(&self, id: &str, record: &str) {
        self.0.put(&store_id(id), record);
    }

    async fn put_tenant(&self, id: &str, record: &str) {
        self.0.put(&parsed::<TenantId>(id), record);
    }

    async fn put_backup(&self, id: &str, record: &str) {
        self.0.put(&parsed::<BackupId>(id), record);
    }

    async fn put_other_kind(&self) {
        self.0.put_other_kind();
    }

    async fn forget(&mut self) {
        self.0.forget();
    }

    async fn copy(&mut self) -> MemoryCopy {
        self.0.copy()
    }

    async fn restore(&mut self, copy: MemoryCopy) {
        self.0.restore(copy);
    }
}

// === impl Redis ===

impl Redis {
    async fn connect(server: &RedisServer, history: u32) -> RedisLedger {
        let history = NonZeroU32::new(history).expect("not zero");
        let config = RedisConfig { history, ..RedisConfig::new(server.url()) };
        RedisLedger::connect(config).await.expect("a ledger")
    }
}

impl World for Redis {
    type Ledger = RedisLedger;
    type Copy = Backup;

    async fn with_history(history: u32) -> Self {
        let server = RedisServer::start().await;
        let ledger = Self::connect(&server, history).await;
        Self { server, ledger, history }
    }

    fn ledger(&self) -> RedisLedger {
        self.ledger.clone()
    }

    async fn reopen(&self) -> RedisLedger {
        Self::connect(&self.server, self.history).await
    }

    async fn put(&self, id: &str, record: &str) {
        versions::put(&self.server, id, record).await;
    }

    async fn put_tenant(&self, id: &str, record: &str) {
        versions::put_of_kind(&self.server, "tenant", "tenants", id, record).await;
    }

    async fn put_backup(&self, id: &str, record: &str) {
        versions::put_of_kind(&self.server, "backup", "backups", id, record).await;
    }

    async fn put_other_kind(&self) {
        versions::put_of_kind(&self.server, "comet", "comets", "halley", "{\"version\":1}").await;
    }

    async fn forget(&mut self) {
        self.server.cli(["FLUSHALL"]).await;
    }

    async fn copy(&mut self) -> Backup {
        self.server.backup().await
    }

    async fn restore(&mut self, copy: Backup) {
        self.server.restore(&copy).await;
    }
}
