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

{{/* "yes" where an update starts the new pod beside the old one. Values of a release from before this setting lack it. */}}
{{- define "store.rolling" -}}
{{- if ne ((.Values.update | default dict).strategy | default "RollingUpdate") "Recreate" }}yes{{ end -}}
{{- end }}

{{/*
Where both pods run, and how their images are pulled. The argument "sameNodeAs" is a scope: the pod then runs on the node of the
pods with these labels. The volume can be attached to one node only, so a pod beside another must be there. Where
there is none yet, Kubernetes lets a pod that matches its own rule choose any node.
*/}}
{{- define "store.placement" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $affinity := deepCopy .root.Values.affinity }}
{{- with .sameNodeAs }}
{{- $pods := $affinity.podAffinity | default dict }}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "store.selector" . | fromYaml)) }}
{{- $terms := append ($pods.requiredDuringSchedulingIgnoredDuringExecution | default list) $term }}
{{- $affinity = merge (dict "podAffinity" (merge (dict "requiredDuringSchedulingIgnoredDuringExecution" $terms) $pods)) $affinity }}
{{- end }}
{{- with $affinity }}
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
