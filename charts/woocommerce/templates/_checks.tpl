{{/*
What the schema cannot say: values that contradict each other or the release. Each message names
the value and the way out.
*/}}
{{- define "store.checks" -}}
{{- $store := .Values.store }}
{{- $ingress := .Values.ingress }}
{{- if ne .Release.Name "store" }}
{{- fail (printf "the release must be named \"store\", not %q: helm install store ..." .Release.Name) }}
{{- end }}
{{- if ne .Release.Namespace $store.id }}
{{- fail (printf "store.id is %q but the namespace is %q: a store lives in the namespace of its id (--namespace %s)" $store.id .Release.Namespace $store.id) }}
{{- end }}
{{- $origin := urlParse $store.url }}
{{- if ne (regexReplaceAll ":[0-9]+$" $origin.host "") $store.host }}
{{- fail (printf "store.host is %q but store.url is %q: both must name the same host" $store.host $store.url) }}
{{- end }}
{{- if and $ingress.tls.enabled (not $ingress.tls.secretName) }}
{{- fail "ingress.tls.enabled needs ingress.tls.secretName: the TLS Secret in the store's namespace" }}
{{- end }}
{{- if and $ingress.tls.enabled (ne $origin.scheme "https") }}
{{- fail (printf "ingress.tls.enabled but store.url is %q: it must begin with https://" $store.url) }}
{{- end }}
{{- if and $ingress.enabled (not (include "store.hasPeers" $ingress.controller)) }}
{{- fail "ingress.enabled needs ingress.controller.namespace or ingress.controller.cidrs: without them the network policy keeps the ingress controller out" }}
{{- end }}
{{- if not (include "store.hasPeers" .Values.network.dns) }}
{{- fail "network.dns needs a namespace or cidrs: without DNS the application cannot find its database" }}
{{- end }}
{{- if and .Values.network.egressHosts (not .Values.network.egress) }}
{{- fail "network.egressHosts needs network.egress: the network policy closes all addresses but the listed ones" }}
{{- end }}
{{- if and .Values.mail.user (not .Values.mail.secretName) }}
{{- fail "mail.user needs mail.secretName: the Secret in the store's namespace that has the password" }}
{{- end }}
{{- if and .Values.mail.host (not .Values.network.egress) }}
{{- fail "mail.host needs network.egress: the network policy closes all addresses but the listed ones" }}
{{- end }}
{{- range $name := list "dns" "apiServer" "controlPlane" }}
{{- include "store.checkPeer" (dict "name" (printf "network.%s" $name) "peer" (index $.Values.network $name)) }}
{{- end }}
{{- include "store.checkPeer" (dict "name" "ingress.controller" "peer" $ingress.controller) }}
{{- end }}

{{- define "store.checkPeer" -}}
{{- if and .peer.podLabels (not .peer.namespace) }}
{{- fail (printf "%s.podLabels needs %s.namespace: labels alone would match the store's own pods" .name .name) }}
{{- end }}
{{- end }}
