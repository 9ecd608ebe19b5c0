package main

import (
	"reflect"
	"text/template"
)

// Kinds of keys that the host makes: inside the sandbox an RSA key of 4096 bits takes longer than a render may.
const (
	rsa4096 = iota
	rsa2048
	dsa2048
)

// fromHost replaces what generates RSA or DSA keys. The certificates are sprig's, by its own functions that take a key.
func fromHost(functions template.FuncMap) {
	stock := functions["genPrivateKey"].(func(string) string)
	functions["genPrivateKey"] = func(kind string) string {
		switch kind {
		case "", "rsa":
			return hostKey(rsa4096)
		case "dsa":
			return hostKey(dsa2048)
		}
		return stock(kind)
	}
	for short, long := range map[string]string{
		"genCA":             "genCAWithKey",
		"genSelfSignedCert": "genSelfSignedCertWithKey",
		"genSignedCert":     "genSignedCertWithKey",
	} {
		signature, withKey := reflect.TypeOf(functions[short]), reflect.ValueOf(functions[long])
		functions[short] = reflect.MakeFunc(signature, func(arguments []reflect.Value) []reflect.Value {
			return withKey.Call(append(arguments, reflect.ValueOf(hostKey(rsa2048))))
		}).Interface()
	}
}
