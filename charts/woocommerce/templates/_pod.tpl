{{/* Image reference; a digest wins over a tag, which can be moved. */}}
{{- define "store.image" -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest | quote }}
{{- else -}}
{{ printf "%s:%s" .repository .tag | quote }}
{{- end -}}
{{- end }}

{{/*
Pod fields that both pods share. The argument "uid" is the image's user; fsGroup equals it, so
that volumes and the mounted Secret are readable on any storage driver.
*/}}
{{- define "store.podSecurity" -}}
serviceAccountName: store
automountServiceAccountToken: false
# The service variables of the namespace would leak into WordPress' environment.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .uid }}
  fsGroup: {{ .uid }}
  # Without it each start walks all of the volume's files to change their group.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/*
Labels and annotations of a pod. The chart's own labels come last: others may not take a pod out of
its selector or its network policy.
*/}}
{{- define "store.podMetadata" -}}
labels:
  {{- merge (include "store.stableLabels" . | fromYaml) .root.Values.podLabels | toYaml | nindent 2 }}
{{- with .root.Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where both pods run, and how their images are pulled. */}}
{{- define "store.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "store.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* The credentials Secret, cut down to the keys that this pod needs (argument "keys"). */}}
{{- define "store.credentialsVolume" -}}
- name: credentials
  secret:
    secretName: {{ .root.Values.credentials.secretName | quote }}
    # 0440: readable by fsGroup only.
    defaultMode: 288
    items:
      {{- range .keys }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}
