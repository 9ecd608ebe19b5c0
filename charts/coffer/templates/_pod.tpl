{{/* A value of this chart, or else the parent chart's; from root and name. */}}
{{- define "coffer.own" -}}
{{- with index .root.Values .name | default (dig .name "" (default dict .root.Values.global)) }}
{{- toYaml . }}
{{- end }}
{{- end -}}
{{- define "coffer.image" -}}
{{- $registry := .Values.image.registry | default (dig "imageRegistry" "" (default dict .Values.global)) }}
{{- with $registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end -}}
{{/* A security context, from root and given: without the ids that OpenShift chooses where it does. */}}
{{- define "coffer.security" -}}
{{- $mode := .root.Values.openshift.adaptSecurityContext }}
{{- $there := .root.Capabilities.APIVersions.Has "security.openshift.io/v1" }}
{{- if or (eq $mode "force") (and (eq $mode "auto") $there) }}
{{- omit .given "runAsUser" "runAsGroup" "fsGroup" | toYaml }}
{{- else }}
{{- toYaml .given }}
{{- end }}
{{- end -}}
{{/* Labels and annotations of the Pods. */}}
{{- define "coffer.podMetadata" -}}
{{- $global := default dict .Values.global }}
{{- $fixed := include "coffer.labels" . | fromYaml }}
labels: {{- merge $fixed .Values.podLabels (dig "podLabels" dict $global) | toYaml | nindent 2 }}
{{- $scrape := dict "prometheus.io/scrape" "true" "prometheus.io/port" (toString .Values.containerPorts.metrics) "prometheus.io/path" "/metrics" }}
{{- if .Values.metrics.tls.enabled }}{{ $_ := set $scrape "prometheus.io/scheme" "https" }}{{ end }}
{{- $scrape = ternary $scrape dict .Values.metrics.scrapeAnnotations }}
{{- with merge (dict) .Values.podAnnotations (dig "podAnnotations" dict $global) .Values.commonAnnotations $scrape }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
{{/* Where the Pods run, and what they find there. */}}
{{- define "coffer.placement" -}}
{{- range $name := list "nodeSelector" "tolerations" "affinity" "hostAliases" }}
{{- with include "coffer.own" (dict "root" $ "name" $name) }}
{{ $name }}: {{- . | nindent 2 }}
{{- end }}
{{- end }}
{{- range $name := list "runtimeClassName" "schedulerName" "dnsPolicy" }}
{{- with index $.Values $name }}
{{ $name }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- if .Values.hostNetwork }}
hostNetwork: true
{{- end }}
{{- if ne (toString .Values.hostUsers) "" }}
hostUsers: {{ .Values.hostUsers }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- with include "coffer.own" (dict "root" . "name" "topologySpreadConstraints") }}{{ . | nindent 2 }}{{ else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "coffer.selector" . | nindent 8 }}
{{- end }}
{{- end -}}
{{/* Volumes and mounts of the container: those of the values, and the certificate of the metrics. */}}
{{- define "coffer.volumes" -}}
{{- $all := concat .Values.volumes .Values.extraVolumes }}
{{- if .Values.metrics.tls.enabled }}
{{- $all = append $all (dict "name" "metrics-certificate" "secret" (dict "secretName" .Values.metrics.tls.secretName)) }}
{{- end }}
{{- with $all }}{{ toYaml . }}{{ end }}
{{- end -}}
{{- define "coffer.mounts" -}}
{{- $all := concat .Values.volumeMounts .Values.extraVolumeMounts }}
{{- if .Values.metrics.tls.enabled }}
{{- $all = append $all (dict "name" "metrics-certificate" "mountPath" "/etc/coffer/metrics" "readOnly" true) }}
{{- end }}
{{- with $all }}{{ toYaml . }}{{ end }}
{{- end -}}
