{{/*
Repairs what a power loss left, and starts Redis. The password reaches it by its digest and standard input alone.
The default user is off and cannot log in. It keeps all rights, because Redis reads its append-only file as that user:
without them Redis (7.0 and 8.0) passes over every transaction in the file, and starts without what was acknowledged.
*/}}
{{- define "redis.start" -}}
{{- $redis := .Values.redis.embedded -}}
manifest=/data/appendonlydir/appendonly.aof.manifest
if [ -e "$manifest" ]; then
  echo y | redis-check-aof --fix "$manifest"
fi
password=$(cat /run/secrets/redis/password)
[ "${#password}" -ge 16 ] || { echo "the password of Redis has fewer than 16 characters" >&2; exit 1; }
digest=$(printf %s "$password" | sha256sum | cut -c1-64)
exec redis-server - <<SETTINGS
dir /data
bind * -::*
{{- if $redis.tls.existingSecret }}
port 0
tls-port 6379
tls-cert-file /run/secrets/tls/tls.crt
tls-key-file /run/secrets/tls/tls.key
tls-auth-clients no
{{- else }}
port 6379
{{- end }}
protected-mode no
appendonly yes
appendfsync always
aof-load-truncated no
save ""
maxmemory {{ $redis.maxMemory }}
maxmemory-policy noeviction
user default reset off ~* &* +@all
user probe reset on nopass +ping
user sendstores reset on #$digest ~{{ printf "{%s}" .Values.redis.prefix }}:* +evalsha +eval +hmget +hget +hset +hdel +hscan +hvals +hincrby +xadd +xrange +xrevrange +xread +zadd +zrem +zrangebyscore +get +set +exists +del +rename +time +select +config|get +info +client|id
SETTINGS
{{- end }}

{{- define "redis.ping" -}}
{{- $tls := ternary " --tls --insecure" "" (not (empty .Values.redis.embedded.tls.existingSecret)) -}}
[sh, -c, {{ printf "redis-cli%s --user probe --pass none --no-auth-warning ping | grep -q PONG" $tls | quote }}]
{{- end }}
