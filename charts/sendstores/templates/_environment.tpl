{{/* The server's configuration: all of it in the environment, so that `kubectl exec` runs its commands as they are. */}}
{{- define "server.environment" -}}
{{- $values := .Values }}
- {name: SENDSTORES_LISTEN, value: {{ printf "%s:7443" $values.server.bindAddress | quote }}}
- {name: SENDSTORES_ADMIN_LISTEN, value: {{ printf "%s:7444" $values.server.bindAddress | quote }}}
- {name: SENDSTORES_INSTANCE, value: {{ $values.server.instance | default .Release.Name | quote }}}
- {name: SENDSTORES_DRAIN_TIMEOUT, value: {{ printf "%ds" (int $values.server.drainSeconds) }}}
- {name: SENDSTORES_PROBE_VIA, value: {{ $values.server.probeVia }}}
- {name: SENDSTORES_LOG, value: {{ $values.server.log | quote }}}
- {name: SENDSTORES_LOG_FORMAT, value: json}
- {name: SENDSTORES_STORE_URL, value: {{ $values.store.url | quote }}}
- {name: SENDSTORES_VALUES, value: {{ include "server.valuesFiles" . | quote }}}
{{- if $values.defaultBackend.enabled }}
- {name: SENDSTORES_DEFAULT_BACKEND_LISTEN, value: {{ printf "%s:7445" $values.server.bindAddress | quote }}}
{{- end }}
{{- if $values.store.releases }}
- {name: SENDSTORES_RELEASES, value: /etc/sendstores/releases}
{{- end }}
{{- $optional := dict
  "SENDSTORES_CONCURRENCY" $values.server.concurrency
  "SENDSTORES_PROBE_CONCURRENCY" $values.server.probeConcurrency
  "SENDSTORES_PROBE_INTERVAL" $values.server.probeInterval
  "SENDSTORES_CRON_INTERVAL" $values.server.cronInterval
  "SENDSTORES_DELETION_WINDOW" $values.store.deletionWindow
  "SENDSTORES_QUOTA" (include "server.pairs" $values.store.quota)
  "SENDSTORES_DEADLINE" (include "server.pairs" $values.store.deadlines)
  "SENDSTORES_TENANT_LIMIT" (include "server.pairs" $values.tenants.limits) }}
{{- range $name, $value := $optional }}
{{- if $value }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}
{{- if $values.tenants.closed }}
- {name: SENDSTORES_TENANTS, value: closed}
{{- end }}
{{- include "server.environmentOfPort" . }}
{{- include "server.environmentOfCallers" . }}
{{- include "server.environmentOfRedis" . }}
{{- include "server.environmentOfBackups" . }}
{{- with $values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "server.environmentOfPort" -}}
{{- if include "server.tlsSecret" . }}
- {name: SENDSTORES_TLS_CERT, value: /etc/sendstores/tls/tls.crt}
- {name: SENDSTORES_TLS_KEY, value: /etc/sendstores/tls/tls.key}
{{- else }}
- {name: SENDSTORES_ALLOW_PLAINTEXT, value: "true"}
{{- end }}
{{- if .Values.tls.clientCA.existingSecret }}
- {name: SENDSTORES_TLS_CLIENT_CA, value: {{ printf "/etc/sendstores/client-ca/%s" .Values.tls.clientCA.key }}}
{{- end }}
{{- end }}

