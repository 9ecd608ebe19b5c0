package main

import (
	"reflect"
	"text/template"
	"time"
)

// random tells whether the render at hand used what differs from one time to the next. Whoever writes the result must
// know, or it rewrites a Secret at every look.
var random bool

var alwaysRandom = []string{
	"now", "ago", "randAlpha", "randAlphaNum", "randAscii", "randNumeric", "randBytes", "randInt", "shuffle", "uuidv4",
	"bcrypt", "htpasswd", "encryptAES", "genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert",
	"genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
	"pemToPkcs12", "pemToPkcs12Pass", "fullPemToPkcs12", "fullPemToPkcs12Pass",
	"pemTruststoreToPKCS12", "pemTruststoreToPKCS12Pass", // salted
}

// Given anything but a time or a number, these take the current time.
var dated = map[string]int{"date": 1, "dateInZone": 1, "date_in_zone": 1, "htmlDate": 0, "htmlDateInZone": 0}

func markRandom(functions template.FuncMap) {
	for _, name := range alwaysRandom {
		if functions[name] != nil {
			functions[name] = marking(functions[name], func([]reflect.Value, []reflect.Value) bool { return true })
		}
	}
	for name, position := range dated {
		functions[name] = marking(functions[name], func(arguments, _ []reflect.Value) bool {
			switch arguments[position].Interface().(type) {
			case time.Time, *time.Time, int, int32, int64:
				return false
			}
			return true
		})
	}
	for _, name := range []string{"keys", "values"} { // in the order of a map, which Go shuffles
		functions[name] = marking(functions[name], func(_, results []reflect.Value) bool { return results[0].Len() > 1 })
	}
	functions["durationRound"] = marking(functions["durationRound"], func(arguments, _ []reflect.Value) bool {
		_, sinceThen := arguments[0].Interface().(time.Time)
		return sinceThen
	})
}

func marking(function any, differs func(arguments, results []reflect.Value) bool) any {
	inner := reflect.ValueOf(function)
	return reflect.MakeFunc(inner.Type(), func(arguments []reflect.Value) []reflect.Value {
		results := call(inner, arguments)
		random = random || differs(arguments, results)
		return results
	}).Interface()
}
