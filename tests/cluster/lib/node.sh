# shellcheck shell=bash
# The real node: containerd, kubelet, kube-proxy, network policy, DNS, ingress.

# containerd and the kubelet use fixed paths. Both run in a mount namespace of
# their own where these lead into our folders: two clusters and the machine's
# own container engine never meet, and every mount vanishes with the processes.
FIXED=(/run/containerd /var/lib/kubelet /var/lib/cni /var/log/containers)

up_node() {
	make_service_route
	write_node_configs
	start_containerd
	node_daemon kube-proxy kube-proxy --kubeconfig "$PKI/proxy.conf" \
		--hostname-override "$NODE" --proxy-mode nftables --cluster-cidr "$PODS" \
		--healthz-bind-address 127.0.0.1:10256 --metrics-bind-address 127.0.0.1:10249 \
		--conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 --conntrack-tcp-timeout-close-wait 0
	load_system_images
	start_kubelet
	apply dns IMAGE="$(system_image coredns)"
	apply ingress IMAGE="$(system_image traefik)" NODE_IP="$NODE_IP"
	wait_for 60 "node $NODE" node_is_ready
	say "node is ready"
	node_daemon kube-router kube-router --kubeconfig "$PKI/kube-router.conf" \
		--hostname-override "$NODE" --run-router=false --run-firewall=true --run-service-proxy=false \
		--health-port 0 --metrics-port 0
	start_forwarder
	wait_for 90 "DNS" deployment_is_ready kube-system coredns
	wait_for 90 "ingress" ingress_answers
}

write_node_configs() {
	mkdir -p "$STATE/cni"
	: >"$STATE/resolv.conf"
	fill bridge.conflist "$STATE/cni/10-bridge.conflist"
	fill kubelet.yaml "$STATE/kubelet.yaml"
}

# fill TEMPLATE FILE
fill() {
	local text name
	text=$(<"$HERE/manifests/$1")
	PAUSE=$(system_image pause)
	for name in STATE PKI NODE_IP CGROUP STORE DNS_IP PAUSE; do text=${text//"@$name@"/"${!name:-}"}; done
	printf '%s\n' "$text" >"$2"
}

start_containerd() {
	if ! alive containerd; then
		stop_runtime
		take_store
		fill containerd.toml "$STATE/containerd.toml"
		make_fixed_places
		GROUP=runtime node_daemon containerd unshare --mount --propagation slave \
			bash "$HERE/lib/mounts.sh" "$RUN/fixed" "${FIXED[@]}" -- containerd --config "$STATE/containerd.toml"
		# The lock lives as long as a process of the runtime does.
		exec 6>&-
	fi
	wait_for 30 "containerd" ctr version
}

# Left over by a crash: containers whose keeper is gone. The kubelet goes too,
# since it lives in the mount namespace of the old containerd.
stop_runtime() {
	! alive kubelet || kill -KILL "$(pid_of kubelet)"
	rm -f "$RUN/pids/kubelet" "$RUN/pids/containerd"
	kill_all "$(tracking_cgroup)/runtime"
	local root
	for root in $(hierarchies); do kill_all "$root/$CGROUP/kubepods"; done
}

# The places must exist to be mounted on. "down" removes them again.
make_fixed_places() {
	local place
	for place in "${FIXED[@]}"; do
		mkdir -p "$RUN/fixed$place"
		[[ -d $place ]] && continue
		mkdir -p "$place"
		echo "$place" >>/run/sendstores/made
	done
	# Large and no sockets: better on disk than in /run, which is memory.
	mkdir -p "$STATE/kubelet"
	[[ -L $RUN/fixed/var/lib/kubelet ]] || { rmdir "$RUN/fixed/var/lib/kubelet" && ln -s "$STATE/kubelet" "$RUN/fixed/var/lib/kubelet"; }
}

start_kubelet() {
	node_daemon kubelet nsenter --mount="/proc/$(pid_of containerd)/ns/mnt" kubelet \
		--config "$STATE/kubelet.yaml" --kubeconfig "$PKI/kubelet.conf" --node-ip "$NODE_IP" --hostname-override "$NODE"
}

# The condition may be left from before a restart: only a heartbeat that is not
# older than this kubelet counts.
node_is_ready() {
	local ready beat
	read -r ready beat < <(kubectl get node "$NODE" -o \
		'jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status} {.lastHeartbeatTime}{end}')
	[[ $ready == True ]] && (($(date -d "$beat" +%s) >= $(stat -c %Y "$RUN/pids/kubelet")))
}

deployment_is_ready() { [[ $(kubectl get deployment -n "$1" "$2" -o 'jsonpath={.status.readyReplicas}') == 1 ]]; }

ingress_answers() { curl -sf -o /dev/null --noproxy '*' --max-time 2 "http://127.0.0.1:$PORT/ping"; }

start_forwarder() {
	local first=${INGRESS_PORT:-${PORT:-8080}} last
	last=${INGRESS_PORT:-${PORT:-8999}}
	if [[ -n $INGRESS_PORT && $INGRESS_PORT != "${PORT:-$INGRESS_PORT}" ]] && alive forward; then
		kill "$(pid_of forward)" && rm "$RUN/pids/forward"
	fi
	alive forward || rm -f "$RUN/port"
	daemon forward forward -first "$first" -last "$last" -to "$NODE_IP:80" -port-file "$RUN/port"
	wait_for 5 "forwarding 127.0.0.1:$first to the ingress" test -s "$RUN/port"
	PORT=$(<"$RUN/port")
	remember PORT "$PORT"
}