{{- define "server.environmentOfCallers" -}}
{{- $auth := .Values.auth }}
{{- if include "server.authConfigMap" . }}
- {name: SENDSTORES_AUTH_CONFIG, value: /etc/sendstores/auth/auth.yaml}
{{- end }}
{{- if $auth.credentialsSecret }}
- {name: SENDSTORES_CREDENTIALS, value: /etc/sendstores/credentials/credentials.yaml}
{{- end }}
{{- if $auth.kubernetes.enabled }}
- {name: SENDSTORES_KUBERNETES_TOKENS, value: "true"}
{{- end }}
{{- with $auth.oidc }}
{{- if .issuers }}
- {name: SENDSTORES_OIDC_ISSUERS, value: {{ join "," .issuers | quote }}}
- {name: SENDSTORES_OIDC_AUDIENCES, value: {{ join "," .audiences | quote }}}
- {name: SENDSTORES_OIDC_USERNAME_CLAIM, value: {{ .usernameClaim | quote }}}
- {name: SENDSTORES_OIDC_GROUPS_CLAIM, value: {{ .groupsClaim | quote }}}
{{- if .dashboardClientId }}
- {name: SENDSTORES_DASHBOARD_OIDC_CLIENT_ID, value: {{ .dashboardClientId | quote }}}
- {name: SENDSTORES_DASHBOARD_OIDC_SCOPES, value: {{ .dashboardScopes | quote }}}
{{- end }}
{{- end }}
{{- if .ca.existingSecret }}
- {name: SENDSTORES_OIDC_CA, value: {{ printf "/etc/sendstores/oidc-ca/%s" .ca.key }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "server.environmentOfRedis" -}}
{{- $redis := .Values.redis }}
- {name: SENDSTORES_REDIS_PREFIX, value: {{ $redis.prefix | quote }}}
- {name: SENDSTORES_REDIS_DURABILITY, value: {{ $redis.durability }}}
- {name: SENDSTORES_REDIS_REPLICAS_ACKNOWLEDGE, value: {{ $redis.replicasAcknowledge | toString | quote }}}
{{- if $redis.embedded.enabled }}
{{- $scheme := ternary "rediss" "redis" (not (empty $redis.embedded.tls.existingSecret)) }}
- name: SENDSTORES_REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $redis.embedded.existingSecret }}, key: password}}
# Kubernetes puts the password in. What begins with SENDSTORES_ is kept from the programs that the server starts.
- name: SENDSTORES_REDIS_URL
  value: {{ printf "%s://sendstores:$(SENDSTORES_REDIS_PASSWORD)@%s-redis.%s.svc:6379" $scheme .Release.Name .Release.Namespace | quote }}
{{- if $redis.embedded.tls.existingSecret }}
- {name: SENDSTORES_REDIS_CA, value: /etc/sendstores/redis-ca/ca.crt}
{{- else }}
- {name: SENDSTORES_ALLOW_PLAINTEXT_REDIS, value: "true"}
{{- end }}
{{- else }}
- name: SENDSTORES_REDIS_URL
  valueFrom: {secretKeyRef: {name: {{ $redis.existingSecret }}, key: {{ $redis.urlKey }}}}
{{- if $redis.ca.existingSecret }}
- {name: SENDSTORES_REDIS_CA, value: {{ printf "/etc/sendstores/redis-ca/%s" $redis.ca.key }}}
{{- end }}
{{- if $redis.clientCertificate.existingSecret }}
- {name: SENDSTORES_REDIS_CERT, value: /etc/sendstores/redis-client/tls.crt}
- {name: SENDSTORES_REDIS_KEY, value: /etc/sendstores/redis-client/tls.key}
{{- end }}
{{- if $redis.allowPlaintext }}
- {name: SENDSTORES_ALLOW_PLAINTEXT_REDIS, value: "true"}
{{- end }}
{{- end }}
{{- end }}

{{- define "server.environmentOfBackups" -}}
{{- with .Values.backups }}
{{- if .repository }}
- {name: SENDSTORES_BACKUP_REPOSITORY, value: {{ .repository | quote }}}
- {name: SENDSTORES_BACKUP_KEY_FILE, value: {{ printf "/etc/sendstores/backup-key/%s" .secretKey.key }}}
{{- if .s3.existingSecret }}
- {name: SENDSTORES_BACKUP_S3_CREDENTIALS, value: /etc/sendstores/backup-s3}
{{- end }}
{{- if .deadline }}
- {name: SENDSTORES_BACKUP_DEADLINE, value: {{ .deadline | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* NAME=VALUE,NAME=VALUE of a map. */}}
{{- define "server.pairs" -}}
{{- $pairs := list }}
{{- range $name, $value := . }}{{ $pairs = append $pairs (printf "%s=%s" $name (toString $value)) }}{{ end }}
{{- join "," $pairs }}
{{- end }}

{{/* The values files of stores, later ones before earlier ones: where this control plane is, yours, and store.values. */}}
{{- define "server.valuesFiles" -}}
{{- $files := list "/etc/sendstores/store/control-plane.yaml" }}
{{- range $index, $file := .Values.store.valuesFrom }}
{{- $files = append $files (printf "/etc/sendstores/store-%d/%s" $index $file.key) }}
{{- end }}
{{- join "," (append $files "/etc/sendstores/store/values.yaml") }}
{{- end }}
