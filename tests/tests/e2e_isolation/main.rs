//! Two stores side by side on a real node: what each of their containers reaches, and what it does not. Each attempt is
//! a row of one table. No "closed" counts that does not open when the walls are gone.

mod bounds;

use std::{fmt::Write as _, net::SocketAddr};

use k8s_openapi::api::{
    core::v1::{Pod, Service},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use sendstores_client::{Client, CreateStore, Error, v1::store::State};
use sendstores_tests::{
    cluster::Cluster,
    identity::Identity,
    outside::{METADATA, OUTSIDE, Outside},
    provisioning::Rig,
    redis::RedisServer,
    server::Server,
    wait::until,
};
use serde_json::json;

/// The store whose walls are as they come, and its neighbour, whose environment names a payment provider.
const STORE: &str = "store-walls-a";
const OTHER: &str = "store-walls-b";
/// A namespace without any walls.
const OPEN: &str = "walls-open";
const PROVIDER: &str = "network: {egress: [{cidr: 203.0.113.10/32, ports: [8080]}], egressHosts: [203.0.113.10]}";

/// Where an attempt starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    WordPress(&'static str),
    Database(&'static str),
    Unwalled,
}

/// One attempt to connect.
struct Row {
    what: &'static str,
    from: From,
    to: SocketAddr,
    open: bool,
}

/// Everything that is there to be reached, by address: a name that is not found would look like a wall.
struct Targets {
    /// Service and pod of each store's database and shop.
    databases: [[SocketAddr; 2]; 2],
    shops: [[SocketAddr; 2]; 2],
    unwalled: [SocketAddr; 2],
    dns: SocketAddr,
    ingress: [SocketAddr; 2],
    api: [SocketAddr; 2],
    kubelet: [SocketAddr; 2],
    metadata: SocketAddr,
    provider: SocketAddr,
    provider_other_port: SocketAddr,
}

/// A store with its control plane.
struct Neighbour {
    id: &'static str,
    client: Client,
    _server: Server,
    _redis: RedisServer,
}

struct World {
    cluster: Cluster,
    identity: Identity,
    admin: Rig,
    outside: Outside,
}

// === impl From ===

impl From {
    fn describe(self) -> &'static str {
        match self {
            Self::WordPress(STORE) => "WordPress",
            Self::Database(STORE) => "database",
            Self::WordPress(_) => "WordPress of the other store, whose values name the provider",
            Self::Database(_) => "database of the other store",
            Self::Unwalled => "a pod without walls",
        }
    }

    fn place(self) -> [&'static str; 4] {
        match self {
            Self::WordPress(store) => [store, "deployment/wordpress", "-c", "wordpress"],
            Self::Database(store) => [store, "statefulset/mysql", "-c", "mysql"],
            Self::Unwalled => [OPEN, "pod/open", "-c", "open"],
        }
    }
}

// === impl Neighbour ===

impl Neighbour {
    async fn ready(&self) {
        until("the store to be READY", async || {
            self.client.get(self.id).await.ok().filter(|store| store.state() == State::Ready)
        })
        .await;
    }

    async fn gone(&self) {
        let asked = async || matches!(self.client.get(self.id).await, Err(Error::NotFound(_))).then_some(());
        until("the store to be gone", asked).await;
    }
}

// === impl World ===

impl World {
    async fn new() -> Self {
        let cluster = Cluster::full();
        let identity = Identity::install(&cluster, &format!("plane-{}", std::process::id())).await;
        let admin = Rig::at(cluster.kubeconfig.clone().into()).await;
        Self { cluster, identity, admin, outside: Outside::around_the_node().await }
    }

