# shellcheck shell=bash
# Taking a cluster away, whole, whatever state it is in.

down_command() {
	local names=("$NAME")
	if [[ $ALL == yes ]]; then
		mapfile -t names < <(cd "$ROOT/.dev/cluster" 2>/dev/null && printf '%s\n' *)
	fi
	for NAME in "${names[@]}"; do
		[[ $NAME != '*' ]] || continue
		name_places
		locked down
	done
}

# Nothing here reads what "up" wrote down: names alone lead to everything, so
# it works after any crash. Killing at once is right, because all state goes too.
down() {
	[[ $EUID == 0 ]] || need_linux_root
	[[ $command == supervise ]] || stop_supervisor
	local root
	kill_all "$(tracking_cgroup)"
	for root in $(hierarchies); do kill_all "$root/$CGROUP"; done
	remove_network
	remove_cgroups
	rm -rf --one-file-system "$STATE" "$RUN"
	rmdir "$ROOT/.dev/cluster" "$ROOT/.dev" 2>/dev/null || true
	remove_fixed_places
	rm -f "$CACHE/locks/$ID"
	say "cluster $NAME is gone"
}

# Removing a place unmounts it in every other cluster: only the last one may.
remove_fixed_places() {
	local place
	compgen -G '/run/sendstores/*/' >/dev/null && return 0
	if [[ -e /run/sendstores/made ]]; then
		while read -r place; do rmdir "$place" 2>/dev/null || true; done </run/sendstores/made
		rm /run/sendstores/made
	fi
	rmdir /run/sendstores 2>/dev/null || true
}

# === the guard of abandoned clusters ===

# The supervisor is a session of its own, outside the cluster's cgroup: it must
# survive both the end of the owner's session and the killing it orders.
start_supervisor() {
	[[ -n $OWNER ]] || return 0
	stop_supervisor
	setsid "$HERE/cluster" supervise --name "$NAME" --owner "$OWNER" 9>&- </dev/null >>"$STATE/logs/supervisor.log" 2>&1 &
	echo "$! $(start_time $!)" >"$RUN/supervisor"
}

supervise() {
	local since
	[[ -n $OWNER ]] || die "supervise: --owner is missing"
	since=$(start_time "$OWNER") || since=gone
	while [[ $(start_time "$OWNER") == "$since" ]]; do
		timeout 60 tail --pid="$OWNER" -s 0.5 -f /dev/null || true
	done
	say "owner $OWNER is gone"
	locked down
}

stop_supervisor() {
	local pid since
	read -r pid since 2>/dev/null <"$RUN/supervisor" || return 0
	[[ $(start_time "$pid") != "$since" ]] || kill "$pid"
	rm -f "$RUN/supervisor"
}
