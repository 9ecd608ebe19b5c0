{{/* The names of the CRDs of the modules that are on, as a JSON list. */}}
{{- define "coffer.crds" -}}
{{- $names := list }}
{{- range $path, $_ := .Files.Glob "files/crds/*.yaml" }}
{{- $name := regexFind "(?m)^  name: \\S+$" ($.Files.Get $path) | trim | trimPrefix "name: " }}
{{- if index $.Values.modules (ternary "sealed" "external" (hasSuffix ".bitnami.com" $name)) }}
{{- $names = append $names $name }}
{{- end }}
{{- end }}
{{- toJson $names }}
{{- end -}}
{{/* Those of them that the cluster has and that do not belong to this release, as a JSON list. `helm template` sees no cluster. */}}
{{- define "coffer.foreignCrds" -}}
{{- $found := list }}
{{- if not .Values.crds.takeOwnership }}
{{- range $name := include "coffer.crds" . | fromJsonArray }}
{{- with lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" $name }}
{{- $owner := dig "metadata" "annotations" "meta.helm.sh/release-name" "" . }}
{{- $home := dig "metadata" "annotations" "meta.helm.sh/release-namespace" "" . }}
{{- if not (and (eq $owner $.Release.Name) (eq $home $.Release.Namespace)) }}
{{- $found = append $found $name }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $found }}
{{- end -}}
