# shellcheck shell=bash disable=SC2034
# Which cluster the stores go to: the current kube context if it answers, else a local one of our own. Sourced.
#
# Sets cluster_kind (context or local), kubeconfig, values (comma-separated), helm, programs_folder (kubectl, grpcurl; empty
# where they are yours), store_url, and for backups backup_repository and backup_credentials, and keeps them in .dev/cluster.env.
#
# SENDSTORES_IMAGE_VALUES names a values file with images that the cluster pulls by itself; then none are built or loaded.

local_cluster=$root/tests/cluster/cluster
# Where backups go, and the folder with the keys of that place; empty where the cluster is yours.
backup_repository=''
backup_credentials=''

choose_cluster() {
  if [[ -f $dev/cluster.env ]]; then
    source "$dev/cluster.env" # the choice stays until `make down`
    return
  fi
  cluster_kind=local
  if command -v kubectl >/dev/null && timeout 5 kubectl get --raw /readyz >/dev/null 2>&1; then
    cluster_kind=context
    say "using the current kube context: $(kubectl config current-context)"
  elif [[ $(uname -s) != Linux || $EUID != 0 ]]; then
    die "no kube context answers, and the local cluster needs Linux and root: start kind, minikube or k3d, or run as root"
  fi
}

cluster_programs() {
  "$local_cluster" deps
  timed "cluster programs" "$local_cluster" bin >/dev/null
}

start_cluster() {
  values=$root/charts/woocommerce/values-local.yaml,${SENDSTORES_IMAGE_VALUES:-$dev/values-images.yaml}
  if [[ $cluster_kind == local ]]; then
    "$local_cluster" up --name dev --s3
    eval "$("$local_cluster" env --name dev)"
    kubeconfig=$KUBECONFIG
    open_backups
    programs_folder=$CLUSTER_BIN
    helm=$programs_folder/helm
    store_url="http://{id}.localhost:$SENDSTORES_INGRESS_PORT"
  else
    kubeconfig=${KUBECONFIG:-}
    programs_folder=''
    helm=$(command -v helm || "$root/tests/charts/helm4")
    store_url=${SENDSTORES_STORE_URL:-http://{id\}.localtest.me}
  fi
  local name
  for name in cluster_kind kubeconfig values helm programs_folder store_url backup_repository backup_credentials; do
    printf '%s=%q\n' "$name" "${!name}"
  done >"$dev/cluster.env"
}

# Backups of the local cluster are kept in its own S3 server: the key that their repositories' passwords are made from, and the
# way to it for the Jobs.
open_backups() {
  [[ -n $SENDSTORES_TEST_S3_ENDPOINT ]] || return 0 # a cluster of before
  [[ -s $dev/backup-key ]] || (umask 077 && openssl rand -hex 32 >"$dev/backup-key")
  printf 'backup:\n  egress:\n    - {cidr: %s/32, ports: [%s]}\n' "$NODE_IP" "${SENDSTORES_TEST_S3_ENDPOINT##*:}" >"$dev/values-backups.yaml"
  values+=,$dev/values-backups.yaml
  backup_repository="s3:$SENDSTORES_TEST_S3_ENDPOINT/$SENDSTORES_TEST_S3_BUCKET/{uid}"
  backup_credentials=$(dirname "$SENDSTORES_TEST_S3_ACCESS_KEY_FILE")
}

# The store's images into whatever the cluster's nodes take them from.
load_images() {
  local archives
  mapfile -t archives < <(image_archives)
  load_archives "${archives[@]}"
}

load_archives() {
  if [[ $cluster_kind == local ]]; then
    "$local_cluster" load --name dev "$@"
    return
  fi
  local archive context
  context=$(kubectl config current-context)
  for archive in "$@"; do
    case $context in
      kind-*) kind load image-archive "$archive" --name "${context#kind-}" ;;
      minikube) minikube image load "$archive" ;;
      k3d-*) k3d image import "$archive" --cluster "${context#k3d-}" ;;
      docker-desktop | rancher-desktop) docker load --input "$archive" ;;
      *) die "cannot load images into the context $context: push $* to a registry it pulls from, name them in a copy of $dev/values-images.yaml, and run: SENDSTORES_IMAGE_VALUES=/path/of/the/copy make up" ;;
    esac
  done
}
