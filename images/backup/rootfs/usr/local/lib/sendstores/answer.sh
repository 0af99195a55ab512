# shellcheck shell=bash
# How a Job of this image ends: one JSON object as the container's termination message, and an exit code. Sourced.

readonly termination_log=/dev/termination-log

# succeed JSON
succeed() {
  write_answer "$1"
  exit 0
}

# fail REASON MESSAGE: ends the Job. In a subshell it ends that; the script around it finds the answer written.
fail() {
  trap - ERR TERM
  # The first answer counts: what fails because of it has nothing to add.
  [[ ! -s $termination_log ]] || exit 1
  echo "$1: $(plain "$2")" >&2
  write_answer "$(jq -cn --arg reason "$1" --arg message "$(plain "$2")" '{ok: false, reason: $reason, message: $message}')"
  exit 1
}

write_answer() { printf '%s\n' "$1" >"$termination_log"; }

# plain TEXT: one line of at most 500 characters, without any secret.
plain() {
  local text=$1 file secret
  for file in /run/secrets/*/*; do
    [[ -f $file && $file != *.crt ]] || continue
    secret=$(tr -d '\0' <"$file")
    [[ -z $secret ]] || text=${text//"$secret"/***}
  done
  text=$(tr -s '[:space:]' ' ' <<<"$text")
  printf '%s' "${text:0:500}"
}

# answer_always: whatever ends the script, the termination message says why.
answer_always() {
  trap 'unexpected "line $LINENO of ${BASH_SOURCE[0]##*/} failed: ${BASH_COMMAND%% *}"' ERR
  # Bash acts on a signal when the program that it waits for has ended, so that is ended, too.
  trap 'stop_children; fail INTERNAL "The Job was stopped before it had ended."' TERM
}

# unexpected MESSAGE: a command failed that should not. A full volume makes any of them.
unexpected() {
  if is_full; then
    fail DISK_FULL 'The scratch volume has no room.'
  fi
  fail INTERNAL "$1"
}

is_full() {
  (($(df --output=avail -B1 /scratch | tail -n 1) < 65536))
}

stop_children() {
  local child
  for child in $(jobs -p); do
    kill "$child" 2>/dev/null || true
  done
}
