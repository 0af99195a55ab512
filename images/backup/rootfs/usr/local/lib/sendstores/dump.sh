# shellcheck shell=bash disable=SC2034
# The database as SQL in one file. Sourced, after database.sh and progress.sh.

readonly dump_tries=3
# What another try may not meet: a table that a plugin changed (1412) or removed (1146) meanwhile, a deadlock (1213), a lock that
# was waited for in vain (1205).
readonly passing='\b(1412|1146|1213|1205)\b'

# Without tablespaces (a right that the shop's account has not), dates (they would make equal dumps differ), and binary data as
# text (each row is one line then, which is how rows are counted).
dump_options=(--quick --hex-blob --routines --events --triggers --no-tablespaces --skip-dump-date)

# dump FILE: writes it, as a whole. Sets $consistent_time, from the database's clock, and $not_transactional.
dump() {
  local file=$1 try code
  for ((try = 1; ; try++)); do
    code=0
    look_at_tables
    consistent_time=$(must_query "SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%SZ')")
    dump_once "$file" || code=$?
    ((code != 0)) || break
    if ((try == dump_tries)) || ! grep -Eq "$passing" "$work/dump.err"; then
      refuse_dump
    fi
    echo "dump: try $((try + 1)), because: $(tail -n 1 "$work/dump.err")" >&2
  done
  is_whole "$file" || fail DUMP_INCOMPLETE "The dump of the database does not end as a whole one does."
}

# Tables whose engine knows no transactions, and about how large all are.
look_at_tables() {
  must_query "SELECT table_name FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND engine <> 'InnoDB' ORDER BY table_name" >"$work/not-transactional"
  mapfile -t not_transactional <"$work/not-transactional"
  data_size=$(must_query "SELECT CAST(IFNULL(SUM(data_length), 0) AS UNSIGNED) FROM information_schema.tables WHERE table_schema = DATABASE()")
}

# Tables without transactions come first and are locked while they are read, all at once; then everything else as of one moment.
# Views are in the second part: they may need a table of the first.
dump_once() {
  local file=$1 table ignored=()
  for table in "${not_transactional[@]}"; do
    ignored+=("--ignore-table=$DB_NAME.$table")
  done
  : >"$work/dump.err"
  : >"$file" || return 1
  follow_size "$file" &
  local follower=$! code=0
  write_dump "$file" || code=$?
  kill "$follower" 2>/dev/null || true
  return "$code"
}

write_dump() {
  if ((${#not_transactional[@]})); then
    run_dump --lock-tables --skip-routines --skip-events "$DB_NAME" "${not_transactional[@]}" >>"$1" || return 1
  fi
  run_dump --single-transaction --skip-lock-tables "${ignored[@]}" "$DB_NAME" >>"$1"
}

# In the background and waited for, so that a signal is acted on at once.
run_dump() {
  mariadb-dump --defaults-file="$client_options" "${dump_options[@]}" "$@" 2>>"$work/dump.err" &
  wait $!
}

# Until it is ended.
follow_size() {
  trap - ERR TERM
  while sleep 1; do
    progress dump "$(stat --format %s "$1")" "$data_size"
  done
}

refuse_dump() {
  local said
  said=$(tail -n 1 "$work/dump.err")
  if grep -Eqi 'no space left|errno:? 28\b' "$work/dump.err" || is_full; then
    fail DISK_FULL "The scratch volume has no room for the dump of the database."
  elif grep -Eq '\b(2002|2003|2005|1040|1044|1045|1049)\b' "$work/dump.err"; then
    fail DATABASE_UNAVAILABLE "The database at $DB_HOST cannot be read: $said"
  fi
  fail DUMP_INCOMPLETE "The dump of the database ended before all was read: ${said:-no message}"
}

# mariadb-dump writes its last line only when it has written all. A dump of two parts has one for each.
is_whole() {
  local parts=1
  ((${#not_transactional[@]} == 0)) || parts=2
  [[ $(tail -c 200 "$1" | tail -n 1) == '-- Dump completed' && $(grep -c '^-- Dump completed$' "$1") == "$parts" ]]
}
