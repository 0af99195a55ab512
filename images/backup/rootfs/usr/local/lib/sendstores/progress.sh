# shellcheck shell=bash
# What a Job says on its way: JSON lines on stdout, one a second at most. Sourced.

readonly progress_mark=/tmp/progress

# progress PHASE BYTES_DONE BYTES_TOTAL
progress() {
  local now
  printf -v now '%(%s)T' -1
  [[ ! -e $progress_mark || $(<"$progress_mark") != "$now" ]] || return 0
  echo "$now" >"$progress_mark"
  printf '{"phase":"%s","bytes_done":%d,"bytes_total":%d}\n' "$1" "$2" "$(($3 < $2 ? $2 : $3))"
}
