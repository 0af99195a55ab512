# shellcheck shell=bash
# The store's database, asked by its clients. Sourced.

readonly client_options=/tmp/client.cnf

# The password stands in a file of this container's memory: an argument list is readable for all of a node's processes.
write_client_options() {
  local password
  password=$(</run/secrets/database/password) || fail INTERNAL 'The file /run/secrets/database/password cannot be read.'
  password=${password//\\/\\\\}
  {
    printf '[client]\nhost=%s\nuser=%s\npassword="%s"\n' "$DB_HOST" "$DB_USER" "${password//\"/\\\"}"
    # As the shop connects: the database's network is that of the namespace.
    printf 'default-character-set=utf8mb4\nmax-allowed-packet=64M\nskip-ssl\n'
  } >"$client_options"
}

# query SQL: rows with tabs between the columns. The client's message is in $work/query.err.
query() {
  mariadb --defaults-file="$client_options" --connect-timeout=10 --batch --skip-column-names --raw "$DB_NAME" \
    <<<"$1" 2>"$work/query.err"
}

# must_query SQL: a database that cannot be asked ends the Job.
must_query() {
  query "$1" || fail DATABASE_UNAVAILABLE "The database at $DB_HOST cannot be read: $(tail -n 1 "$work/query.err")"
}
