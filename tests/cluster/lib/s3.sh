# shellcheck shell=bash
# An S3 server, for clusters that ask for one. It is a process of the node and not a pod, so that policies can name it by one
# address, which pods, tests and the machine reach alike.

S3_PORT=7070
S3_BUCKET=backups

start_s3() {
	[[ $S3 == yes ]] || return 0
	if [[ ! -x $BIN/versitygw ]]; then
		say "no S3 server: the cluster was started with programs that have none; tests/cluster/cluster down --name $NAME, then up"
		S3=no
		return 0
	fi
	remember S3 yes
	mkdir -p "$STATE/s3/buckets/$S3_BUCKET" "$STATE/s3/credentials"
	make_s3_credentials
	# The keys are in no argument list.
	node_daemon versitygw bash -c "cd '$STATE/s3' && \
		ROOT_ACCESS_KEY_ID=\$(<credentials/access-key-id) ROOT_SECRET_ACCESS_KEY=\$(<credentials/secret-access-key) \
		exec versitygw --quiet --port '$NODE_IP:$S3_PORT' posix buckets"
	wait_for 30 "S3 server" inside bash -c ": </dev/tcp/$NODE_IP/$S3_PORT"
}

# As long as the cluster: what is stored was stored by their owner.
make_s3_credentials() {
	local file
	for file in access-key-id secret-access-key; do
		[[ -s $STATE/s3/credentials/$file ]] ||
			(umask 077 && openssl rand -hex 20 | tr -d '\n' >"$STATE/s3/credentials/$file.new" && mv "$STATE/s3/credentials/$file.new" "$STATE/s3/credentials/$file")
	done
}

# Lines for print_env; empty values where there is none.
s3_env() {
	[[ $S3 == yes ]] || { printf 'SENDSTORES_TEST_S3_%s=\n' ENDPOINT BUCKET ACCESS_KEY_FILE SECRET_KEY_FILE && return; }
	printf 'SENDSTORES_TEST_S3_%s=%q\n' ENDPOINT "http://$NODE_IP:$S3_PORT" BUCKET "$S3_BUCKET" \
		ACCESS_KEY_FILE "$STATE/s3/credentials/access-key-id" SECRET_KEY_FILE "$STATE/s3/credentials/secret-access-key"
}
