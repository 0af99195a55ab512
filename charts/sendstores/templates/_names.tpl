{{/* Name of what is not in a namespace: several control planes may be in one cluster. */}}
{{- define "plane.clusterName" -}}
{{ printf "%s-%s" .Release.Namespace .Release.Name }}
{{- end }}

{{- define "plane.labels" -}}
app.kubernetes.io/name: sendstores
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: control-plane
app.kubernetes.io/part-of: sendstores
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* By these the server's pods are found: they never change. */}}
{{- define "server.selector" -}}
app.kubernetes.io/name: sendstores
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: control-plane
{{- end }}

{{/* Another name than the server's, which the stores' network policies let in. */}}
{{- define "redis.selector" -}}
app.kubernetes.io/name: sendstores-redis
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: redis
{{- end }}

{{- define "redis.labels" -}}
{{ include "redis.selector" . }}
app.kubernetes.io/part-of: sendstores
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* The Secret of the gRPC port's certificate; empty: it has none. */}}
{{- define "server.tlsSecret" -}}
{{- if .Values.tls.certManager.enabled }}{{ .Release.Name }}-tls{{ else }}{{ .Values.tls.existingSecret }}{{ end }}
{{- end }}

{{/* The ConfigMap of the bindings; empty: there are none. */}}
{{- define "server.authConfigMap" -}}
{{- if .Values.auth.existingConfigMap }}{{ .Values.auth.existingConfigMap }}
{{- else if .Values.auth.bindings }}{{ .Release.Name }}-auth{{ end }}
{{- end }}

{{/* An image by digest or tag. Takes {image, tag}. */}}
{{- define "plane.image" -}}
{{- if .image.digest }}{{ .image.repository }}@{{ .image.digest }}{{ else }}{{ .image.repository }}:{{ .image.tag | default .tag }}{{ end }}
{{- end }}