    /// A pod that anybody may reach, and that may reach anybody.
    async fn open_pod(&self) {
        // Where this test ran before, its namespace may still be going.
        let made = async || self.cluster.kubectl(&["create", "namespace", OPEN]).status.success().then_some(());
        until("the namespace without walls", made).await;
        let shop = self.cluster.get(&["-n", STORE, "deployment", "wordpress"]);
        let image = &shop["spec"]["template"]["spec"]["containers"][0]["image"];
        let listen = "php -n -S 0.0.0.0:3306 -t /tmp & exec php -n -S 0.0.0.0:8080 -t /tmp";
        let pod = json!({"metadata": {"name": "open", "labels": {"name": "open"}}, "spec": {"containers": [
            {"name": "open", "image": image, "command": ["sh", "-c", listen]}]}});
        let api: Api<Pod> = Api::namespaced(self.admin.client.clone(), OPEN);
        let pod = serde_json::from_value(pod).expect("a pod");
        // The namespace's account is made some time after the namespace.
        until("the pod without walls", async || api.create(&PostParams::default(), &pod).await.ok()).await;
        let ready = ["-n", OPEN, "wait", "--for=condition=Ready", "pod/open", "--timeout=60s"];
        assert!(self.cluster.kubectl(&ready).status.success());
    }

    /// A store that is being made by a control plane of its own, whose environment has these values, too.
    async fn store(&self, id: &'static str, values: &str) -> Neighbour {
        let cluster = self.cluster.clone().with_values(self.admin.values(id, values));
        let redis = RedisServer::start().await;
        let server = cluster.server(&redis.url()).env("KUBECONFIG", self.identity.kubeconfig()).start_ready().await;
        let client = server.client().await;
        client.create(CreateStore::new().id(id)).await.expect("create");
        Neighbour { id, client, _server: server, _redis: redis }
    }

    async fn pod(&self, namespace: &str, labels: &str, port: u16) -> SocketAddr {
        let api: Api<Pod> = Api::namespaced(self.admin.client.clone(), namespace);
        until(labels, async || {
            let pods = api.list(&ListParams::default().labels(labels)).await.ok()?;
            let ip = pods.items.first()?.status.as_ref()?.pod_ip.as_ref()?.parse().ok()?;
            Some(SocketAddr::new(ip, port))
        })
        .await
    }

    async fn service(&self, namespace: &str, name: &str, port: u16) -> SocketAddr {
        let api: Api<Service> = Api::namespaced(self.admin.client.clone(), namespace);
        let service = api.get(name).await.expect("the service");
        let ip = service.spec.and_then(|spec| spec.cluster_ip).expect("its address");
        SocketAddr::new(ip.parse().expect("an address"), port)
    }

    async fn both(&self, store: &str, name: &str, service: u16, pod: u16) -> [SocketAddr; 2] {
        let labels = format!("app.kubernetes.io/name={name}");
        [self.service(store, name, service).await, self.pod(store, &labels, pod).await]
    }

    async fn targets(&self) -> Targets {
        let at = |host: &str, port: u16| SocketAddr::new(host.parse().expect("an address"), port);
        let node = self.outside.node.as_str();
        let open = self.pod(OPEN, "name=open", 3306).await;
        Targets {
            databases: [self.both(STORE, "mysql", 3306, 3306).await, self.both(OTHER, "mysql", 3306, 3306).await],
            shops: [self.both(STORE, "wordpress", 80, 8080).await, self.both(OTHER, "wordpress", 80, 8080).await],
            unwalled: [open, SocketAddr::new(open.ip(), 8080)],
            dns: self.service("kube-system", "kube-dns", 53).await,
            ingress: [self.pod("traefik", "app.kubernetes.io/name=traefik", 8000).await, at(node, 80)],
            api: [self.service("default", "kubernetes", 443).await, at(node, 6443)],
            kubelet: [at(node, 10250), at(node, 10255)],
            metadata: at(METADATA, 80),
            provider: at(OUTSIDE, 8080),
            provider_other_port: at(OUTSIDE, 8081),
        }
    }

