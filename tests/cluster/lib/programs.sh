# shellcheck shell=bash
# Building the programs, once, into a cache folder that all clones share.

PROGRAMS=$HERE/programs
COMPONENTS=(etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl
	provisioner simulated-exec forget-containers)

# Without these the API server calls itself v0.0.0-master, which no chart that names a Kubernetes version accepts.
version_flags() {
	local version=$1 package major minor
	IFS=. read -r major minor _ <<<"${version#v}"
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		printf -- '-X %s.gitVersion=%s -X %s.gitMajor=%s -X %s.gitMinor=%s ' \
			"$package" "$version" "$package" "$major" "$package" "$minor"
	done
}

KUBERNETES=$(awk '$1 == "k8s.io/kubernetes" {print $2; exit}' "$PROGRAMS/go.mod")
BUILD_FLAGS=(-trimpath -ldflags "-s -w $(version_flags "$KUBERNETES")" -tags "no_btrfs,no_devmapper,no_zfs,no_aufs")

# The key holds go.mod, which says the least Go version, and not the version
# that is installed: a patch release of Go is no reason to build for ten minutes.
name_programs() {
	local key
	key=$(cd "$PROGRAMS" && {
		uname -m
		find . -name '*.go' -o -name 'go.???' | LC_ALL=C sort | xargs sha256sum
		echo "${BUILD_FLAGS[*]} ${COMPONENTS[*]}"
		declare -f build_all copy_stages system_images
	} | sha256sum | cut -c1-12)
	BIN=$CACHE/bin-$key
}

build_programs() {
	[[ -e $BIN/complete ]] && return 0
	mkdir -p "$CACHE"
	exec 8>"$CACHE/bin.lock"
	flock -n 8 || { say "another checkout is building the programs: waiting for it" && flock 8; }
	[[ -e $BIN/complete ]] || build_all
	exec 8>&-
}

build_all() {
	local new=$BIN.new
	find_go
	say "building Kubernetes and its companions from source: about 10 minutes on 2 cores, once"
	rm -rf "$CACHE"/bin-*.new
	mkdir -p "$new"
	# First what others wait for: the command line tools.
	compile "$new" "Kubernetes, helm, grpcurl" ./node helm.sh/helm/v4/cmd/helm github.com/fullstorydev/grpcurl/cmd/grpcurl
	compile "$new" "containerd, kube-router, CoreDNS, kwok" \
		github.com/containerd/containerd/v2/cmd/{containerd,containerd-shim-runc-v2,ctr} \
		github.com/cloudnativelabs/kube-router/v2/cmd/kube-router github.com/coredns/coredns \
		sigs.k8s.io/kwok/cmd/kwok ./pause ./forward ./ociimage
	MODULE=s3 compile "$new" "versitygw" github.com/versity/versitygw/cmd/versitygw
	compile "$new" "Traefik" github.com/traefik/traefik/v3/cmd/traefik
	local name
	for name in "${COMPONENTS[@]}"; do ln -sf node "$new/$name"; done
	copy_stages "$new"
	system_images "$new"
	touch "$new/complete"
	mv "$new" "$BIN"
	say "programs are ready in $BIN"
}

# compile FOLDER WHAT PACKAGE...: those of the module of all, or of $MODULE beside it.
compile() {
	local folder=$1 what=$2 log=$1/build.log pid
	shift 2
	(cd "$PROGRAMS/${MODULE:-}" && exec nice -n 5 go build -v "${BUILD_FLAGS[@]}" -o "$folder/" "$@") >"$log" 2>&1 8>&- 9>&- &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		say "  $what: $(grep -vc ' ' "$log" || true) packages compiled, now $(grep -v ' ' "$log" | tail -1)"
		# Report every 15 s, but notice the end at once.
		timeout 15 tail --pid="$pid" -s 0.2 -f /dev/null || true
	done
	wait "$pid" || die "building $what failed:"$'\n'"$(grep -v '^go: downloading' "$log" | tail -20)"
}

# The rules by which kwok plays a node come with its source.
copy_stages() {
	local kwok
	kwok=$(cd "$PROGRAMS" && go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
	local stage
	for stage in node/fast/node-initialize node/heartbeat-with-lease/node-heartbeat-with-lease \
		pod/fast/pod-ready pod/fast/pod-complete pod/fast/pod-delete; do
		echo ---
		cat "$kwok/$stage.yaml"
	done >"$1/kwok-stages.yaml"
}

system_images() {
	local new=$1 name
	for name in pause coredns traefik; do
		mkdir -p "$new/root"
		mv "$new/$name" "$new/root/$name"
		"$new/ociimage" -name "$(system_image $name)" -root "$new/root" -out "$new/$name.tar" "/$name"
		rm -r "$new/root"
	done
}

system_image() { echo "localhost/sendstores-system/$1:${BIN##*-}"; }
