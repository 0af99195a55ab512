# shellcheck shell=bash disable=SC2034
# The merchant's files: which of them a backup has, how many, and how large. Sourced.

readonly content=/source/wp-content
# The image puts links to it into wp-content.
readonly shipped=/usr/local/share/sendstores

# look_at_files EXCLUDED: writes the paths that are left out into a file for restic. Sets $files and $file_bytes of what is not.
#
# Left out is what is made again by itself: links into the image, marks of the pod, caches, and old logs of WooCommerce.
look_at_files() {
  local excluded=$1
  # What cannot be read is restic's to report.
  find "$content" -mindepth 1 \( \
    -path "$content/.sendstores" -o -path "$content/cache" -o -path "$content/wflogs" -o -path "$content/upgrade" \
    -o -path "$content/upgrade-temp-backup" -o -type l -lname "$shipped/*" \
    -o -path "$content/uploads/wc-logs/*" -name '*.log' -mtime +30 \
    \) ! -name $'*\n*' -prune -fprintf "$work/left-out" '%p\n' -o -type f -printf '%s\n' >"$work/sizes" 2>/dev/null || true
  # restic reads patterns and variables there.
  sed -e 's/[][*?\\]/\\&/g' -e 's/\$/$$/g' "$work/left-out" >"$excluded"
  read -r files file_bytes < <(awk '{ sum += $1 } END { printf "%d %.0f\n", NR, sum }' "$work/sizes")
}