    /// Whether each of these can be connected to from there; one exec for all of them.
    fn try_all(&self, from: From, to: &[SocketAddr]) -> Vec<bool> {
        // All at once: one that nobody answers takes its two seconds.
        let tried = |(number, to): (usize, &SocketAddr)| {
            let open = format!("timeout 2 bash -c 'exec 3<>/dev/tcp/{}/{}' 2>/dev/null", to.ip(), to.port());
            format!("({open} && echo {number}) &")
        };
        let script: String = to.iter().enumerate().map(tried).collect::<Vec<_>>().join(" ") + " wait";
        let [namespace, rest @ ..] = from.place();
        let args = [&["-n", namespace, "exec"], &rest[..], &["--", "bash", "-c", &script]].concat();
        let output = self.cluster.kubectl(&args);
        assert!(output.status.success(), "{from:?}: {}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout);
        let open: Vec<usize> = said.lines().map(|line| line.parse().expect("a number")).collect();
        (0..to.len()).map(|number| open.contains(&number)).collect()
    }

    /// Tries each row.
    fn try_rows(&self, rows: &[Row]) -> Vec<bool> {
        let mut seen = vec![false; rows.len()];
        for from in [From::WordPress(STORE), From::Database(STORE), From::WordPress(OTHER), From::Unwalled] {
            let mine: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].from == from).collect();
            let to: Vec<SocketAddr> = mine.iter().map(|row| rows[*row].to).collect();
            for (row, open) in mine.into_iter().zip(self.try_all(from, &to)) {
                seen[row] = open;
            }
        }
        seen
    }

    /// What WordPress' own HTTP client says of the payment provider.
    fn wordpress_asks(&self, store: &str) -> String {
        let code = format!(
            "$r = wp_remote_get('http://{OUTSIDE}:8080/'); echo is_wp_error($r) ? $r->get_error_message() : $r['response']['code'];"
        );
        let args = ["-n", store, "exec", "deployment/wordpress", "-c", "wordpress", "--", "wp", "eval", &code];
        let output = self.cluster.kubectl(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// No store has network policies any more.
    async fn tear_down_the_walls(&self) {
        for store in [STORE, OTHER] {
            let api: Api<NetworkPolicy> = Api::namespaced(self.admin.client.clone(), store);
            for policy in api.list(&ListParams::default()).await.expect("policies").items {
                api.delete(&policy.name_any(), &DeleteParams::default()).await.expect("deleted");
            }
        }
    }
}

/// What is tried from a container of a store that has no business with any of it.
fn forbidden(targets: &Targets, from: From) -> Vec<Row> {
    let closed = |what, to| Row { what, from, to, open: false };
    vec![
        closed("other store's database, service", targets.databases[1][0]),
        closed("other store's database, pod", targets.databases[1][1]),
        closed("other store's shop, service", targets.shops[1][0]),
        closed("other store's shop, pod", targets.shops[1][1]),
        closed("port 3306 of a pod without a policy of its own", targets.unwalled[0]),
        closed("port 8080 of a pod without a policy of its own", targets.unwalled[1]),
        closed("API server, service", targets.api[0]),
        closed("API server, node", targets.api[1]),
        closed("kubelet, 10250", targets.kubelet[0]),
        closed("kubelet's read-only port, 10255", targets.kubelet[1]),
        closed("metadata address, 169.254.169.254", targets.metadata),
        closed("Ingress controller, pod", targets.ingress[0]),
        closed("Ingress controller, port 80 of the node", targets.ingress[1]),
        closed("payment provider outside", targets.provider),
    ]
}

fn rows(targets: &Targets) -> Vec<Row> {
    let (wordpress, database) = (From::WordPress(STORE), From::Database(STORE));
    let row = |what, from, to, open| Row { what, from, to, open };
    let mut rows = vec![
        row("own database, service", wordpress, targets.databases[0][0], true),
        row("own database, pod", wordpress, targets.databases[0][1], true),
        row("cluster DNS", wordpress, targets.dns, true),
    ];
    rows.extend(forbidden(targets, wordpress));
    rows.extend([
        row("own shop, service", database, targets.shops[0][0], false),
        row("own shop, pod", database, targets.shops[0][1], false),
        row("cluster DNS", database, targets.dns, false),
    ]);
    rows.extend(forbidden(targets, database));
    rows.extend([
        row("payment provider outside", From::WordPress(OTHER), targets.provider, true),
        row("another port of the provider", From::WordPress(OTHER), targets.provider_other_port, false),
        row("API server, service", From::WordPress(OTHER), targets.api[0], false),
        row("a store's database, pod", From::Unwalled, targets.databases[0][1], false),
        row("a store's shop, pod", From::Unwalled, targets.shops[0][1], false),
    ]);
    rows
}

fn table(rows: &[Row], seen: &[bool], without: &[bool]) -> String {
    let word = |open: bool| if open { "open" } else { "closed" };
    let mut table =
        "| attempt | from | expected | seen | seen without the policies |\n|---|---|---|---|---|\n".to_owned();
    for ((row, seen), without) in rows.iter().zip(seen).zip(without) {
        let cells = [row.what, row.from.describe(), word(row.open), word(*seen), word(*without)];
        writeln!(table, "| {} |", cells.join(" | ")).expect("a line");
    }
    table
}

#[tokio::test]
async fn a_store_reaches_what_it_needs_and_nothing_else() {
    let world = World::new().await;
    let neighbours = [world.store(STORE, "{}").await, world.store(OTHER, PROVIDER).await];
    for neighbour in &neighbours {
        neighbour.ready().await;
    }
    bounds::hold(&world.cluster, &world.admin, STORE).await;
    world.open_pod().await;
    let targets = world.targets().await;
    let rows = rows(&targets);

    // Everybody is there: pods of stores as the node sees them, which no wall keeps out, the rest as any pod does.
    for to in targets.databases.iter().chain(&targets.shops).flatten() {
        assert!(world.outside.reached_by_the_node(*to), "nobody listens at {to}");
    }
    let others = [&targets.unwalled[..], &targets.ingress, &targets.api, &targets.kubelet].concat();
    let others = [others, vec![targets.dns, targets.metadata, targets.provider, targets.provider_other_port]].concat();
    until("a pod without walls to reach everything", async || {
        world.try_all(From::Unwalled, &others).iter().all(|open| *open).then_some(())
    })
    .await;

    let mut seen = vec![false; rows.len()];
    until("what must be open to be reached", async || {
        // What must be closed must be so at every try.
        seen.iter_mut().zip(world.try_rows(&rows)).for_each(|(seen, now)| *seen |= now);
        rows.iter().zip(&seen).all(|(row, seen)| *seen || !row.open).then_some(())
    })
    .await;
    let asked = [STORE, OTHER].map(|store| world.wordpress_asks(store));
    world.tear_down_the_walls().await;
    let mut without = Vec::new();
    until("the walls to be gone", async || {
        without = world.try_rows(&rows);
        without.iter().all(|open| *open).then_some(())
    })
    .await;
    println!("{}", table(&rows, &seen, &without));
    let wrong: Vec<_> =
        rows.iter().zip(&seen).filter(|(row, seen)| row.open != **seen).map(|(row, _)| row.what).collect();
    assert_eq!(wrong, Vec::<&str>::new(), "differs from what is expected");
    assert!(asked[0].contains("blocked requests"), "{asked:?}");
    assert_eq!(asked[1], "200");
    for neighbour in &neighbours {
        neighbour.client.delete(neighbour.id).await.expect("delete");
    }
    for neighbour in &neighbours {
        neighbour.gone().await;
    }
    // On simulated nodes cluster_rights.rs compares both ways; here are the real exec and the real proxy.
    let seen = world.identity.seen();
    assert_eq!(seen.refused, Vec::<String>::new(), "what the control plane was refused");
    assert!(["pods/exec: get", "services/proxy: create"].iter().all(|right| seen.used.contains(*right)));
    assert!(seen.used.is_subset(&world.identity.granted()));
    assert!(world.cluster.kubectl(&["delete", "namespace", OPEN, "--wait=false"]).status.success());
}
