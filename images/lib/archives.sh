# shellcheck shell=bash disable=SC2154
# The finished images: one archive each in the cache, named by the digest of what went in.

name_of() { echo "localhost/sendstores/$1:$2"; }

archive_of() { echo "$cache/images/$1-$2.tar"; }

# Builds share the cache and the engine's store, so they wait for each other. Held until the shell ends.
lock_cache() {
  mkdir -p "$cache/images"
  exec {lock}>"$cache/images/.lock"
  flock -n "$lock" || { say "another build is running, waiting for it"; flock "$lock"; }
}

# export_image NAME FILE: the archive appears only when it is whole.
export_image() {
  save_image "$1" "$2.part"
  mv "$2.part" "$2"
}

# prune KEEP KIND: archives of older contents are only a waste of disk; the last few stay for other checkouts that share the cache.
prune() {
  find "$cache/images" -maxdepth 1 -name "$2-*.tar" -printf '%T@ %p\n' | sort -rn | tail -n +"$(($1 + 1))" | cut -d' ' -f2- |
    xargs -r -d '\n' rm -f
}

# write_values FILE SECTION.KEY=IMAGE:TAG...: a values file for the chart that names images; those of a section one after the other.
write_values() {
  local file=$1 image key tag section=''
  shift
  mkdir -p "${file%/*}"
  {
    for image in "$@"; do
      key=${image%%=*} tag=${image##*:} image=${image#*=}
      [[ ${key%.*} == "$section" ]] || { section=${key%.*} && echo "$section:"; }
      printf '  %s: {repository: localhost/sendstores/%s, tag: "%s", pullPolicy: IfNotPresent}\n' "${key#*.}" "${image%:*}" "$tag"
    done
  } >"$file.new"
  mv "$file.new" "$file"
}
