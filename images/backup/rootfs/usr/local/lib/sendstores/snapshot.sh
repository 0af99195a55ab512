# shellcheck shell=bash
# One snapshot with all of a backup, and the proof that it is whole. Sourced, after repository.sh.
#
# A snapshot is made with the tag unfinished=ID and gets backup=ID when it has been read back. So what has that tag is whole, and
# what a killed Job left is known and removed by the next one.

# forget_unfinished: what Jobs left that did not come to their end.
forget_unfinished() {
  local id
  for id in $(snapshots 'select((.tags // []) | any(startswith("unfinished="))) | .id' | tr -d '"'); do
    must_restic forget "$id" --quiet
  done
}

# take EXCLUDED PATH...: makes the snapshot; sets $taken to its id.
take() {
  local excluded=$1 code=0
  shift
  mkfifo "$work/events"
  restic backup --json --host "$STORE_UID" --tag "unfinished=$BACKUP_ID" --exclude-file "$excluded" "$@" \
    >"$work/events" 2>"$work/restic.err" &
  local restic=$!
  follow "$restic" <"$work/events" &
  wait "$restic" || code=$?
  wait $! || code=124
  [[ $code != 3 ]] || ! only_vanished || code=0
  case $code in
    0) taken=$(jq -r 'select(.message_type == "summary") | .snapshot_id' "$work/summary") ;;
    3) fail SNAPSHOT_INCOMPLETE "A file of the shop cannot be read: $(unread | head -n 1)" ;;
    *) refuse_repository "$code" ;;
  esac
  [[ $taken =~ ^[0-9a-f]{64}$ ]] || fail SNAPSHOT_INCOMPLETE 'restic made no snapshot.'
}

# follow PID: reads what restic says. Ends it when it has stored nothing more for as long as the repository is waited for.
follow() {
  local pid=$1 line stored=0 total=0 last=-1 since=$SECONDS
  trap - ERR TERM
  while true; do
    if IFS= read -rt 1 line; then
      note_event "$line"
    elif (($? <= 128)); then
      return 0 # the end of what restic says, not of the second
    fi
    [[ $stored == "$last" ]] || { last=$stored since=$SECONDS; }
    if ((SECONDS - since > patience)); then
      kill "$pid"
      return 1
    fi
  done
}

# note_event LINE: sets $stored and $total, keeps the summary.
note_event() {
  case $1 in
    *'"message_type":"status"'*)
      [[ ! $1 =~ \"total_bytes\":([0-9]+) ]] || total=${BASH_REMATCH[1]}
      [[ ! $1 =~ \"bytes_done\":([0-9]+) ]] || stored=${BASH_REMATCH[1]}
      progress snapshot "$stored" "$total"
      ;;
    *'"message_type":"summary"'*) printf '%s\n' "$1" >"$work/summary" ;;
  esac
}

# What restic could not read, a path a line. Its errors are JSON on stderr.
unread() { jq -rR 'fromjson? | select(.message_type == "error") | .item' "$work/restic.err"; }

# only_vanished: whether all of it is gone by now. A live shop removes files, and a file that was removed is not missing.
only_vanished() {
  local path
  unread >"$work/unread"
  [[ -s $work/unread ]] || return 1
  while IFS= read -r path; do
    [[ ! -e $path && ! -L $path ]] || return 1
  done <"$work/unread"
}

# lost: what the check found first, as a few words.
lost() { grep -Eim 1 'error|missing|not found' "$work/check" || echo 'it has no manifest'; }

# is_whole_snapshot ID MANIFEST: reads from the repository itself, not from the cache. Every tree is read, and everything that it
# names must be in the repository; the manifest comes back as it was written.
is_whole_snapshot() {
  local code=0
  progress check 0 0
  # It reads all trees of the repository: the longer, the more backups there are.
  limit=$((patience * 15)) bounded_restic check --quiet >"$work/check" || code=$?
  cat "$work/restic.err" >>"$work/check"
  case $code in
    0) ;;
    1) ! is_unreachable || refuse_repository "$code"; return 1 ;;
    *) refuse_repository "$code" ;;
  esac
  code=0
  brief_restic --no-cache dump "$1" "$2" >"$work/manifest-read" || code=$?
  case $code in
    0) ;;
    1) ! is_unreachable || refuse_repository "$code"; return 1 ;;
    *) refuse_repository "$code" ;;
  esac
}

# A check fails with 1 both where something is missing and where nothing can be read.
is_unreachable() {
  ! brief_restic cat config >/dev/null
}

# finish ID: the snapshot gets its final tag, and with it another id; sets $finished to that.
finish() {
  must_restic tag --json --set "backup=$BACKUP_ID" "$1" >"$work/tagged"
  finished=$(jq -rR --arg old "$1" 'fromjson? | select(.message_type == "changed" and .old_snapshot_id == $old) | .new_snapshot_id' "$work/tagged")
  [[ $finished =~ ^[0-9a-f]{64}$ ]] || fail SNAPSHOT_INCOMPLETE 'The snapshot could not be given its name.'
}
