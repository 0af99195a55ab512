# shellcheck shell=bash
# The store's repository of backups: restic, and what its exit codes mean. Sourced.

# How long a repository that answers with errors, or not at all, is asked again: restic itself would do so for 15 minutes.
readonly patience=${REPOSITORY_PATIENCE:-120}

use_repository() {
  export RESTIC_PASSWORD_FILE=/run/secrets/backup/repository-password RESTIC_CACHE_DIR=$work/cache RESTIC_PROGRESS_FPS=1
  # The Job has 256 MiB; left to itself restic takes more while it stores many files.
  export TMPDIR=$work GOGC=20 GOMEMLIMIT=96MiB GOMAXPROCS=1
  if [[ -e /run/secrets/backup/ca.crt ]]; then
    export RESTIC_CACERT=/run/secrets/backup/ca.crt
  fi
  if [[ -e /run/secrets/backup/aws-access-key-id ]]; then
    AWS_ACCESS_KEY_ID=$(</run/secrets/backup/aws-access-key-id)
    AWS_SECRET_ACCESS_KEY=$(</run/secrets/backup/aws-secret-access-key)
    export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
  fi
}

# brief_restic ARGUMENT...: a command that is short when the repository answers.
brief_restic() {
  limit=$patience bounded_restic "$@"
}

# bounded_restic ARGUMENT...: one that has $limit seconds. In the background and waited for, so that a signal is acted on at once.
bounded_restic() {
  timeout --kill-after=5 "$limit" restic "$@" 2>"$work/restic.err" &
  wait $!
}

# must_restic ARGUMENT...: one that ends the Job if it fails.
must_restic() {
  local code=0
  brief_restic "$@" || code=$?
  ((code == 0)) || refuse_repository "$code"
}

# refuse_repository EXIT_CODE
refuse_repository() {
  local said
  # With --json a message is an object.
  said=$(jq -rR '. as $line | (fromjson? | .message | strings) // $line' "$work/restic.err" | grep -m 1 '^Fatal: ') ||
    said=$(grep -v '^$' "$work/restic.err" | tail -n 1) || said='no message'
  said=${said#Fatal: }
  case $1 in
    12) fail REPOSITORY_KEY_WRONG "The repository does not open with the key that was given." ;;
    124 | 137) fail REPOSITORY_UNAVAILABLE "The repository did not answer in time: $said" ;;
  esac
  if grep -qi 'no space left on device' "$work/restic.err"; then
    fail DISK_FULL "The scratch volume has no room for what restic keeps there."
  fi
  fail REPOSITORY_UNAVAILABLE "The repository cannot be used: $said"
}

# unlock: removes all locks; fails where there is no repository. Everything else that keeps it from being opened ends the Job.
#
# Locks are of Jobs that were killed: no other one works on this repository at the same time. restic itself calls those of
# other hosts, such as another pod, stale only after half an hour.
unlock() {
  local code=0
  brief_restic unlock --remove-all --quiet || code=$?
  case $code in
    0) return 0 ;;
    10) return 1 ;;
  esac
  refuse_repository "$code"
}

# Each command of restic derives the key anew, which takes most of a second: what can be read once is.
list_snapshots() { must_restic snapshots --json --host "$STORE_UID" >"$work/snapshots"; }

# snapshots FILTER: those that list_snapshots found, as JSON, one a line; FILTER is of jq.
snapshots() { jq -c ".[] | $1" "$work/snapshots"; }
