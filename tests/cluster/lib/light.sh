# shellcheck shell=bash
# Light mode: real API server, controllers, scheduler and volumes; nodes and
# pods are played by kwok. For tests that need objects but no containers.

SIMULATED_NODES=10 # 250 pod addresses each

up_light() {
	make_simulated_pods_local
	node_daemon kwok kwok --kubeconfig "$PKI/kwok.conf" --config "$BIN/kwok-stages.yaml" \
		--manage-all-nodes --node-ip "$NODE_IP" --node-port 10250 --node-lease-duration-seconds 40 \
		--server-address 127.0.0.1:10247
	node_daemon simulated-exec simulated-exec -listen "$NODE_IP:10250" \
		-cert "$PKI/kubelet-server.crt" -key "$PKI/kubelet-server.key" -folder "$EXEC_PATH"
	[[ -z $STOREFRONT ]] || node_daemon storefront bash -c "exec $STOREFRONT"
	apply_text "$(simulated_nodes)"
	wait_for 30 "simulated nodes" simulated_nodes_ready
	[[ -z $STOREFRONT ]] || wait_for 30 "storefront on port 8080" inside bash -c ': </dev/tcp/127.0.0.1/8080'
}

simulated_nodes() {
	local number
	for ((number = 1; number <= SIMULATED_NODES; number++)); do
		cat <<-END
			---
			apiVersion: v1
			kind: Node
			metadata:
			  name: simulated$number
			  labels: {type: kwok, kubernetes.io/hostname: simulated$number, kubernetes.io/os: linux}
		END
	done
}

simulated_nodes_ready() {
	local ready
	ready=$(kubectl get nodes -o 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | grep -c True)
	((ready == SIMULATED_NODES))
}
