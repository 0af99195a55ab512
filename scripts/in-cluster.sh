# shellcheck shell=bash disable=SC2034,SC2154
# The control plane as pods of the cluster: what `make up IN_CLUSTER=1` does instead of starting Redis and the server as
# processes of this machine. Sourced.
#
# Certificates, the password of Redis and the values of the release are kept in .dev/in-cluster.
#
# SENDSTORES_SERVER_IMAGE_VALUES names a values file for the chart with images that the cluster pulls by itself; then none are
# built or loaded.

release=sendstores
namespace=sendstores-system
in_cluster=$dev/in-cluster

# in_cluster_wanted: whether `make up` was asked to; the choice stays until `make down`.
in_cluster_wanted() {
  [[ -d $in_cluster ]] && return
  [[ ${IN_CLUSTER:-} == [1yt]* ]] || return 1
  ! running server || die "the server runs as a process of this machine: make down, then make up IN_CLUSTER=1"
  [[ -z ${SENDSTORES_REDIS_URL:-} ]] || die "make up IN_CLUSTER=1 brings a Redis of its own: unset SENDSTORES_REDIS_URL"
  mkdir -p "$in_cluster"
  chmod 700 "$in_cluster"
}

# The cluster's own kubectl, or yours.
kubectl_here() { "${programs_folder:+$programs_folder/}kubectl" "$@"; }
in_namespace() { kubectl_here -n "$namespace" "$@"; }

# An authority of this folder alone, and one certificate for the server and Redis.
make_certificates() {
  [[ ! -s $in_cluster/tls.crt ]] || return 0
  local name names=DNS:localhost,IP:127.0.0.1
  for name in "$release" "$release-all" "$release-redis"; do
    names+=",DNS:$name.$namespace.svc,DNS:$name.$namespace.svc.cluster.local"
  done
  (
    umask 077
    cd "$in_cluster"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj "/CN=make up" \
      -addext keyUsage=critical,keyCertSign -keyout ca.key -out ca.crt
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$release" -keyout tls.key -out tls.csr
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$names" >tls.ext
    openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -extfile tls.ext -out tls.new
    mv tls.new tls.crt
  ) 2>"$dev/openssl.log" || die "no certificate could be made: see .dev/openssl.log"
}

# The namespace and the Secrets that the chart refers to. No secret is in an argument.
make_secrets() {
  make_certificates
  [[ -s $in_cluster/password ]] || (umask 077 && openssl rand -hex 24 | tr -d '\n' >"$in_cluster/password")
  kubectl_here get namespace "$namespace" >/dev/null 2>&1 || {
    kubectl_here create namespace "$namespace" >/dev/null
    kubectl_here label namespace "$namespace" sendstores.dev/made-by=make-up pod-security.kubernetes.io/enforce=restricted >/dev/null
  }
  in_namespace create secret generic "$release-tls" --type kubernetes.io/tls --dry-run=client -o yaml \
    --from-file="$in_cluster/tls.crt" --from-file="$in_cluster/tls.key" --from-file="$in_cluster/ca.crt" | in_namespace apply -f - >/dev/null
  in_namespace create secret generic "$release-redis" --dry-run=client -o yaml --from-file="$in_cluster/password" |
    in_namespace apply -f - >/dev/null
  [[ $backup_repository ]] || return 0
  in_namespace create secret generic "$release-backup-key" --dry-run=client -o yaml --from-file=key="$dev/backup-key" |
    in_namespace apply -f - >/dev/null
  in_namespace create secret generic "$release-backup-s3" --dry-run=client -o yaml --from-file="$backup_credentials" |
    in_namespace apply -f - >/dev/null
}

# under PATH FILE: a values file as one for the chart of the control plane, below the keys of PATH.
under() {
  local indent='' key
  for key in ${1//./ }; do
    printf '%s%s:\n' "$indent" "$key"
    indent+='  '
  done
  sed "s/^/$indent/" "$2"
}

install_release() {
  local files file args=()
  cat >"$in_cluster/values.yaml" <<YAML
server: {enabled: true}
redis: {embedded: {enabled: true, existingSecret: $release-redis, tls: {existingSecret: $release-tls}, volume: {whenDeleted: Delete}}}
tls: {existingSecret: $release-tls}
store: {url: "$store_url"}
defaultBackend: {enabled: $([[ $store_url == *//\{id\}.* ]] && echo true || echo false)}
YAML
  [[ -z $backup_repository ]] || cat >>"$in_cluster/values.yaml" <<YAML
backups:
  repository: "$backup_repository"
  secretKey: {existingSecret: $release-backup-key}
  s3: {existingSecret: $release-backup-s3}
YAML
  IFS=, read -ra files <<<"$values"
  for file in "${files[@]}"; do
    under store.values "$file" >"$in_cluster/store-${#args[@]}.yaml"
    args+=(--values "$in_cluster/store-${#args[@]}.yaml")
  done
  "$helm" upgrade --install "$release" "$root/charts/sendstores" --namespace "$namespace" --wait --timeout 3m \
    --values "$in_cluster/images.yaml" "${args[@]}" --values "$in_cluster/values.yaml" >"$dev/helm.log" 2>&1 || {
    in_namespace get pods,events >>"$dev/helm.log" 2>&1 || true
    die "the control plane does not start in the cluster: see .dev/helm.log"
  }
}

# The way from this machine to the gRPC port of some replica, for as long as `make down` does not end it.
start_forward() {
  running forward && return
  grpc_port=$(free_port "${grpc_port:-7443}")
  start forward "$root/scripts/forward" "$namespace" "$release" "$grpc_port:7443"
  echo "grpc_port=$grpc_port" >"$dev/server.env"
}

# The image of the control plane, and that of its Redis.
take_images() {
  if [[ -n ${SENDSTORES_SERVER_IMAGE_VALUES:-} ]]; then
    cp "$SENDSTORES_SERVER_IMAGE_VALUES" "$in_cluster/images.yaml"
    return
  fi
  SENDSTORES_IMAGE_PROGRAMS=$bin timed "image of the control plane" "$root/images/build-server" --values "$in_cluster/images.yaml"
  local archives
  mapfile -t archives < <(server_archives)
  load_archives "${archives[@]}"
}

start_in_cluster() {
  [[ -z $kubeconfig ]] || export KUBECONFIG=$kubeconfig
  take_images
  make_secrets
  timed "control plane in the cluster" install_release
  [[ ! -f $dev/server.env ]] || source "$dev/server.env"
  PATH=$programs_folder:$PATH start_forward
  export SENDSTORES_SERVER=https://127.0.0.1:$grpc_port SENDSTORES_CA=$in_cluster/ca.crt
  await 30 "an answer at $SENDSTORES_SERVER (see .dev/forward.log)" \
    curl -sS --http2 --cacert "$SENDSTORES_CA" -o /dev/null "$SENDSTORES_SERVER"
}

# remove_release: in a cluster that is not ours.
remove_release() {
  "$helm" uninstall "$release" --namespace "$namespace" --ignore-not-found --wait >/dev/null
  if [[ $(kubectl_here get namespace "$namespace" -o jsonpath='{.metadata.labels.sendstores\.dev/made-by}' 2>/dev/null) == make-up ]]; then
    kubectl_here delete namespace "$namespace" >/dev/null
  fi
}
