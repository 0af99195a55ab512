//! The examples run. They are built with the tests of this crate: `cargo test -p sendstores-client --features testing`.

use std::{
    io::{BufRead, BufReader, Lines},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
};

use sendstores_client::{CreateStore, testing::FakeServer};

/// A running example; killed with the test.
struct Example {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

// === impl Example ===

impl Example {
    fn start(name: &str, arguments: &[String]) -> Self {
        let built = std::env::current_exe().expect("the test's path");
        let folder = built.parent().and_then(|folder| folder.parent()).expect("the folder of the profile");
        let path: PathBuf = folder.join("examples").join(name);
        assert!(path.exists(), "{} is not built: cargo build -p sendstores-client --examples", path.display());
        let mut command = Command::new(path);
        let command = command.args(arguments).env_remove("SENDSTORES_TOKEN").stdout(Stdio::piped());
        let mut child = command.spawn().expect("start");
        let lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        Self { child, lines }
    }

    /// Reads on another thread, so that the server of this one goes on.
    async fn line(mut self) -> (Self, String) {
        let read = tokio::task::spawn_blocking(move || {
            let line = self.lines.next().expect("a line").expect("text");
            (self, line)
        });
        tokio::time::timeout(std::time::Duration::from_secs(60), read).await.expect("in time").expect("no panic")
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_first_store_is_created_waited_for_and_removed() {
    let server = FakeServer::start().await.expect("a port");
    let example = Example::start("first_store", &[server.url()]);
    let (example, line) = example.line().await;
    assert_eq!(line, "Provisioning ");
    let id =
        server.client().list(sendstores_client::StoreFilter::default()).await.expect("listed").stores[0].id.clone();
    server.ready(&id);
    let (example, line) = example.line().await;
    assert_eq!(line, "Ready ");
    let (example, line) = example.line().await;
    assert_eq!(line, format!("{id} is open at http://{id}.localhost"));
    let (example, line) = example.line().await;
    assert_eq!(line, "Deleting ");
    server.removed(&id);
    let (mut example, line) = example.line().await;
    assert_eq!(line, "Deleted ");
    let ended = tokio::task::spawn_blocking(move || example.child.wait().expect("its end"));
    assert!(ended.await.expect("no panic").success());
}

#[tokio::test]
async fn a_mirror_follows_through_an_interruption() {
    let server = FakeServer::start().await.expect("a port");
    server.client().create(CreateStore::new().id("store-a")).await.expect("created");
    let mut example = Example::start("mirror", &[server.url()]);
    for wanted in ["store-a Provisioning", "1 stores"] {
        let (read, line) = example.line().await;
        assert_eq!(line, wanted);
        example = read;
    }
    server.drain_watches();
    server.ready("store-a");
    let (_example, line) = example.line().await;
    assert_eq!(line, "store-a Ready");
}

#[tokio::test]
async fn calls_are_spread_over_replicas() {
    let server = FakeServer::start().await.expect("a port");
    // Two addresses of one server stand for two replicas.
    let example = Example::start("replicas", &[server.url(), server.url().replace("127.0.0.1", "localhost")]);
    let (example, line) = example.line().await;
    assert_eq!(line, "20 of 20 calls were answered by 2 replicas");
    let (_example, line) = example.line().await;
    assert!(line.ends_with("is Provisioning on all"), "{line}");
}
