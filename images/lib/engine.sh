# shellcheck shell=bash disable=SC2154
# One of docker, podman or buildah, behind the same few verbs.

# A docker client without a daemon is common, so each engine is asked something that only a working one answers.
pick_engine() {
  if [[ -n ${SENDSTORES_IMAGE_ENGINE:-} ]]; then
    engine=$SENDSTORES_IMAGE_ENGINE
    [[ $engine =~ ^(docker|podman|buildah)$ ]] || die "SENDSTORES_IMAGE_ENGINE must be docker, podman or buildah"
    ensure_program "$engine"
  elif timeout 10 docker info >/dev/null 2>&1; then
    engine=docker
  elif timeout 10 podman info >/dev/null 2>&1; then
    engine=podman
  else
    ensure_program buildah
    engine=buildah
  fi
  if [[ $engine == buildah ]]; then
    prepare_buildah
  fi
}

# A list of blobs that buildah keeps here, whatever it is told; removed again where nobody else has one.
readonly blob_cache=/var/lib/containers/cache
# In GB.
readonly most_layers=10

# buildah's store lies in our cache. Overlay shares layers; where the kernel or the file system refuses it, vfs copies.
prepare_buildah() {
  local driver
  [[ -e $blob_cache ]] || blob_cache_is_ours=yes
  for driver in overlay vfs; do
    buildah_command=(buildah --root "$cache/buildah/$driver" --runroot "$cache/buildah/run-$driver" --storage-driver "$driver")
    if "${buildah_command[@]}" info >/dev/null 2>&1; then
      bound_buildah
      return
    fi
  done
  die "buildah does not run here: 'buildah info' says why"
}

# The layers of earlier builds only make the next one shorter, and every content adds some: a build that finds many begins without.
bound_buildah() {
  local gigabytes
  gigabytes=$(du --summarize --block-size=1G "$cache/buildah" 2>/dev/null | cut -f1)
  ((${gigabytes:-0} <= most_layers)) && return
  say "the layers of earlier builds take $gigabytes GB: removing them"
  "${buildah_command[@]}" rmi --all --force >/dev/null
}

# What the engine leaves mounted (its own store, bound onto itself) is not needed once it has ended.
release_engine() {
  local mounted
  [[ ${engine:-} == buildah ]] || return 0
  while read -r mounted; do
    umount "$mounted" 2>/dev/null || true
  done < <(awk -v root="$cache/buildah/" 'index($2, root) == 1 { print $2 }' /proc/self/mounts | tac)
  if [[ -n ${blob_cache_is_ours:-} ]]; then
    rm -rf "$blob_cache"
    rmdir --ignore-fail-on-non-empty "${blob_cache%/*}" 2>/dev/null || true
  fi
}

image_exists() {
  case $engine in
    docker) docker image inspect "$1" ;;
    podman) podman image exists "$1" ;;
    buildah) "${buildah_command[@]}" inspect --type image "$1" ;;
  esac >/dev/null 2>&1
}

# load_image NAME FILE: from an archive, into an engine that does not have it any more.
load_image() {
  case $engine in
    docker | podman) "$engine" load --quiet --input "$2" ;;
    buildah) "${buildah_command[@]}" pull --quiet "oci-archive:$2:$1" ;;
  esac >/dev/null
}

pull_image() {
  case $engine in
    docker | podman) timeout 300 "$engine" pull -q "$1" ;;
    buildah) timeout 300 "${buildah_command[@]}" pull -q "$1" ;;
  esac >/dev/null 2>&1
}

import_root() {
  local tar=$1 name=$2 container
  case $engine in
    docker | podman) "$engine" import "$tar" "$name" >/dev/null ;;
    buildah)
      container=$("${buildah_command[@]}" from scratch)
      "${buildah_command[@]}" add --quiet "$container" "$tar" / >/dev/null
      "${buildah_command[@]}" config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
      "${buildah_command[@]}" commit --quiet --rm "$container" "$name" >/dev/null
      ;;
  esac
}

# build_image CONTEXT NAME BASE [ARGUMENT=VALUE...]
build_image() {
  local context=$1 argument args=(--tag "$2" --build-arg "BASE=$3" --build-arg "PACKAGES_AS_OF=$PACKAGES_AS_OF")
  shift 3
  for argument in "$@"; do
    args+=(--build-arg "$argument")
  done
  case $engine in
    docker) docker build "${args[@]}" "$context" ;;
    podman) podman build "${args[@]}" --layers "$context" ;;
    # Without an engine's daemon and its networks, the steps run in a chroot with the network of the machine.
    buildah)
      "${buildah_command[@]}" bud "${args[@]}" --layers --isolation chroot --network host --pull-never "$context"
      ;;
  esac
}

# Uncompressed where there is a choice: the archive is read on the same machine, and gzip costs more than the bytes.
save_image() {
  local name=$1 file=$2
  rm -f "$file"
  case $engine in
    docker) docker save --output "$file" "$name" ;;
    podman) podman save --quiet --format oci-archive --output "$file" "$name" ;;
    buildah) "${buildah_command[@]}" push --quiet --disable-compression "$name" "oci-archive:$file:$name" ;;
  esac >/dev/null
}
