//! A backup of a real shop into a real S3 server: the server is killed while the Job runs, and what is in the repository is read by
//! restic alone, as somebody would who has the key and nothing of SendStores.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use sendstores_client::{Client, CreateBackup, v1::Backup, v1::backup};
use sendstores_core::Uid;
use sendstores_server::provision::derived_key;
use sendstores_tests::{
    cluster::Cluster,
    life::{gone, ready},
    redis::RedisServer,
    server::{ServerOptions, workspace},
    shop::visit,
    wait::until,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const ID: &str = "store-backup";
const PICTURE: &str = "a picture that only this shop has";

/// The S3 server beside the cluster, and the key of its repositories.
struct Repository {
    folder: TempDir,
    endpoint: String,
    bucket: String,
    credentials: PathBuf,
}

// === impl Repository ===

impl Repository {
    fn new() -> Self {
        let given = |name: &str| {
            let name = format!("SENDSTORES_TEST_S3_{name}");
            env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: the cluster was started without --s3"))
        };
        let folder = TempDir::new().expect("a folder");
        fs::write(folder.path().join("key"), "0123456789abcdef0123456789abcdef\n").expect("written");
        let credentials = Path::new(&given("ACCESS_KEY_FILE")).parent().expect("its folder").to_owned();
        Self { folder, endpoint: given("ENDPOINT"), bucket: given("BUCKET"), credentials }
    }

    fn url(&self, uid: &str) -> String {
        format!("s3:{}/{}/{uid}", self.endpoint, self.bucket)
    }

    /// The server of this test, whose stores' Jobs have a way to the repository.
    fn options(&self, cluster: &Cluster, redis: &RedisServer) -> ServerOptions {
        let (address, port) =
            self.endpoint.trim_start_matches("http://").split_once(':').expect("an address and a port");
        let port: u16 = port.parse().expect("a port");
        let way = json!({"backup": {"egress": [{"cidr": format!("{address}/32"), "ports": [port]}]}});
        let values = self.folder.path().join("values.yaml");
        fs::write(&values, way.to_string()).expect("written");
        let options = cluster.clone().with_values(values).server(&redis.url());
        options
            .flag(format!("--backup-repository={}", self.url("{uid}")))
            .flag(format!("--backup-key-file={}", self.folder.path().join("key").display()))
            .flag(format!("--backup-s3-credentials={}", self.credentials.display()))
    }

    /// What restic prints, with the key of this store's repository.
    fn restic(&self, uid: &str, words: &[&str]) -> Vec<u8> {
        let program = env::var("SENDSTORES_TEST_RESTIC").expect("SENDSTORES_TEST_RESTIC: make test sets it");
        let secret = fs::read_to_string(self.folder.path().join("key")).expect("the key");
        let key = |name: &str| fs::read_to_string(self.credentials.join(name)).expect("a key");
        let mut command = Command::new(program);
        command.args(["--no-cache", "--repo", &self.url(uid)]).args(words);
        command.env("RESTIC_PASSWORD", derived_key(&secret, &uid.parse::<Uid>().expect("a uid")).expect("a password"));
        command.env("AWS_ACCESS_KEY_ID", key("access-key-id")).env("AWS_SECRET_ACCESS_KEY", key("secret-access-key"));
        let output = command.output().expect("run restic");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// The tags of all snapshots.
    fn tags(&self, uid: &str) -> Vec<String> {
        let snapshots: Vec<Value> = serde_json::from_slice(&self.restic(uid, &["snapshots", "--json"])).expect("JSON");
        let tags = snapshots.iter().flat_map(|snapshot| snapshot["tags"].as_array().into_iter().flatten());
        tags.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    }
}

/// An order, and an upload.
async fn used(cluster: &Cluster, url: &str) {
    until("the shop to be served", async || (visit(url, "/shop/").await.0 == 200).then_some(())).await;
    let ordered = Command::new(workspace().join("scripts/order")).args([url, "--json"]).output().expect("run it");
    assert!(ordered.status.success(), "{}", String::from_utf8_lossy(&ordered.stderr));
    let write = format!("file_put_contents('/srv/wordpress/wp-content/uploads/only.txt', '{PICTURE}');");
    cluster.php(ID, &write);
}

async fn in_state(client: &Client, id: &str, state: backup::State) -> Backup {
    until(state.as_str_name(), async || client.get_backup(id).await.ok().filter(|backup| backup.state() == state)).await
}

#[tokio::test]
async fn a_backup_is_whole_though_the_server_died_and_restic_alone_reads_it() {
    let (cluster, redis, repository) = (Cluster::full(), RedisServer::start().await, Repository::new());
    let options = repository.options(&cluster, &redis);
    let server = options.start_ready().await;
    let client = server.client().await;
    client.create(sendstores_client::CreateStore::new().id(ID)).await.expect("create");
    let store = ready(&client, ID).await;
    used(&cluster, &store.url).await;

    let asked = client.create_backup(CreateBackup::new(ID)).await.expect("accepted");
    in_state(&client, &asked.id, backup::State::Running).await;
    server.kill9();
    let server = options.start_ready().await;
    let client = server.client().await;
    let made = client.wait_until_backed_up(&asked.id, |_| {}).await.expect("a backup");
    let manifest = made.manifest.as_ref().expect("what is in it");
    assert_eq!((manifest.orders, manifest.files > 0, manifest.rows > 0), (1, true, true), "{made:?}");
    assert_eq!(client.get(ID).await.expect("the store").state(), sendstores_client::State::Ready);

    let name = asked.id.rsplit('/').next().expect("a name");
    assert_eq!(repository.tags(&store.uid), [format!("backup={name}")], "one snapshot, by one Job");
    repository.restic(&store.uid, &["check", "--read-data"]);
    let dump = repository.restic(&store.uid, &["dump", "latest", "/scratch/backup/database.sql"]);
    let dump = String::from_utf8_lossy(&dump);
    assert!(dump.trim_end().lines().last().is_some_and(|line| line.starts_with("-- Dump completed")));
    let tables = dump.lines().filter(|line| line.starts_with("CREATE TABLE ")).count();
    assert_eq!(i64::try_from(tables).ok(), Some(manifest.tables));
    let file = repository.restic(&store.uid, &["dump", "latest", "/source/wp-content/uploads/only.txt"]);
    assert_eq!(String::from_utf8_lossy(&file), PICTURE);

    client.delete_backup(&asked.id).await.expect("accepted");
    until("the backup to be gone", async || client.get_backup(&asked.id).await.is_err().then_some(())).await;
    assert!(repository.tags(&store.uid).is_empty());
    client.delete(ID).await.expect("accepted");
    gone(&cluster, &client, ID).await;
}
