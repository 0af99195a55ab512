# shellcheck shell=bash disable=SC2154
# Small things that every part of images/build uses.

say() { printf 'images: %s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# The system's package manager is used only where it can be: as root on Debian and its kin.
ensure_program() {
  local program=$1 package=${2:-$1}
  command -v "$program" >/dev/null && return
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    die "$program is missing: install it (Debian package: $package)"
  fi
  say "installing $package"
  apt_install "$package" || die "$program is missing and apt-get cannot install $package"
}

apt_install() {
  local log
  log=$(mktemp)
  # A machine that was never used has no package lists yet.
  if ! apt-get install -y -qq --no-install-recommends "$@" </dev/null >"$log" 2>&1; then
    if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } </dev/null >"$log" 2>&1; then
      tail -n 5 "$log" >&2
      rm -f "$log"
      return 1
    fi
  fi
  rm -f "$log"
}

# A decision that needed the network is kept, so that a later run neither waits nor decides otherwise. One that was made
# because something could not be reached is asked again after a day.
recall() {
  local file=$cache/images/decisions/$1
  [[ -r $file ]] || return 1
  case $(<"$file") in
    fallback:*) [[ -n $(find "$file" -mtime -1) ]] || return 1 ;;
  esac
  sed 's/^fallback://' "$file"
}

remember() {
  mkdir -p "$cache/images/decisions"
  printf '%s\n' "$2" >"$cache/images/decisions/$1"
}

# Downloads URL to FILE and checks it; the file appears only when it is right.
download() {
  local url=$1 sha256=$2 file=$3
  curl -fsSL --connect-timeout 5 --retry 2 -o "$file.part" "$url" || { rm -f "$file.part"; return 1; }
  if [[ $(sha256sum <"$file.part") != "$sha256  -" ]]; then
    rm -f "$file.part"
    die "$url has not the pinned checksum $sha256 (images/pins)"
  fi
  mv "$file.part" "$file"
}

reachable() { curl -fsSI --connect-timeout 3 --max-time 5 -o /dev/null "$1" 2>/dev/null; }

digest() { printf '%s\n' "$@" | sha256sum | cut -c1-12; }

# A digest of files below a folder: names, contents and which of them are programs. Nothing else of a checkout counts.
tree_digest() {
  (
    cd "$1" || exit
    find . -type f -printf '%P\n' | LC_ALL=C sort | while IFS= read -r file; do
      [[ -x $file ]] && printf 'x '
      sha256sum "$file"
    done | sha256sum | cut -c1-64
  )
}
