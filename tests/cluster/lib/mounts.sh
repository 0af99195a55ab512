#!/usr/bin/env bash
# Runs a command after mounting SOURCE/PLACE over each PLACE. It is called in
# a mount namespace of its own: mounts.sh SOURCE PLACE... -- COMMAND...
set -euo pipefail
source=$1
shift
while [[ $1 != -- ]]; do
	mount --bind "$(realpath "$source$1")" "$1"
	shift
done
shift
exec "$@"
