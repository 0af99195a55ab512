# shellcheck shell=bash
# Names and places of one cluster, messages, waiting, and daemons.

CACHE=${SENDSTORES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sendstores}
NODE=node1
SERVICES=10.96.0.0/16
PODS=10.244.0.0/16
DNS_IP=10.96.0.10
STARTED_AT=${EPOCHREALTIME/./}

say() { printf '%6.1fs  %s\n' "$(elapsed)" "$*" >&2; }
elapsed() { local us=$((${EPOCHREALTIME/./} - STARTED_AT)); printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10)); }
die() {
	printf 'cluster: %s\n' "$*" >&2
	exit 1
}

# Every name holds a hash of the checkout and of the cluster's name, so that
# clusters of several clones and of one clone never meet.
name_places() {
	ID=$(printf '%s' "$ROOT/$NAME" | sha256sum | cut -c1-8)
	STATE=$ROOT/.dev/cluster/$NAME   # data; goes with the cluster
	RUN=/run/sendstores/$ID          # sockets (their paths must be short) and pids
	NETNS=sendstores-$NAME-$ID
	LINK=ss$ID                       # at most 15 characters
	CGROUP=sendstores-$ID
	name_programs
}

# One command at a time changes a cluster.
locked() {
	mkdir -p "$CACHE/locks"
	# "down" removes the file: who waited for it meanwhile must take the new one.
	until [[ /proc/$BASHPID/fd/9 -ef $CACHE/locks/$ID ]]; do
		exec 9>"$CACHE/locks/$ID"
		flock -n 9 || { say "another command works on cluster $NAME: waiting for it" && flock 9; }
	done
	"$@"
}

remember() { mkdir -p "$STATE" && printf '%s=%q\n' "$1" "$2" >>"$STATE/settings"; }
# Last line wins.
recall() {
	local line
	[[ ! -e $STATE/settings ]] || while read -r line; do eval "$line"; done <"$STATE/settings"
}

need_up() {
	[[ -e $STATE/ready ]] || die "cluster $NAME is not up: tests/cluster/cluster up --name $NAME"
	recall
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds. It looks often,
# because what is awaited has no event a shell could listen to.
wait_for() {
	local seconds=$1 what=$2 limit=$((SECONDS + $1)) daemon
	shift 2
	until "$@" >/dev/null 2>"$RUN/last-error"; do
		daemon=$(dead_daemon) && die "$daemon stopped while waiting for $what; its last lines:"$'\n'"$(tail -5 "$STATE/logs/$daemon.log")"
		((SECONDS < limit)) || die "$what: not within $seconds s ($(tail -c 300 "$RUN/last-error")); logs: $STATE/logs"
		sleep 0.05
	done
}

# === daemons ===

# A pid file holds the pid and the start time, so that a pid that was given to
# another process is never taken for ours.
# A zombie counts as gone.
start_time() {
	local stat
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
	read -ra stat <<<"${stat##*) }"
	[[ ${stat[0]} != Z ]] && echo "${stat[19]}"
}

alive() {
	local pid since
	read -r pid since 2>/dev/null <"$RUN/pids/$1" && [[ $(start_time "$pid") == "$since" ]]
}

dead_daemon() {
	local file
	for file in "$RUN/pids"/*; do
		[[ -e $file ]] && ! alive "${file##*/}" && echo "${file##*/}" && return 0
	done
	return 1
}

# Before a repair: who waits for a daemon looks for others that stopped meanwhile.
forget_dead_daemons() {
	local file
	for file in "$RUN/pids"/*; do
		[[ ! -e $file ]] || alive "${file##*/}" || rm "$file"
	done
}

pid_of() { cut -d' ' -f1 "$RUN/pids/$1"; }

# daemon NAME COMMAND...: start it unless it runs. It gets a clean environment
# (a proxy setting would keep it from its neighbours), no terminal, none of our
# descriptors, and our cgroup, by which "down" finds it and all its children.
daemon() {
	local name=$1
	shift
	alive "$name" && return 0
	mkdir -p "$RUN/pids" "$STATE/logs"
	(
		exec 9>&- </dev/null >>"$STATE/logs/$name.log" 2>&1
		echo "$BASHPID" >"$(tracking_cgroup)/${GROUP:-host}/cgroup.procs"
		exec setsid env -i PATH="$BIN:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root "$@"
	) &
	local pid=$!
	echo "$pid $(start_time $pid)" >"$RUN/pids/$name"
}

# The same inside the node's network.
node_daemon() { daemon "$1" nsenter --net="/run/netns/$NETNS" "${@:2}"; }

inside() { nsenter --net="/run/netns/$NETNS" -- "$@"; }
kubectl() { "$BIN/kubectl" --kubeconfig "$STATE/kubeconfig" "$@"; }
