# shellcheck shell=bash
# What others ask about a cluster.

summary() {
	if [[ $MODE == light ]]; then
		echo "light, $SIMULATED_NODES simulated nodes, API https://$NODE_IP:6443"
	else
		echo "ingress http://*.localhost:$PORT, API https://$NODE_IP:6443"
	fi
}

print_env() {
	need_up
	local pair
	for pair in KUBECONFIG="$STATE/kubeconfig" SENDSTORES_INGRESS_PORT="${PORT:-}" NODE_IP="$NODE_IP" NETNS="$NETNS" \
		VOLUMES_DIR="$STATE/volumes" AUDIT_LOG="$STATE/audit.log" CLUSTER_BIN="$BIN"; do
		printf '%s=%q\n' "${pair%%=*}" "${pair#*=}"
	done
	s3_env
}

status() {
	recall
	if [[ $JSON == yes ]]; then status_json; else status_text; fi
	# The exit status answers "is all of it running?".
	[[ -e $STATE/ready ]] && ! dead_daemon >/dev/null
}

daemons() { [[ ! -d $RUN/pids ]] || ls "$RUN/pids"; }
resident() { awk '/^VmRSS/ {print int($2 / 1024)}' "/proc/$(pid_of "$1")/status"; }

status_text() {
	local name
	[[ -e $STATE/ready ]] || { echo "cluster $NAME is not up" && return; }
	echo "cluster $NAME: $(summary)"
	echo "kubeconfig: $STATE/kubeconfig"
	for name in $(daemons); do
		if alive "$name"; then
			printf '  %-24s running  pid %-8s %5s MiB\n' "$name" "$(pid_of "$name")" "$(resident "$name")"
		else
			printf '  %-24s STOPPED  log %s\n' "$name" "$STATE/logs/$name.log"
		fi
	done
}

status_json() {
	local name
	for name in $(daemons); do
		if alive "$name"; then
			jq -n --arg name "$name" --argjson pid "$(pid_of "$name")" --argjson mib "$(resident "$name")" \
				'{($name): {running: true, pid: $pid, resident_mib: $mib}}'
		else
			jq -n --arg name "$name" '{($name): {running: false}}'
		fi
	done | jq -s --arg name "$NAME" --arg mode "${MODE:-}" --arg ip "${NODE_IP:-}" --arg port "${PORT:-}" --arg state "$STATE" \
		--arg up "$([[ -e $STATE/ready ]] && echo true)" \
		'{name: $name, up: ($up == "true"), mode: $mode, node_ip: $ip, ingress_port: ($port | tonumber? // null),
		kubeconfig: ($state + "/kubeconfig"), daemons: (add // {})}'
}
