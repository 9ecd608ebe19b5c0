package main

import (
	"encoding/hex"
	"fmt"
	"maps"
	"text/template"

	upstream "github.com/Masterminds/sprig/v3"

	"coffer.dev/gotemplate/sprig"
)

var profiles = map[string]func() template.FuncMap{"eso": eso, "sealed": sealed}

// An empty template for each profile in use: cloning it is a quarter of the price of checking 227 functions again.
var bases = map[string]*template.Template{}

// profile returns a template of its own, with the profile's functions and nothing else.
func profile(name string) (*template.Template, error) {
	if bases[name] == nil {
		functions, ok := profiles[name]
		if !ok {
			return nil, fmt.Errorf("unknown profile %q", name)
		}
		bases[name] = template.New("").Funcs(functions())
	}
	return bases[name].Clone()
}

// stock is sprig without what both controllers take out, because it looks outside the template.
func stock() template.FuncMap {
	functions := upstream.TxtFuncMap()
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(functions, name)
	}
	fromHost(functions)
	chunksOnAmd64(functions)
	return functions
}

// sealed is the function map of sealed-secrets.
func sealed() template.FuncMap {
	functions := stock()
	castAsBefore(functions)
	markRandom(functions)
	return functions
}

// eso is the function map of external-secrets v2.
func eso() template.FuncMap {
	functions := stock()
	castOnAmd64(functions)
	maps.Copy(functions, template.FuncMap{
		"hexdec":                    hexdec,
		"htpasswd":                  sprig.Htpasswd(functions["bcrypt"].(func(string) string)),
		"filterPEM":                 filterPEM,
		"filterCertChain":           filterCertChain,
		"certSANs":                  certSANs,
		"pkcs12key":                 pkcs12key,
		"pkcs12keyPass":             pkcs12keyPass,
		"pkcs12cert":                pkcs12cert,
		"pkcs12certPass":            pkcs12certPass,
		"pemToPkcs12":               pemToPkcs12,
		"pemToPkcs12Pass":           pemToPkcs12Pass,
		"fullPemToPkcs12":           fullPemToPkcs12,
		"fullPemToPkcs12Pass":       fullPemToPkcs12Pass,
		"pemTruststoreToPKCS12":     pemTruststoreToPKCS12,
		"pemTruststoreToPKCS12Pass": pemTruststoreToPKCS12Pass,
		"jwkPublicKeyPem":           jwkPublicKeyPem,
		"jwkPrivateKeyPem":          jwkPrivateKeyPem,
		"rsaDecrypt":                rsaDecrypt,
		"toYaml":                    toYaml,
		"fromYaml":                  fromYaml,
	})
	markRandom(functions)
	return functions
}

// hexdec answers bad input with the error's text as its result, like b64dec.
func hexdec(text string) string {
	decoded, err := hex.DecodeString(text)
	if err != nil {
		return err.Error()
	}
	return string(decoded)
}
