# shellcheck shell=bash disable=SC2034
# What the scripts share. Sourced, never run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dev=$root/.dev
cache=${SENDSTORES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sendstores}
bin=${CARGO_TARGET_DIR:-$root/target}/debug
export SENDSTORES_CACHE=$cache

say() { printf '==> %s\n' "$*" >&2; }

# Ends with one line that says what to do.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# timed NAME COMMAND...: runs a command and says how long it took.
timed() {
  local name=$1 start=$SECONDS
  shift
  "$@"
  say "$name: $((SECONDS - start)) s"
}

# await SECONDS WHAT COMMAND...: runs a command until it succeeds, or gives up with a line that says for what.
await() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || die "$what did not happen in time"
    read -rt 0.1 <> <(:) || true # a pause without a process; `sleep` would be one a turn
  done
}

# A TCP port on loopback that nobody has; the first choice if it is free.
free_port() {
  python3 - "$1" <<'PY'
import socket, sys
for port in (int(sys.argv[1]), 0):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closed connections do not hold a port
    try:
        s.bind(("127.0.0.1", port))
        print(s.getsockname()[1])
        break
    except OSError:
        s.close()
PY
}

# A process is named by its id and the time it began: ids are used again. A zombie is gone.
birth() { awk '{sub(/.*\) /, "")} $1 != "Z" {print $20}' "/proc/$1/stat" 2>/dev/null; }

# start NAME COMMAND...: runs in the background, in a session of its own, with its log and its name under .dev.
start() {
  local name=$1 pid
  shift
  setsid "$@" >>"$dev/$name.log" 2>&1 </dev/null &
  pid=$!
  echo "$pid $(birth "$pid")" >"$dev/$name.pid"
}

# running NAME: whether that very process still runs.
running() {
  local pid born
  [[ -f $dev/$1.pid ]] || return 1
  read -r pid born <"$dev/$1.pid"
  [[ -n $born && $(birth "$pid") == "$born" ]]
}

# stop NAME SECONDS: asks, waits, and only then forces.
stop() {
  local name=$1 seconds=$2 pid
  if running "$name"; then
    read -r pid _ <"$dev/$name.pid"
    kill "$pid" 2>/dev/null || true
    (await "$seconds" "$name's end" gone "$name") 2>/dev/null || kill -9 "$pid" 2>/dev/null || true
    await 5 "$name's end" gone "$name"
  fi
  rm -f "$dev/$name.pid"
}

# use_token: has the CLI send the token that `make up` made, if it made one.
use_token() {
  [[ -s $dev/token ]] || return 0
  SENDSTORES_TOKEN=$(<"$dev/token")
  export SENDSTORES_TOKEN
}

# use_server: has the CLI call the server that `make up` started, with its token.
use_server() {
  source "$dev/server.env"
  if [[ -d $dev/in-cluster ]]; then
    export SENDSTORES_SERVER=https://127.0.0.1:$grpc_port SENDSTORES_CA=$dev/in-cluster/ca.crt
  else
    export SENDSTORES_SERVER=http://127.0.0.1:$grpc_port
    unset SENDSTORES_CA # a setting for another server
  fi
  use_token
}

gone() { ! running "$1"; }

# image_archives: where images/build keeps the images of a store and that of its backups, a line each.
image_archives() {
  local name image
  while read -r name; do
    image=${name##*/}
    echo "$cache/images/${image/:/-}.tar"
  done < <("$root/images/build" --print)
}

# server_archives: where images/build-server keeps the image of the control plane and that of its Redis, a line each.
server_archives() {
  local name image
  while read -r name; do
    image=${name##*/}
    echo "$cache/images/${image/:/-}.tar"
  done < <(SENDSTORES_IMAGE_PROGRAMS=$bin "$root/images/build-server" --print)
}
