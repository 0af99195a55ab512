# shellcheck shell=bash
# Everything the cluster starts stays in one cgroup, so that stopping it needs
# no list of processes: the kernel knows them all.

# The hierarchy by which processes are found: cgroup v2, alone or beside v1,
# where a process cannot leave by accident; else v1's "pids".
tracking_cgroup() {
	local root
	for root in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/pids; do
		if [[ -e $root/cgroup.controllers || $root == */pids ]]; then
			echo "$root/$CGROUP"
			return 0
		fi
	done
}

hierarchies() {
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		echo /sys/fs/cgroup
	else
		# Links such as cpu -> cpu,cpuacct are the same hierarchy twice.
		find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d
	fi
}

# The kubelet gets the root "kubepods" of its pods below our cgroup: two
# kubelets with the default root would remove each other's pods as orphans.
make_cgroups() {
	local root mine
	for root in $(hierarchies); do
		mine=$root/$CGROUP
		mkdir -p "$mine"
		[[ $root != */cpuset ]] || inherit_cpuset "$mine"
	done
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		local controller
		for controller in cpuset cpu io memory hugetlb pids; do
			echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
			echo "+$controller" >"/sys/fs/cgroup/$CGROUP/cgroup.subtree_control" 2>/dev/null || true
		done
	fi
	mkdir -p "$(tracking_cgroup)/host" "$(tracking_cgroup)/runtime"
}

# A new cpuset has no processors, and refuses every process until it has.
inherit_cpuset() {
	local file
	for file in cpuset.cpus cpuset.mems; do
		[[ -n $(<"$1/$file") ]] || cat "${1%/*}/$file" >"$1/$file"
	done
}

processes_in() { find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null || true; }

nobody_in() { [[ -z $(processes_in "$1") ]]; }

# kill_all CGROUP: at once and with everything below it.
kill_all() {
	local group=$1 limit=$((SECONDS + 20)) pids
	[[ -d $group ]] || return 0
	until nobody_in "$group"; do
		if [[ -e $group/cgroup.kill ]]; then
			echo 1 >"$group/cgroup.kill"
		else
			mapfile -t pids < <(processes_in "$group")
			kill -KILL "${pids[@]}" 2>/dev/null || true
		fi
		((SECONDS < limit)) || die "these processes do not end: $(processes_in "$group" | tr '\n' ' ')"
		sleep 0.02
	done
}

remove_cgroups() {
	local root limit=$((SECONDS + 10))
	for root in $(hierarchies); do
		# The kernel frees a cgroup a moment after its last process is gone.
		until find "$root/$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || [[ ! -d $root/$CGROUP ]]; do
			((SECONDS < limit)) || die "$root/$CGROUP could not be removed"
			sleep 0.02
		done
	done
}
