{{/*
Labels of every object: what it is (the argument "name" and "component"), whose it is. None of
them changes during the life of a store but helm.sh/chart, which therefore stays out of pod
and claim templates: those would restart a pod or cannot be changed.
*/}}
{{- define "store.labels" -}}
{{ include "store.stableLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "store.stableLabels" -}}
{{ include "store.selector" . }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/part-of: sendstores
sendstores.dev/store: {{ .root.Values.store.id | quote }}
sendstores.dev/uid: {{ .root.Values.store.uid | quote }}
{{- end }}

{{- define "store.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}
