# shellcheck shell=bash disable=SC2154
# The Debian image that both Dockerfiles start from.

# Sets `base`, whose name is part of every tag. Asks the network at most once for each DEBIAN_IMAGE (see recall).
choose_base() {
  # Its name holds all that it depends on, and is not remembered: only whether it is needed is.
  local made=localhost/sendstores/debian:$DEBIAN_RELEASE-$PACKAGES_AS_OF
  made+=-$(sha256sum <"$images/lib/base.sh" | cut -c1-12)
  if [[ -n ${SENDSTORES_IMAGE_BASE:-} ]]; then
    base=$SENDSTORES_IMAGE_BASE
    return
  fi
  case $(recall debian-image) in
    "have $DEBIAN_IMAGE") base=$DEBIAN_IMAGE ;;
    "lack $DEBIAN_IMAGE") base=$made ;;
    *)
      pick_engine
      if image_exists "$DEBIAN_IMAGE" || pull_image "$DEBIAN_IMAGE"; then
        base=$DEBIAN_IMAGE
        remember debian-image "have $DEBIAN_IMAGE"
      else
        base=$made
        remember debian-image "fallback:lack $DEBIAN_IMAGE"
        say "$DEBIAN_IMAGE cannot be pulled: the base is a Debian root made here"
      fi
      ;;
  esac
}

ensure_base() {
  local base=$1 tar
  image_exists "$base" && return
  case $base in
    localhost/sendstores/debian:*)
      tar=$cache/images/base-${base##*:}.tar
      [[ -f $tar ]] || make_debian_root "$tar"
      import_root "$tar" "$base"
      ;;
    *) pull_image "$base" || die "the base image $base is neither here nor can it be pulled" ;;
  esac
}

make_debian_root() {
  local tar=$1 start=$SECONDS log=$1.log
  ensure_program mmdebstrap
  say "making a Debian $DEBIAN_RELEASE root (about a minute, once)"
  # The same files that the slim image of the registry leaves out.
  debian_sources | mmdebstrap --variant=minbase \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
    "$DEBIAN_RELEASE" "$tar.part.tar" - >"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    rm -f "$tar.part.tar"
    die "mmdebstrap failed (whole output: $log)"
  }
  rm -f "$log"
  mv "$tar.part.tar" "$tar"
  say "the Debian root is made ($((SECONDS - start)) s)"
}

# The machine's own sources where it runs this release (it may have a mirror), else Debian's.
debian_sources() {
  local file
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    if [[ -r $file ]] && grep -Eq "^(Suites:|deb ).*\b$DEBIAN_RELEASE\b" "$file"; then
      cat "$file"
      return
    fi
  done
  local mirror=http://deb.debian.org
  echo "deb $mirror/debian $DEBIAN_RELEASE main"
  echo "deb $mirror/debian $DEBIAN_RELEASE-updates main"
  echo "deb $mirror/debian-security $DEBIAN_RELEASE-security main"
}
