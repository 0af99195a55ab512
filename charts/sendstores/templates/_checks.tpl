{{/* What the schema cannot say: which values need which. Each line says what to do. */}}
{{- define "server.checks" -}}
{{- if hasPrefix "store-" .Release.Namespace }}
{{- fail "the control plane cannot be in a namespace that begins with store-: those are the stores'" }}
{{- end }}
{{- $values := .Values }}
{{- if not $values.image.repository }}
{{- fail "image.repository is missing: build the image with images/build-server and push it to a registry that the cluster pulls from" }}
{{- end }}
{{- if not $values.store.url }}
{{- fail "store.url is missing: the public address of a store, such as https://{id}.shops.example.com" }}
{{- end }}
{{- include "server.checkRedis" . }}
{{- $certificates := list }}
{{- if $values.tls.existingSecret }}{{ $certificates = append $certificates "tls.existingSecret" }}{{ end }}
{{- if $values.tls.certManager.enabled }}{{ $certificates = append $certificates "tls.certManager" }}{{ end }}
{{- if $values.tls.plaintext }}{{ $certificates = append $certificates "tls.plaintext" }}{{ end }}
{{- if ne (len $certificates) 1 }}
{{- fail (printf "give one of tls.existingSecret, tls.certManager.enabled and tls.plaintext, not %d" (len $certificates)) }}
{{- end }}
{{- if and $values.tls.certManager.enabled (not $values.tls.certManager.issuerRef.name) }}
{{- fail "tls.certManager.issuerRef.name is missing: the issuer that cert-manager asks for the certificate" }}
{{- end }}
{{- if and $values.tls.plaintext $values.tls.clientCA.existingSecret }}
{{- fail "tls.clientCA needs TLS of the port: leave tls.plaintext out" }}
{{- end }}
{{- if and $values.defaultBackend.enabled (not (regexMatch "^https?://[{]id[}][.]" $values.store.url)) }}
{{- fail "defaultBackend needs a wildcard host: store.url must begin with {id} and a dot, as https://{id}.shops.example.com does" }}
{{- end }}
{{- include "server.checkCallers" . }}
{{- include "server.checkBackups" . }}
{{- end }}

{{- define "server.checkBackups" -}}
{{- with .Values.backups }}
{{- if .repository }}
{{- if not .secretKey.existingSecret }}
{{- fail "backups.secretKey.existingSecret is missing: kubectl create secret generic sendstores-backup-key --from-literal=key=$(openssl rand -hex 32)" }}
{{- end }}
{{- if and (hasPrefix "s3:" .repository) (not .s3.existingSecret) }}
{{- fail "backups.s3.existingSecret is missing: a Secret with access-key-id and secret-access-key" }}
{{- end }}
{{- else if or .secretKey.existingSecret .s3.existingSecret .deadline }}
{{- fail "backups.repository is missing: s3:https://s3.example.com/bucket/{uid}" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "server.checkRedis" -}}
{{- $redis := .Values.redis }}
{{- if and $redis.existingSecret $redis.embedded.enabled }}
{{- fail "give one of redis.existingSecret and redis.embedded.enabled, not both" }}
{{- end }}
{{- if not (or $redis.existingSecret $redis.embedded.enabled) }}
{{- fail "Redis is missing: redis.existingSecret names a Secret with its URL, or redis.embedded.enabled brings a small one along" }}
{{- end }}
{{- if and $redis.embedded.enabled (not $redis.embedded.existingSecret) }}
{{- fail "redis.embedded.existingSecret is missing: kubectl create secret generic sendstores-redis --from-literal=password=$(openssl rand -hex 24)" }}
{{- end }}
{{- end }}

{{- define "server.checkCallers" -}}
{{- $auth := .Values.auth }}
{{- if and $auth.bindings $auth.existingConfigMap }}
{{- fail "give one of auth.bindings and auth.existingConfigMap, not both" }}
{{- end }}
{{- if and (or $auth.kubernetes.enabled $auth.oidc.issuers) (not (include "server.authConfigMap" .)) }}
{{- fail "auth.kubernetes and auth.oidc need auth.bindings (or auth.existingConfigMap), which say what a caller may do" }}
{{- end }}
{{- with $auth.oidc.dashboardClientId }}
{{- if not (and $auth.oidc.issuers (has . $auth.oidc.audiences)) }}
{{- fail "auth.oidc.dashboardClientId needs auth.oidc.issuers, and must be one of auth.oidc.audiences" }}
{{- end }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}
{{- fail "ingress.host is missing" }}
{{- end }}
{{- if and .Values.gateway.enabled (not .Values.gateway.parentRefs) }}
{{- fail "gateway.parentRefs is missing: the Gateway that the route belongs to" }}
{{- end }}
{{- end }}
