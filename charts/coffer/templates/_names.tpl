{{/* Labels of every object. What selects the Pods cannot be replaced: two releases would share them. */}}
{{- define "coffer.labels" -}}
{{- $fixed := include "coffer.selector" . | fromYaml }}
{{- $own := dict "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/managed-by" .Release.Service }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version) }}
{{- merge $fixed .Values.commonLabels (dig "commonLabels" dict (default dict .Values.global)) $own | toYaml }}
{{- end -}}
{{/* The line `annotations:` of an object that has none of its own; nothing where there are no common ones. */}}
{{- define "coffer.annotations" -}}
{{- with .Values.commonAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
{{/* The metadata of an object, from root, name, and if there are any: namespace (false: cluster-scoped), labels, annotations. */}}
{{- define "coffer.metadata" -}}
name: {{ .name }}
{{- if not (eq (toString .namespace) "false") }}
namespace: {{ .namespace | default (include "coffer.namespace" .root) }}
{{- end }}
labels: {{- merge (include "coffer.labels" .root | fromYaml) (default dict .labels) | toYaml | nindent 2 }}
{{- with merge (dict) (default dict .annotations) .root.Values.commonAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
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
- --process-listen=:{{ .Values.containerPorts.http }}
- --process-listen-metrics=:{{ .Values.containerPorts.metrics }}
{{- if .Values.metrics.tls.enabled }}
- --process-metrics-cert-file=/etc/coffer/metrics/tls.crt
- --process-metrics-key-file=/etc/coffer/metrics/tls.key
{{- end }}
{{- if .Values.metrics.authorization.enabled }}
- --process-metrics-authorization=true
{{- end }}
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
{{/* Refuses the values of the originals' charts that files/originals.json lists, all of them in one message. */}}
{{- define "coffer.translated" -}}
{{- $lines := list }}
{{- if regexMatch "(kubernetes-reflector|external-secrets|sealed-secrets)" .Values.image.repository }}
{{- $lines = append $lines (printf "image.repository: %s is the image of another program; set Coffer's image" .Values.image.repository) }}
{{- end }}
{{- range (.Files.Get "files/originals.json" | fromJson).refused }}
{{- $found := dict "value" $.Values }}
{{- range $name := splitList "." .path }}
{{- $here := $found.value }}
{{- $found = dict }}
{{- if kindIs "map" $here }}
{{- if hasKey $here $name }}{{ $found = dict "value" (get $here $name) }}{{ end }}
{{- end }}
{{- end }}
{{- if hasKey $found "value" }}
{{- if and (kindIs (.kind | default (kindOf $found.value)) $found.value) (not (has (toJson $found.value) .harmless)) }}
{{- $lines = append $lines .says }}
{{- end }}
{{- end }}
{{- end }}
{{- if $lines }}
{{- fail (printf "values of other charts; `coffer migrate values` translates a whole file:\n  %s" (join "\n  " $lines)) }}
{{- end }}
{{- end -}}
{{- define "coffer.checked" -}}
{{- include "coffer.translated" . }}
{{- include "coffer.consistent" . }}
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
{{/* Refuses values that contradict each other. */}}
{{- define "coffer.consistent" -}}
{{- if and .Values.metrics.tls.enabled (not .Values.metrics.tls.secretName) }}
{{- fail "metrics.tls.secretName: name the Secret with the certificate of the metrics" }}
{{- end }}
{{- if and .Values.metrics.authorization.enabled (not .Values.metrics.tls.enabled) }}
{{- fail "metrics.authorization.enabled: needs metrics.tls.enabled, because a token in the clear can be read" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.service.enabled) }}
{{- fail "metrics.serviceMonitor.enabled: needs metrics.service.enabled; or use metrics.podMonitor" }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.modules.sealed) }}
{{- fail "ingress.enabled: needs modules.sealed, which serves the certificate" }}
{{- end }}
{{- with .Values.podDisruptionBudget }}
{{- if and (ne (toString .minAvailable) "") (ne (toString .maxUnavailable) "") (ne (toString .maxUnavailable) "1") }}
{{- fail "podDisruptionBudget: set minAvailable or maxUnavailable, not both" }}
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
