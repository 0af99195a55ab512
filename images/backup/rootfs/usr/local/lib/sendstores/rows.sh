# shellcheck shell=bash
# The tables of a dump and their rows, counted in the dump itself: what is in there is what a restore gives. Sourced.

# rows_of FILE: a line `TABLE<tab>ROWS` for each table. A row of an INSERT is one line: the dump writes no line break inside.
rows_of() {
  LC_ALL=C awk '
    function name(line) {
      sub(/^[^`]*`/, "", line)
      sub(/` (VALUES|\()$/, "", line)
      gsub(/``/, "`", line)
      return line
    }
    inserting { rows[table]++; inserting = !/;$/; next }
    /^CREATE TABLE `.*` \($/ { rows[name($0)] += 0; next }
    /^INSERT INTO `.*` VALUES$/ { table = name($0); inserting = 1 }
    END { for (table in rows) printf "%s\t%d\n", table, rows[table] }
  ' "$1" | LC_ALL=C sort
}
