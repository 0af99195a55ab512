# shellcheck shell=bash
# What the cluster needs from the system: Debian packages, and Go to build with.

# program:package, one for each program (or file) that is used directly.
NEEDED=(runc:runc /usr/lib/cni/bridge:containernetworking-plugins iptables:iptables nft:nftables
	ipset:ipset ip:iproute2 conntrack:conntrack openssl:openssl jq:jq nsenter:util-linux ps:procps
	curl:curl unzip:unzip)

missing_packages() {
	local pair
	for pair in "${NEEDED[@]}"; do
		PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
	done
}

need_linux_root() {
	[[ $(uname -s) == Linux ]] || die "the local cluster runs on Linux only; elsewhere use kind, minikube or any cluster your kubectl reaches"
	[[ $EUID == 0 ]] || die "the local cluster needs root (namespaces, mounts, cgroups); or use a cluster your kubectl reaches"
}

install_packages() {
	local packages
	need_linux_root
	mapfile -t packages < <(missing_packages)
	((${#packages[@]})) || return 0
	command -v apt-get >/dev/null || die "missing: ${packages[*]} (Debian names); no apt-get here, install them by hand"
	say "installing ${packages[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt_install "${packages[@]}" || { apt-get update -qq >&2 && apt_install "${packages[@]}"; } ||
		die "could not install ${packages[*]}: see above"
}

apt_install() { apt-get install -qq -y --no-install-recommends "$@" >&2; }

# Go 1.21 and later fetch the version that go.mod asks for by themselves. With
# an older one or none (Debian 12 has 1.19) we fetch it the same way: the Go
# release is a module of the module proxy.
find_go() {
	export GOTOOLCHAIN=${GOTOOLCHAIN:-auto} CGO_ENABLED=0 GOFLAGS=-buildvcs=false
	local have
	have=$(cd "$PROGRAMS" && go env GOVERSION 2>/dev/null) || have=none
	[[ $have =~ ^go1\.(2[6-9]|[3-9][0-9]) ]] && return 0
	fetch_go || die "Go 1.26 is needed to build the cluster (found: $have): install it from https://go.dev/dl/"
}

GO_RELEASE=go1.26.8
declare -A GO_SHA256=(
	[x86_64]="30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7 amd64"
	[aarch64]="02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99 arm64"
)

fetch_go() {
	local folder=$CACHE/$GO_RELEASE sum machine module zip
	read -r sum machine <<<"${GO_SHA256[$(uname -m)]:-}"
	[[ -n $sum ]] || return 1
	module=golang.org/toolchain@v0.0.1-$GO_RELEASE.linux-$machine
	if [[ ! -x $folder/$module/bin/go ]]; then
		say "fetching $GO_RELEASE (70 MB)"
		mkdir -p "$folder"
		zip=$folder/go.zip
		curl -fsSL -o "$zip" "https://proxy.golang.org/golang.org/toolchain/@v/${module#*@}.zip" || return 1
		echo "$sum  $zip" | sha256sum -c --quiet - >&2 || die "$zip is not the $GO_RELEASE we know: remove it and try again"
		unzip -q "$zip" -d "$folder" && rm "$zip"
		# Modules carry no mode bits.
		find "$folder/$module/bin" "$folder/$module/pkg/tool" -type f -exec chmod +x {} +
	fi
	export PATH=$folder/$module/bin:$PATH GOROOT=$folder/$module
}
