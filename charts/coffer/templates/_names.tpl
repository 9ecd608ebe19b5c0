{{- define "coffer.labels" -}}
app.kubernetes.io/name: coffer
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}
{{- define "coffer.selector" -}}
app.kubernetes.io/name: coffer
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- define "coffer.namespace" -}}
{{ .Values.namespaceOverride | default .Release.Namespace }}
{{- end -}}
{{/* The variables that kubernetes-reflector's chart sets from `configuration`. */}}
{{- define "coffer.reflector" -}}
{{- with .Values.configuration }}
{{- $set := dict "ES_Serilog__MinimumLevel__Default" (dig "logging" "minimumLevel" "" .) }}
{{- $_ := set $set "ES_Reflector__Watcher__ExcludedNamespaces" (dig "watcher" "excludedNamespaces" "" .) }}
{{- $_ := set $set "ES_Reflector__Watcher__Timeout" (dig "watcher" "timeout" "" .) }}
{{- $_ := set $set "ES_Ignite__KubernetesClient__SkipTlsVerify" (dig "kubernetes" "skipTlsVerify" "" .) }}
{{- range $name, $value := $set }}
{{- if $value }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
{{- define "coffer.arguments" -}}
- run
- --process-listen=:8080
- --process-listen-metrics=:8081
{{- range $name := list "sealed" "external" "reflector" "takeover" }}
- --modules-{{ $name }}={{ index $.Values.modules $name }}
{{- end }}
{{- with include "coffer.scope" . | fromJsonArray }}
- --modules-scope={{ join "," . }}
{{- end }}
{{- range $section, $fields := .Values.settings }}
{{- range $field, $value := $fields }}
{{- $text := ternary $value (toJson $value) (kindIs "string" $value) }}{{/* toJson: toString writes a large number as 1e+06 */}}
{{- if kindIs "slice" $value }}{{ $text = join "," $value }}{{ end }}
- {{ printf "--%s-%s=%s" $section ($field | replace "_" "-") $text | quote }}
{{- end }}
{{- end }}
{{- end -}}
{{- define "coffer.account" -}}
{{ .Values.serviceAccount.name | default "coffer" }}
{{- end -}}
{{/* Refuses values of the originals' charts that mean something else here. */}}
{{- define "coffer.translated" -}}
{{- if regexMatch "(kubernetes-reflector|external-secrets|sealed-secrets)" .Values.image.repository }}
{{- fail (printf "image.repository: %s is the image of another program; set Coffer's image" .Values.image.repository) }}
{{- end }}
{{- if dig "enabled" false (default dict .Values.cron) }}
{{- fail "cron.enabled: Coffer watches and needs no CronJob; remove cron" }}
{{- end }}
{{- if dig "enabled" false (default dict .Values.autoscaling) }}
{{- fail "autoscaling.enabled: one replica works and the others stand by; remove autoscaling and set replicaCount" }}
{{- end }}
{{- range $name := list "nameOverride" "fullnameOverride" }}
{{- if index $.Values $name }}
{{- fail (printf "%s: the names are fixed, so that a second release is refused; remove it" $name) }}
{{- end }}
{{- end }}
{{- end -}}
{{- define "coffer.checked" -}}
{{- include "coffer.translated" . }}
{{- range $name := list "sealed" "external" "reflector" "takeover" }}
{{- if hasKey (default dict $.Values.settings.modules) $name }}
{{- fail (printf "settings.modules.%s: use modules.%s, which also sets the RBAC rules" $name $name) }}
{{- end }}
{{- end }}
{{- if gt (int .Values.replicaCount) 1 }}
{{- if dig "process" "instance" "" .Values.settings }}
{{- fail "settings.process.instance: two replicas of one name would both hold the lease; remove it, the Pod's name is used" }}
{{- end }}
{{- if eq (dig "lease" "enabled" true .Values.settings | toString) "false" }}
{{- fail "settings.lease.enabled: without leader election only one replica may run; set replicaCount to 1" }}
{{- end }}
{{- end }}
{{- end -}}
{{/* The entries of a list or of a comma-separated text, as the process reads both. */}}
{{- define "coffer.entries" -}}
{{- $found := list }}
{{- range ternary (default list .) (splitList "," (toString (default "" .))) (kindIs "slice" .) }}
{{- if trim (toString .) }}{{ $found = append $found (trim (toString .)) }}{{ end }}
{{- end }}
{{- toJson $found }}
{{- end -}}
