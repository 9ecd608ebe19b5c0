// Command eso renders as external-secrets does, with its own function map.
package main

import (
	"errors"

	"github.com/external-secrets/external-secrets/pkg/template/v2"

	"coffer.dev/native/engine"
	"coffer.dev/native/eso/sprig"
)

// What came after v0.16.2 is in no public module: the signature is right, so calling it wrongly fails as it should, and
// calling it rightly gives this error, upon which the expectation comes from independent.py.
var errNotPublic = errors.New("NOT-PUBLIC")

func main() {
	functions := template.FuncMap()
	delete(functions, "getHostByName")
	functions["hexdec"] = func(string) (string, error) { return "", errNotPublic }
	functions["htpasswd"] = func(string, string, sprig.HashAlgorithm) (string, error) { return "", errNotPublic }
	functions["certSANs"] = func(string) ([]string, error) { return nil, errNotPublic }
	functions["rsaDecrypt"] = func(string, string, string, string) (string, error) { return "", errNotPublic }
	functions["pemTruststoreToPKCS12"] = func(string) (string, error) { return "", errNotPublic }
	functions["pemTruststoreToPKCS12Pass"] = func(string, string) (string, error) { return "", errNotPublic }
	engine.Main(functions)
}
