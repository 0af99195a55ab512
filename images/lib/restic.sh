# shellcheck shell=bash disable=SC2154
# restic, built from its Go module as images/backup/restic pins it. A change here is a new tag of the backup image.

# vendor_restic: the folder of the program is $vendored then.
vendor_restic() {
  vendor_folder "restic-$(uname -m)-$(digest "$(tree_digest "$images/backup/restic")")" build_restic
}

# stage_restic CONTEXT: lays the program out for the Dockerfile.
stage_restic() {
  local context=$1
  vendor_restic
  mkdir -p "$context/vendor"
  cp "$vendored/restic" "$context/vendor/"
  rm -r "$context/restic"
}

# One package after the other: the peak of a build with many at once is more memory than a small machine has.
build_restic() {
  say "building restic from source: some two minutes, once"
  # In a shell of its own: it has functions with the names of ours. Go is fetched where there is none, as for the local cluster.
  (
    # shellcheck disable=SC2034 # for what is sourced
    CACHE=$cache PROGRAMS=$images/backup/restic
    # shellcheck source=tests/cluster/lib/deps.sh
    source "$checkout/tests/cluster/lib/deps.sh"
    find_go
    cd "$PROGRAMS"
    nice -n 5 go build -p 1 -trimpath -ldflags "-s -w" -o "$1/restic" github.com/restic/restic/cmd/restic
  ) >"$1/build.log" 2>&1 || die "restic cannot be built: $(tail -n 3 "$1/build.log")"
  rm "$1/build.log"
}
