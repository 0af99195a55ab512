# shellcheck shell=bash
# The node's network namespace and the one link that joins it to the host.

# The node lives in a /30 of 198.18.0.0/15: a range set aside for tests, which
# no home, office, VPN or container network uses. It gets no default route, so
# nothing in the cluster reaches the internet or the host's networks.
make_network() {
	exec 7>"$CACHE/locks/network"
	flock 7
	if [[ ! -e /run/netns/$NETNS ]] || ! ip link show "$LINK" >/dev/null 2>&1; then
		remove_network
		choose_addresses
		ip netns add "$NETNS"
		ip link add "$LINK" type veth peer name eth0 netns "$NETNS"
	fi
	# Again each time: an "up" that was killed may have left it half done.
	ip addr replace "$HOST_IP/30" dev "$LINK"
	ip link set "$LINK" up
	exec 7>&-
	inside ip link set lo up
	inside ip addr replace "$NODE_IP/30" dev eth0
	inside ip link set eth0 up
	inside sysctl -qw net.ipv4.ip_forward=1
}

# On a start over old state the address must stay: certificates name it.
choose_addresses() {
	local tries
	if [[ -n ${NODE_IP:-} ]]; then
		subnet_free "${HOST_IP%.*}.$((${HOST_IP##*.} - 1))" ||
			die "the addresses of cluster $NAME ($NODE_IP) are taken by something else: tests/cluster/cluster down --name $NAME, then up"
		return 0
	fi
	local place=$((0x$ID % 32768))
	for ((tries = 0; tries < 32768; tries++, place = (place + 1) % 32768)); do
		local base="198.$((18 + place / 16384)).$((place / 64 % 256)).$((place % 64 * 4))"
		subnet_free "$base" || continue
		HOST_IP=${base%.*}.$((${base##*.} + 1))
		NODE_IP=${base%.*}.$((${base##*.} + 2))
		remember HOST_IP "$HOST_IP"
		remember NODE_IP "$NODE_IP"
		return 0
	done
	die "no free addresses in 198.18.0.0/15"
}

subnet_free() { [[ -z $(ip -4 route show table all root "$1/30") ]]; }

# A process in the namespace must find a route to a service's address before
# address translation is reached: the bridge carries it. (Not every kernel has
# the dummy device.)
make_service_route() {
	inside ip link show svc0 >/dev/null 2>&1 || inside ip link add svc0 type bridge
	inside ip link set svc0 up
	inside ip route replace "$SERVICES" dev svc0
	# Without this, traffic between two pods of the node's bridge passes no policy.
	modprobe br_netfilter 2>/dev/null || true
	inside sysctl -qw net.bridge.bridge-nf-call-iptables=1 ||
		die "the kernel has no br_netfilter: network policies could not be enforced"
}

# Simulated pods have addresses but no network. This makes all of them local
# addresses of the namespace, where one stub server can answer for all.
make_simulated_pods_local() {
	inside ip route replace local "$PODS" dev lo
}

# The veth would outlive its namespace for a while: delete it first.
remove_network() {
	ip link del "$LINK" 2>/dev/null || true
	[[ ! -e /run/netns/$NETNS ]] || ip netns del "$NETNS"
}
