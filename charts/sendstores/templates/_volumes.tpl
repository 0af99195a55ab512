{{/* The files that the server reads, as folders: what is mounted as a folder follows its Secret or ConfigMap. */}}
{{- define "server.folders" -}}
{{- $values := .Values }}
tls: {secret: {{ include "server.tlsSecret" . | quote }}}
client-ca: {secret: {{ $values.tls.clientCA.existingSecret | quote }}}
auth: {configMap: {{ include "server.authConfigMap" . | quote }}}
credentials: {secret: {{ $values.auth.credentialsSecret | quote }}}
oidc-ca: {secret: {{ $values.auth.oidc.ca.existingSecret | quote }}}
redis-ca: {secret: {{ ternary $values.redis.embedded.tls.existingSecret $values.redis.ca.existingSecret $values.redis.embedded.enabled | quote }}, only: {{ ternary "ca.crt" $values.redis.ca.key $values.redis.embedded.enabled }}}
redis-client: {secret: {{ ternary "" $values.redis.clientCertificate.existingSecret $values.redis.embedded.enabled | quote }}}
backup-key: {secret: {{ ternary $values.backups.secretKey.existingSecret "" (not (empty $values.backups.repository)) | quote }}, only: {{ $values.backups.secretKey.key }}}
backup-s3: {secret: {{ ternary $values.backups.s3.existingSecret "" (not (empty $values.backups.repository)) | quote }}}
store: {configMap: {{ printf "%s-store" .Release.Name | quote }}}
{{- range $index, $file := $values.store.valuesFrom }}
store-{{ $index }}: {configMap: {{ $file.name | quote }}}
{{- end }}
{{- end }}

{{- define "server.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- if .Values.store.releases }}
# A folder for each release.
- name: releases
  configMap:
    name: {{ .Release.Name }}-releases
    items:
      {{- range $name, $release := .Values.store.releases }}
      - {key: {{ $name }}.release.yaml, path: {{ $name }}/release.yaml}
      - {key: {{ $name }}.values.yaml, path: {{ $name }}/values.yaml}
      {{- end }}
{{- end }}
{{- range $name, $from := include "server.folders" . | fromYaml }}
{{- if $from.secret }}
- name: {{ $name }}
  secret:
    secretName: {{ $from.secret }}
    defaultMode: 0440
    {{- with $from.only }}
    items: [{key: {{ . }}, path: {{ . }}}]
    {{- end }}
{{- else if $from.configMap }}
- name: {{ $name }}
  configMap: {name: {{ $from.configMap }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "server.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.store.releases }}
- {name: releases, mountPath: /etc/sendstores/releases, readOnly: true}
{{- end }}
{{- range $name, $from := include "server.folders" . | fromYaml }}
{{- if or $from.secret $from.configMap }}
- {name: {{ $name }}, mountPath: /etc/sendstores/{{ $name }}, readOnly: true}
{{- end }}
{{- end }}
{{- end }}
