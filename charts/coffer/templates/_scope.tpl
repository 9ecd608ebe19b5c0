{{/* The namespaces of `scope`, as a JSON list; empty if the release serves the whole cluster. */}}
{{- define "coffer.scope" -}}
{{- include "coffer.entries" .Values.scope }}
{{- end -}}
{{/* The namespaces that this release is limited to, as a JSON list; empty if it serves the whole cluster. Settings of sealed limit
     its rights only if it runs alone. */}}
{{- define "coffer.confined" -}}
{{- $scope := include "coffer.scope" . | fromJsonArray }}
{{- $more := include "coffer.entries" (dig "sealed" "additional_namespaces" list .Values.settings) | fromJsonArray }}
{{- $all := dig "sealed" "all_namespaces" true .Values.settings | toString | lower }}
{{- $limited := or $more (has $all (list "false" "f" "no" "0")) }}
{{- $found := $scope }}
{{- if and $limited .Values.modules.sealed (not .Values.modules.external) (not .Values.modules.reflector) }}
{{- $found = prepend $more (include "coffer.namespace" .) | uniq }}
{{- if $scope }}
{{- $named := $found }}
{{- $found = list }}
{{- range $scope }}{{ if has . $named }}{{ $found = append $found . }}{{ end }}{{ end }}
{{- if not $found }}
{{- fail "settings.sealed.all_namespaces: only the release's own namespace is meant, and it is not in scope; add it there" }}
{{- end }}
{{- end }}
{{- end }}
{{- $found | uniq | toJson }}
{{- end -}}
{{/* Refuses what needs rights outside of `scope`. */}}
{{- define "coffer.scope.checked" -}}
{{- if hasKey (default dict .Values.settings.modules) "scope" }}
{{- fail "settings.modules.scope: use scope, which also sets the RBAC rules" }}
{{- end }}
{{- $scope := include "coffer.scope" . | fromJsonArray }}
{{- if and $scope .Values.metrics.authorization.enabled }}
{{- fail "metrics.authorization.enabled: tokens are reviewed for the whole cluster, which needs a ClusterRole, and scope allows none; unset one of them" }}
{{- end }}
{{- range $scope }}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" .) }}
{{- fail (printf "scope: %s is not the name of a namespace; patterns are not supported, because namespaces cannot be listed" .) }}
{{- end }}
{{- end }}
{{- if and $scope .Values.modules.sealed }}
{{- if has (dig "sealed" "require_token" false .Values.settings | toString | lower) (list "true" "t" "yes" "1") }}
{{- fail "settings.sealed.require_token: tokens are reviewed for the whole cluster, which needs a ClusterRole, and scope allows none; unset one of them" }}
{{- end }}
{{- range include "coffer.entries" (dig "sealed" "additional_namespaces" list .Values.settings) | fromJsonArray }}
{{- if not (has . $scope) }}
{{- fail (printf "settings.sealed.additional_namespaces: %s is not in scope; add it there too" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
{{/* The rules of the enabled modules, with `wide` for the whole cluster, otherwise for one namespace. */}}
{{- define "coffer.rules" -}}
{{- $wide := .wide }}
{{- $root := .root }}
- {apiGroups: [""], resources: [events], verbs: [create]}
- {apiGroups: [apps], resources: [deployments], verbs: [list]}  # finds a running original controller
# Distinguishes an original from a tenant's Deployment with the same labels.
- {apiGroups: [authorization.k8s.io], resources: [{{ ternary "subjectaccessreviews" "localsubjectaccessreviews" $wide }}], verbs: [create]}
{{- with $root.Values.modules }}
{{- if or .sealed .external .reflector }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create{{ if or .sealed .external }}, update{{ end }}{{ if .reflector }}, patch{{ end }}{{ if or .external .reflector }}, delete{{ end }}]
{{- end }}
{{- if and $wide (or .external .reflector) }}
# patch: removes the original's finalizers
- {apiGroups: [""], resources: [namespaces], verbs: [get, list, watch{{ if .external }}, patch{{ end }}]}
{{- else if .reflector }}
- {apiGroups: [""], resources: [namespaces], verbs: [get]}  # the namespace itself: its labels may refuse or choose a mirror
{{- end }}
{{- if .sealed }}
- {apiGroups: [bitnami.com], resources: [sealedsecrets], verbs: [get, list, watch]}
- {apiGroups: [bitnami.com], resources: [sealedsecrets/status], verbs: [patch]}
{{- end }}
{{- if .external }}
{{- include "coffer.rules.external" (dict "root" $root "wide" $wide) }}
{{- end }}
{{- if .reflector }}
- {apiGroups: [""], resources: [configmaps], verbs: [get, list, watch, create, patch, delete]}
{{- end }}
{{- end }}
{{- end -}}
{{- define "coffer.rules.external" }}
{{- $generators := .root.Files.Get "files/generators.json" | fromJson }}
- apiGroups: [external-secrets.io]
  resources: [secretstores{{ if .wide }}, clustersecretstores{{ end }}]
  verbs: [get, list, watch, patch]  # patch: removes the original's finalizers
{{- if .wide }}
- {apiGroups: [external-secrets.io], resources: [externalsecrets], verbs: [get, list, watch, create, update, patch, delete]}
- {apiGroups: [external-secrets.io], resources: [clusterexternalsecrets], verbs: [get, list, watch, patch]}
{{- else }}
- {apiGroups: [external-secrets.io], resources: [externalsecrets], verbs: [get, list, watch, patch]}
{{- end }}
- apiGroups: [external-secrets.io]
  resources: [externalsecrets/status, secretstores/status{{ if .wide }}, clusterexternalsecrets/status, clustersecretstores/status{{ end }}]
  verbs: [patch]
- {apiGroups: [generators.external-secrets.io], resources: {{ ternary (concat $generators.cluster $generators.namespaced) $generators.namespaced .wide | toJson }}, verbs: [get]}
- {apiGroups: [generators.external-secrets.io], resources: [generatorstates], verbs: [get, list, watch, create, patch, delete]}
{{- with .root.Values }}
{{- if not .modules.reflector }}
- {apiGroups: [""], resources: [configmaps], verbs: [get, list, watch]}  # CA certificates, templates
{{- end }}
{{- range .rbac.genericTargets }}
- {apiGroups: {{ toJson .apiGroups }}, resources: {{ toJson .resources }}, verbs: [get, list, watch, create, update, delete]}
{{- end }}
{{- if .rbac.serviceAccountTokens }}
- {apiGroups: [""], resources: [serviceaccounts], verbs: [get]}
- {apiGroups: [""], resources: [serviceaccounts/token], verbs: [create]}
{{- end }}
{{- end }}
# Needed because targets block their owner's deletion, as the original's do.
- {apiGroups: [external-secrets.io], resources: [externalsecrets/finalizers{{ if .wide }}, clusterexternalsecrets/finalizers{{ end }}], verbs: [update]}
{{- end -}}
