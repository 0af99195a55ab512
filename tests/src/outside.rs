//! What is around the pods of a real node, so that "closed" can mean a wall and not that nobody is there: a network
//! behind the node, a metadata service, and the kubelet's read-only port.

use std::{
    env,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use crate::{programs::program, wait::until};

/// An address of the internet, as it were; reserved for documentation.
pub const OUTSIDE: &str = "203.0.113.10";
const GATEWAY: &str = "203.0.113.9";
/// Where clouds tell a machine its secrets.
pub const METADATA: &str = "169.254.169.254";

/// Listeners outside of the pods; gone when dropped.
pub struct Outside {
    /// Address of the node.
    pub node: String,
    node_net: String,
    outside_net: String,
    listeners: Vec<Child>,
}

// === impl Outside ===

impl Outside {
    pub async fn around_the_node() -> Self {
        let told = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set, as `make test` does"));
        let (node, node_net) = (told("SENDSTORES_TEST_NODE_IP"), told("SENDSTORES_TEST_NETNS"));
        let outside_net = format!("{node_net}-out");
        let mut outside = Self { node, node_net, outside_net, listeners: Vec::new() };
        outside.clear();
        outside.connect();
        let node = outside.node.clone();
        for port in ["8080", "8081"] {
            outside.listen(&outside.outside_net.clone(), &format!("{OUTSIDE}:{port}")).await;
        }
        for address in [format!("{METADATA}:80"), format!("{node}:10255")] {
            outside.listen(&outside.node_net.clone(), &address).await;
        }
        outside
    }

    /// A network of its own, joined to the node's as the internet is.
    fn connect(&self) {
        let (node, outside) = (self.node_net.as_str(), self.outside_net.as_str());
        let link = self.link();
        ip(&["netns", "add", outside]);
        ip(&["-n", node, "link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", outside]);
        ip(&["-n", node, "addr", "add", &format!("{GATEWAY}/30"), "dev", &link]);
        ip(&["-n", node, "link", "set", &link, "up"]);
        ip(&["-n", outside, "addr", "add", &format!("{OUTSIDE}/30"), "dev", "eth0"]);
        for device in ["eth0", "lo"] {
            ip(&["-n", outside, "link", "set", device, "up"]);
        }
        ip(&["-n", outside, "route", "add", "default", "via", GATEWAY]);
        ip(&["-n", node, "addr", "add", &format!("{METADATA}/32"), "dev", "lo"]);
    }

    /// Names of links are short.
    fn link(&self) -> String {
        format!("o{}", self.node_net.rsplit('-').next().unwrap_or_default())
    }

    async fn listen(&mut self, net: &str, address: &str) {
        let mut command = in_net(net);
        command.arg(program("pod-standin")).args(["serve", address]).stdin(Stdio::null());
        self.listeners.push(command.spawn().expect("run nsenter"));
        let address: SocketAddr = address.parse().expect("an address");
        let net = net.to_owned();
        until("the listener", async || reaches(&net, address).then_some(())).await;
    }

    /// Whether somebody listens there, as seen from the node, which no wall keeps out.
    pub fn reached_by_the_node(&self, address: SocketAddr) -> bool {
        reaches(&self.node_net, address)
    }

    /// What an earlier test may have left.
    fn clear(&self) {
        for words in [
            &["netns", "del", &self.outside_net][..],
            &["-n", &self.node_net, "addr", "del", &format!("{METADATA}/32"), "dev", "lo"],
        ] {
            let _ = Command::new("ip").args(words).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        for listener in &mut self.listeners {
            let _ = listener.kill();
            let _ = listener.wait();
        }
        self.clear();
    }
}

/// A command in a network. Not by `ip netns exec`, which hides cgroups from it.
fn in_net(net: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{net}")).arg("--");
    command
}

fn reaches(net: &str, address: SocketAddr) -> bool {
    let open = format!("exec 3<>/dev/tcp/{}/{}", address.ip(), address.port());
    let mut command = in_net(net);
    command.args(["timeout", "2", "bash", "-c", &open]).stdin(Stdio::null()).stderr(Stdio::null());
    command.status().expect("run nsenter").success()
}

fn ip(words: &[&str]) {
    let output = Command::new("ip").args(words).output().expect("run ip");
    assert!(output.status.success(), "ip {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}
