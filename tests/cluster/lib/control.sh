# shellcheck shell=bash
# The control plane: etcd, API server, controllers, scheduler, volumes.

up() {
	install_packages
	build_programs
	local built=$BIN
	recall
	# A running cluster goes on with the programs it was started with.
	alive kube-apiserver || BIN=$built
	check_mode
	forget_dead_daemons
	mkdir -p "$STATE/logs" "$RUN/pids" "$STATE/volumes"
	remember BIN "$BIN"
	make_cgroups
	make_network
	make_certificates
	start_supervisor
	start_control_plane
	if [[ $LIGHT == yes ]]; then up_light; else up_node; fi
	start_s3
	touch "$STATE/ready"
	say "cluster $NAME is up: $(summary)"
}

# A cluster keeps the mode it was made in.
check_mode() {
	local asked=full
	[[ $LIGHT == no ]] || asked=light
	[[ ${MODE:-$asked} == "$asked" ]] ||
		die "cluster $NAME exists in $MODE mode: choose another --name, or tests/cluster/cluster down --name $NAME"
	[[ -n ${MODE:-} ]] || remember MODE "$asked"
	MODE=$asked
}

start_control_plane() {
	# What is lost when the machine loses power is a test cluster: do not wait for the disk.
	node_daemon etcd etcd --data-dir "$STATE/etcd" --unsafe-no-fsync --log-level warn \
		--listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
		--listen-peer-urls http://127.0.0.1:2380
	start_apiserver
	wait_for 90 "API server" kubectl get --raw /readyz
	say "API server is ready"
	node_daemon kube-controller-manager kube-controller-manager \
		--kubeconfig "$PKI/controllers.conf" --leader-elect=false --secure-port 0 \
		--use-service-account-credentials --service-account-private-key-file "$PKI/service-accounts.key" \
		--root-ca-file "$PKI/ca.crt" --allocate-node-cidrs --cluster-cidr "$PODS" --service-cluster-ip-range "$SERVICES" \
		--kube-api-qps 500 --kube-api-burst 1000 --concurrent-namespace-syncs 50 \
		--concurrent-deployment-syncs 20 --concurrent-replicaset-syncs 20 --concurrent-statefulset-syncs 20
	node_daemon kube-scheduler kube-scheduler \
		--kubeconfig "$PKI/scheduler.conf" --leader-elect=false --secure-port 0 --kube-api-qps 200 --kube-api-burst 400
	node_daemon provisioner provisioner \
		--kubeconfig "$PKI/provisioner.conf" --root "$STATE/volumes"
	apply storage
}

start_apiserver() {
	cp "$HERE/manifests/audit-policy.yaml" "$STATE/audit-policy.yaml"
	node_daemon kube-apiserver kube-apiserver \
		--etcd-servers http://127.0.0.1:2379 --advertise-address "$NODE_IP" --secure-port 6443 \
		--service-cluster-ip-range "$SERVICES" --allow-privileged=true --profiling=false \
		--authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
		--client-ca-file "$PKI/ca.crt" --tls-cert-file "$PKI/apiserver.crt" --tls-private-key-file "$PKI/apiserver.key" \
		--service-account-issuer https://kubernetes.default.svc \
		--service-account-key-file "$PKI/service-accounts.pub" --service-account-signing-key-file "$PKI/service-accounts.key" \
		--kubelet-client-certificate "$PKI/apiserver-kubelet-client.crt" --kubelet-client-key "$PKI/apiserver-kubelet-client.key" \
		--kubelet-certificate-authority "$PKI/ca.crt" --kubelet-preferred-address-types InternalIP \
		--audit-policy-file "$STATE/audit-policy.yaml" --audit-log-path "$STATE/audit.log" \
		--audit-log-maxsize 1000 --audit-log-maxbackup 1
}

# apply MANIFEST [NAME=VALUE...]: replaces @NAME@ by VALUE.
apply() {
	local text pair
	text=$(<"$HERE/manifests/$1.yaml")
	shift
	for pair in "$@"; do text=${text//"@${pair%%=*}@"/"${pair#*=}"}; done
	apply_text "$text"
}

# The API server fills in some of its own objects only after it says it is
# ready, so the first attempt may come too early.
apply_text() {
	local limit=$((SECONDS + 30))
	until kubectl apply --server-side --force-conflicts -f - <<<"$1" >"$STATE/logs/apply.log" 2>&1; do
		((SECONDS < limit)) || die "kubectl apply: $(<"$STATE/logs/apply.log")"
		sleep 0.2
	done
}
