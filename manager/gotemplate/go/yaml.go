package main

import (
	"strings"

	"sigs.k8s.io/yaml"
)

// toYaml writes a value as YAML without the last newline; what cannot be written is an empty text.
func toYaml(value any) string {
	document, err := yaml.Marshal(value)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(document), "\n")
}

// fromYaml reads a map; a document that is none yields a map whose key Error holds the reason.
func fromYaml(document string) map[string]any {
	found := map[string]any{}
	if err := yaml.Unmarshal([]byte(document), &found); err != nil {
		found["Error"] = err.Error()
	}
	return found
}
