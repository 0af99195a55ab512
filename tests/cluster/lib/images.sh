# shellcheck shell=bash
# containerd's image store, and images from archives.

# Importing and unpacking the images takes longer than everything else in a
# start. So the store stays in the cache when a cluster goes, and the next
# cluster, of this checkout or another, continues with it. One containerd
# at a time can use a store: each cluster takes the first one that is free.
take_store() {
	local number
	mkdir -p "$CACHE/images-store"
	for ((number = 0; ; number++)); do
		STORE=$CACHE/images-store/$number
		mkdir -p "$STORE"
		exec 6>"$STORE.lock"
		flock -n 6 && break
	done
	remember STORE "$STORE"
	"$BIN/forget-containers" "$STORE/io.containerd.metadata.v1.bolt/meta.db"
	rm -rf "$STORE"/io.containerd.{grpc.v1.cri,runtime.v2.task,sandbox.controller.v1.shim}
}

ctr() { "$BIN/ctr" --address "$RUN/fixed/run/containerd/containerd.sock" --namespace k8s.io "$@"; }

# image_digest NAME: nothing if it is not there.
image_digest() { ctr images ls "name==$1" 2>"$STATE/logs/ctr.log" | awk 'NR == 2 {print $3}'; }

load_system_images() {
	local name
	for name in pause coredns traefik; do
		[[ -z $(image_digest "$(system_image $name)") ]] || continue
		import "$BIN/$name.tar"
	done
}

load() {
	local archive
	need_up
	[[ $MODE == full ]] || die "cluster $NAME is light: its pods are simulated and need no images"
	(($#)) || die "usage: tests/cluster/cluster load TAR..."
	for archive in "$@"; do
		[[ -r $archive ]] || die "no archive $archive"
		load_one "$archive"
	done
}

load_one() {
	local name digest
	read -r name digest < <(archive_image "$1") || die "$1 is no OCI archive with a named image"
	if [[ $(image_digest "$name") == "$digest" ]]; then
		say "$name is already there"
	else
		import "$1"
	fi
	forget_old "$name"
}

archive_image() {
	tar -xOf "$1" index.json | jq -er '.manifests[0]
		| [(.annotations["io.containerd.image.name"] // .annotations["org.opencontainers.image.ref.name"]), .digest] | @tsv'
}

import() {
	ctr images import --local "$1" >"$STATE/logs/import.log" 2>&1 || die "import of $1: $(tail -3 "$STATE/logs/import.log")"
	say "imported ${1##*/}"
}

# Every change of an image is a new tag, and the store lives long: keep the
# last four of each name. Containers that use an older one are not harmed.
forget_old() {
	local name=$1 repository=${1%:*} list=$STORE/loaded old
	touch "$list"
	{ grep -vxF "$name" "$list" || true; echo "$name"; } >"$list.new" && mv "$list.new" "$list"
	for old in $(grep -F "$repository:" "$list" | head -n -4); do
		ctr images rm "$old" >/dev/null 2>&1 || true
		{ grep -vxF "$old" "$list" || true; } >"$list.new" && mv "$list.new" "$list"
	done
}
