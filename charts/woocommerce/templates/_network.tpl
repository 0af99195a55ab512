{{/* Does this peer name anything? An empty "from" or "to" would mean everybody. */}}
{{- define "store.hasPeers" -}}
{{- if or .namespace .cidrs }}yes{{ end -}}
{{- end }}

{{- define "store.peers" -}}
{{- if .namespace }}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ .namespace | quote }}
  {{- with .podLabels }}
  podSelector:
    matchLabels:
      {{- toYaml . | nindent 6 }}
  {{- end }}
{{- end }}
{{- range .cidrs }}
- ipBlock:
    cidr: {{ . | quote }}
{{- end }}
{{- end }}

{{/* What "the internet" never includes: private, shared, link-local (cloud metadata), loopback. */}}
{{- define "store.notInternet" -}}
{{- if eq .cidr "0.0.0.0/0" -}}
["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]
{{- else if eq .cidr "::/0" -}}
["::1/128", "64:ff9b::/96", "fc00::/7", "fe80::/10"]
{{- else -}}
[]
{{- end -}}
{{- end }}

{{/* One egress rule to a network (cidr, except, ports). */}}
{{- define "store.openTo" -}}
- to:
    - ipBlock:
        cidr: {{ .cidr | quote }}
        {{- with concat (include "store.notInternet" . | fromJsonArray) (.except | default list) | uniq | sortAlpha }}
        except:
          {{- toYaml . | nindent 10 }}
        {{- end }}
  ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
{{- end }}
