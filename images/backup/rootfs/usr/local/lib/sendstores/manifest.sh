# shellcheck shell=bash
# manifest.json: what a backup consists of. Sourced, after database.sh and rows.sh.

# look_at_orders: sets $orders and $newest_order. Read right before the dump, which therefore has every order that is counted.
#
# Of both places where WooCommerce keeps orders, by the time of creation: numbers of orders are not in the order of time.
look_at_orders() {
  local tables union=()
  tables=$(must_query 'SHOW TABLES')
  if has_line "$tables" wp_wc_orders; then
    union+=("SELECT id, date_created_gmt AS created FROM wp_wc_orders
      WHERE type = 'shop_order' AND status NOT IN ('auto-draft', 'wc-checkout-draft')")
  fi
  if has_line "$tables" wp_posts; then
    union+=("SELECT ID AS id, post_date_gmt AS created FROM wp_posts
      WHERE post_type = 'shop_order' AND post_status NOT IN ('auto-draft', 'wc-checkout-draft')")
  fi
  orders=0 newest_order=''
  ((${#union[@]})) || return 0
  IFS=$'\t' read -r orders newest_order < <(must_query "SELECT COUNT(DISTINCT id), IFNULL(DATE_FORMAT(MAX(created), '%Y-%m-%dT%H:%i:%SZ'), '')
    FROM (${union[0]} ${union[1]:+UNION ALL ${union[1]}}) AS orders")
}

# look_at_versions: sets $versions, a line `OPTION<tab>VALUE` for each that the database knows.
look_at_versions() {
  versions=$(query "SELECT option_name, option_value FROM wp_options
    WHERE option_name IN ('db_version', 'woocommerce_version', 'woocommerce_db_version')") || versions=''
}

version() { awk -F '\t' -v name="$1" '$1 == name { print $2 }' <<<"$versions"; }

has_line() { grep -Fxq -- "$2" <<<"$1"; }

# write_manifest DUMP FILE
write_manifest() {
  rows_of "$1" >"$work/rows"
  jq -n --rawfile rows "$work/rows" --rawfile not_transactional "$work/not-transactional" \
    --arg store "$STORE_ID" --arg uid "$STORE_UID" --arg backup "$BACKUP_ID" --arg release "${RELEASE:-}" \
    --arg time "$consistent_time" --arg newest "$newest_order" --argjson orders "$orders" \
    --arg sha256 "$(sha256sum <"$1" | cut -c1-64)" --argjson bytes "$(stat --format %s "$1")" \
    --argjson files "$files" --argjson file_bytes "$file_bytes" --arg wordpress "$(wordpress_version)" \
    --arg wordpress_db "$(version db_version)" --arg woocommerce "$(version woocommerce_version)" \
    --arg woocommerce_db "$(version woocommerce_db_version)" '
    ($rows | split("\n") | map(select(. != "") | split("\t") | {name: .[0], rows: (.[1] | tonumber)})) as $tables
    | {format: 1, store: $store, store_uid: $uid, backup: $backup, release: $release, consistent_time: $time,
       dump: {file: "database.sql", bytes: $bytes, sha256: $sha256},
       tables: $tables, not_transactional: ($not_transactional | split("\n") | map(select(. != ""))),
       summary: {tables: ($tables | length), rows: ($tables | map(.rows) | add // 0), orders: $orders, newest_order_time: $newest,
                 files: $files, file_bytes: $file_bytes, database_bytes: $bytes,
                 wordpress_version: $wordpress, wordpress_db_version: $wordpress_db,
                 woocommerce_version: $woocommerce, woocommerce_db_version: $woocommerce_db}}' >"$2"
}

# From a note that the shop's pod may leave on the volume. The database does not have it: empty without a note.
wordpress_version() {
  local note=$content/.sendstores/wordpress-version
  [[ ! -r $note ]] || head -c 20 "$note" | tr -cd '0-9A-Za-z.-'
}
