# shellcheck shell=bash
# Keys, certificates and kubeconfigs. They live and die with the cluster.

make_certificates() {
	PKI=$STATE/pki
	[[ -e $PKI/complete ]] && return 0
	(umask 077 && mkdir -p "$PKI")
	key "$PKI/ca"
	openssl req -x509 -new -key "$PKI/ca.key" -days 3650 -subj "/CN=sendstores-local" -out "$PKI/ca.crt" 2>/dev/null
	key "$PKI/service-accounts"
	openssl ec -in "$PKI/service-accounts.key" -pubout -out "$PKI/service-accounts.pub" 2>/dev/null
	certificate apiserver "/CN=kube-apiserver" \
		"IP:$NODE_IP,IP:10.96.0.1,IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
	certificate kubelet-server "/CN=$NODE" "IP:$NODE_IP,DNS:$NODE"
	certificate apiserver-kubelet-client "/O=system:masters/CN=kube-apiserver-kubelet-client"
	identity "$STATE/kubeconfig" admin system:masters
	identity "$PKI/controllers.conf" system:kube-controller-manager
	identity "$PKI/scheduler.conf" system:kube-scheduler
	identity "$PKI/proxy.conf" system:kube-proxy
	identity "$PKI/kubelet.conf" "system:node:$NODE" system:nodes
	# The helpers of the test cluster. Names of their own keep them apart from
	# the user "admin" in the audit log.
	identity "$PKI/provisioner.conf" provisioner system:masters
	identity "$PKI/kube-router.conf" kube-router system:masters
	identity "$PKI/kwok.conf" kwok system:masters
	touch "$PKI/complete"
}

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

# certificate NAME SUBJECT [ALTERNATIVE-NAMES]
certificate() {
	local file=$PKI/$1 subject=$2 extensions="extendedKeyUsage=serverAuth,clientAuth"
	[[ -z ${3:-} ]] || extensions+=$'\n'"subjectAltName=$3"
	key "$file"
	openssl req -new -key "$file.key" -subj "$subject" |
		openssl x509 -req -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -set_serial "0x$(openssl rand -hex 8)" -days 3650 \
			-extfile <(echo "$extensions") -out "$file.crt" 2>/dev/null
}

# identity KUBECONFIG USER [GROUP]
identity() {
	local file=$1 user=$2
	certificate "${user//:/-}" "${3:+/O=$3}/CN=$user"
	cat >"$file" <<-END
		apiVersion: v1
		kind: Config
		current-context: sendstores-$NAME
		clusters:
		- name: sendstores-$NAME
		  cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")}
		users:
		- name: "$user"
		  user: {client-certificate-data: $(base64 -w0 "$PKI/${user//:/-}.crt"), client-key-data: $(base64 -w0 "$PKI/${user//:/-}.key")}
		contexts:
		- name: sendstores-$NAME
		  context: {cluster: sendstores-$NAME, user: "$user"}
	END
	chmod 600 "$file"
}
