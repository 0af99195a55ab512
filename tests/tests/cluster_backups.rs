//! Backups on a real API server, with the server killed between the steps. The test plays the kubelet: it says how the pod of a Job
//! ends.

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Pod, Secret},
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams, PropagationPolicy},
};
use sendstores_client::{
    Client, CreateStore, State,
    v1::{Backup, backup, failure::Reason},
};
use sendstores_tests::{
    cluster::Cluster,
    life::{gone, ready},
    provisioning::Rig,
    redis::RedisServer,
    server::{Server, ServerOptions},
    wait::until,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const ID: &str = "store-backups";

/// A store that is READY, and a server with a repository that this test stands in for.
struct World {
    cluster: Cluster,
    redis: RedisServer,
    rig: Rig,
    folder: TempDir,
}

// === impl World ===

impl World {
    async fn new() -> Self {
        let (cluster, redis) = (Cluster::light(), RedisServer::start().await);
        let folder = TempDir::new().expect("a folder");
        for (name, text) in
            [("key", "0123456789abcdef0123456789abcdef\n"), ("access-key-id", "one"), ("secret-access-key", "S3cret")]
        {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        Self { cluster, redis, rig: Rig::light().await, folder }
    }

    /// The pods of its Jobs find no node, so that they end when the test says so.
    fn options(&self) -> ServerOptions {
        let values = json!({
            "nodeSelector": {"sendstores.dev/nowhere": "true"},
            "backup": {"image": {"repository": "registry.invalid/backup", "tag": "1"}},
        });
        let file = self.folder.path().join("values.yaml");
        std::fs::write(&file, values.to_string()).expect("written");
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        self.cluster
            .clone()
            .with_values(file)
            .server(&self.redis.url())
            .flag("--backup-repository=s3:http://127.0.0.1:1/bucket/{uid}")
            .flag(format!("--backup-key-file={}", path("key")))
            .flag(format!("--backup-s3-credentials={}", self.folder.path().display()))
    }

    async fn restart(&self, server: Server) -> (Server, Client) {
        server.kill9();
        let server = self.options().start_ready().await;
        let client = server.client().await;
        (server, client)
    }

    fn jobs(&self) -> Api<Job> {
        Api::namespaced(self.rig.client.clone(), ID)
    }

    /// The Job of this name, once its Secret and its pod are there; and its uid.
    async fn job(&self, name: &str) -> (Job, String) {
        let secrets: Api<Secret> = Api::namespaced(self.rig.client.clone(), ID);
        until(name, async || {
            let job = self
                .jobs()
                .get_opt(name)
                .await
                .expect("the API")
                .filter(|job| job.metadata.deletion_timestamp.is_none())?;
            let uid = job.metadata.uid.clone()?;
            let secret = secrets.get_opt(name).await.expect("the API")?;
            let owned = secret.metadata.owner_references?.iter().any(|owner| owner.uid == uid);
            (owned && self.pod(&uid).await.is_some()).then_some((job, uid))
        })
        .await
    }

    async fn pod(&self, job: &str) -> Option<Pod> {
        let pods: Api<Pod> = Api::namespaced(self.rig.client.clone(), ID);
        let all = pods.list(&ListParams::default().labels("app.kubernetes.io/name=backup")).await.expect("the API");
        all.items.into_iter().find(|pod| pod.metadata.owner_references.iter().flatten().any(|owner| owner.uid == job))
    }

    /// The pod of the Job ends with this termination message.
    async fn end(&self, job: &str, code: i32, message: &Value) {
        let pod = self.pod(job).await.expect("a pod").metadata.name.expect("a name");
        let terminated = json!({"exitCode": code, "reason": "Completed", "message": message.to_string()});
        let status = json!({"phase": if code == 0 { "Succeeded" } else { "Failed" }, "containerStatuses": [{
            "name": "backup", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": terminated},
        }]});
        let pods: Api<Pod> = Api::namespaced(self.rig.client.clone(), ID);
        let change = Patch::Merge(json!({"status": status}));
        pods.patch_status(&pod, &PatchParams::default(), &change).await.expect("patched");
    }

    /// Waits until nothing of a Job of this name is left.
    async fn left_nothing(&self, name: &str) {
        let secrets: Api<Secret> = Api::namespaced(self.rig.client.clone(), ID);
        until("nothing is left", async || {
            let job = self.jobs().get_opt(name).await.expect("the API");
            let secret = secrets.get_opt(name).await.expect("the API");
            (job.is_none() && secret.is_none()).then_some(())
        })
        .await;
    }

    /// As by hand.
    async fn remove(&self, name: &str) {
        let how = DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
        self.jobs().delete(name, &how).await.expect("deleted");
    }
}

fn whole() -> Value {
    json!({
        "ok": true, "snapshot": "5f".repeat(32), "consistent_time": "2026-11-30T17:49:33Z", "added_bytes": 7, "total_bytes": 9,
        "manifest": {"tables": 3, "rows": 4, "orders": 2, "newest_order_time": "2026-11-30T17:49:00Z", "files": 5,
            "file_bytes": 6, "database_bytes": 8, "wordpress_version": "7.0", "woocommerce_version": "11.0.1"},
    })
}

async fn reached(client: &Client, id: &str, state: backup::State) -> Backup {
    until(state.as_str_name(), async || client.get_backup(id).await.ok().filter(|backup| backup.state() == state)).await
}

/// The part of a backup's id that its Jobs are named after.
fn name(backup: &Backup) -> &str {
    backup.id.split_once('/').map(|(_, name)| name).expect("a name")
}

/// A Job that is removed by hand is made once more, and no third time.
async fn lost_twice(world: &World, server: Server, client: Client) -> (Server, Client, Backup) {
    let lost = client.create_backup(ID).await.expect("accepted");
    let of_backup = format!("backup-{}", name(&lost));
    let (_, first) = world.job(&of_backup).await;
    until("the Job is on record", async || {
        let running = client.get_backup(&lost.id).await.ok()?;
        (running.state() == backup::State::Running && running.etag != lost.etag).then_some(())
    })
    .await;
    world.remove(&of_backup).await;
    let second = until("another Job", async || {
        let (_, uid) = world.job(&of_backup).await;
        (uid != first).then_some(uid)
    })
    .await;
    let (server, client) = world.restart(server).await;
    assert_eq!(world.job(&of_backup).await.1, second);
    world.remove(&of_backup).await;
    let failed = reached(&client, &lost.id, backup::State::Failed).await;
    assert_eq!(failed.failure.map(|failure| failure.reason()), Some(Reason::BackupJobLost));
    assert_eq!(client.get(ID).await.expect("the store").state(), State::Ready, "the shop sells all the same");
    (server, client, lost)
}

#[tokio::test]
async fn a_server_that_is_killed_between_the_steps_of_a_backup_is_gone_on_from() {
    let world = World::new().await;
    let server = world.cluster.server(&world.redis.url()).start_ready().await;
    let client = server.client().await;
    client.create(CreateStore::new().id(ID)).await.expect("create");
    ready(&client, ID).await;
    let (server, client) = world.restart(server).await;

    let made = client.create_backup(ID).await.expect("accepted");
    let of_backup = format!("backup-{}", name(&made));
    let (job, uid) = world.job(&of_backup).await;
    let pod = serde_json::to_value(job.spec.and_then(|spec| spec.template.spec)).expect("JSON");
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert!(!pod.to_string().contains("S3cret"), "{pod}");
    let (server, client) = world.restart(server).await;
    assert_eq!(reached(&client, &made.id, backup::State::Running).await.id, made.id);
    assert_eq!(world.job(&of_backup).await.1, uid, "there is no second Job");
    server.kill9();
    world.end(&uid, 0, &whole()).await;
    let server = world.options().start_ready().await;
    let client = server.client().await;
    let done = reached(&client, &made.id, backup::State::Succeeded).await;
    let manifest = done.manifest.expect("what was counted");
    assert_eq!((manifest.orders, manifest.woocommerce_version.as_str()), (2, "11.0.1"));
    world.left_nothing(&of_backup).await;
    assert_eq!(client.get(ID).await.expect("the store").state(), State::Ready);

    client.delete_backup(&made.id).await.expect("accepted");
    let of_removal = format!("forget-{}", name(&made));
    let (_, uid) = world.job(&of_removal).await;
    let (server, client) = world.restart(server).await;
    world.end(&uid, 0, &json!({"ok": true})).await;
    until("NOT_FOUND", async || client.get_backup(&made.id).await.err()).await;
    world.left_nothing(&of_removal).await;

    let (server, client, lost) = lost_twice(&world, server, client).await;
    client.delete(ID).await.expect("delete");
    gone(&world.cluster, &client, ID).await;
    assert_eq!(client.get_backup(&lost.id).await.expect("it outlives its store").store, ID);
    drop(server);
}
