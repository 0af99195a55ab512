//! etcd with its defaults: one member, every write on disk before it is acknowledged.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use prost::Message;
use tempfile::TempDir;

use crate::{
    etcd_api::{self, PutRequest, RangeRequest, TxnResponse},
    grpc::{Call, Connection},
    program::{Program, free_address, until},
};

/// Operations of one transaction that etcd allows by default.
const TXN_OPERATIONS: usize = 128;

pub(crate) struct Etcd {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    peer: SocketAddr,
    data: TempDir,
}

// === impl Etcd ===

impl Etcd {
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().expect("a folder for the data");
        let (address, peer) = (free_address(), free_address());
        let mut etcd = Self { program: launch(address, peer, data.path()), address, peer, data };
        etcd.answering().await;
        etcd
    }

    /// `kill -9`, and a start with what is on disk. It may not answer yet.
    pub(crate) fn restart(&mut self) {
        self.program.kill();
        self.program = launch(self.address, self.peer, self.data.path());
    }

    async fn answering(&mut self) {
        let (address, call) = (self.address, self.range(b"none"));
        let program = &mut self.program;
        until("etcd's first answer", async || {
            program.assert_runs("etcd");
            Connection::open(address).await.ok()?.unary(&call).await.ok()
        })
        .await;
    }

    pub(crate) fn range(&self, key: &[u8]) -> Call {
        let request = RangeRequest { key: key.to_vec().into(), ..RangeRequest::default() };
        Call::new(self.address, etcd_api::RANGE, &request)
    }

    pub(crate) fn txn(&self, puts: Vec<PutRequest>) -> Call {
        Call::new(self.address, etcd_api::TXN, &etcd_api::puts(puts))
    }

    /// Puts many keys.
    pub(crate) async fn fill(&self, entries: Vec<(String, Bytes)>) {
        let connection = Connection::open(self.address).await.expect("a connection");
        for part in entries.chunks(TXN_OPERATIONS) {
            let puts =
                part.iter().map(|(key, value)| PutRequest::new(key.clone().into_bytes(), value.clone())).collect();
            let answer = connection.unary(&self.txn(puts)).await.expect("an answer");
            assert!(TxnResponse::decode(answer).expect("a TxnResponse").succeeded);
        }
    }
}

fn launch(address: SocketAddr, peer: SocketAddr, data: &Path) -> Program {
    let (client, peer) = (format!("http://{address}"), format!("http://{peer}"));
    let args = [
        ["--data-dir", data.to_str().expect("a plain path")],
        ["--listen-client-urls", &client],
        ["--advertise-client-urls", &client],
        ["--listen-peer-urls", &peer],
        ["--initial-advertise-peer-urls", &peer],
        ["--initial-cluster", &format!("default={peer}")],
        ["--log-level", "error"],
    ];
    Program::start(&program(), args.iter().flatten().copied(), &[])
}

/// The one of the local cluster's programs.
fn program() -> PathBuf {
    let folder = env::var_os("CLUSTER_BIN").expect("CLUSTER_BIN: the folder that `tests/cluster/cluster bin` prints");
    PathBuf::from(folder).join("etcd")
}
