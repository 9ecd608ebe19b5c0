// Package sprig holds the one type whose package name users see in an error: a variable as third argument of htpasswd
// fails with "expected sprig.HashAlgorithm; got string", a literal works.
package sprig

import (
	"crypto/sha1"
	"encoding/base64"
	"strings"
)

// HashAlgorithm is "sha"; anything else means bcrypt.
type HashAlgorithm string

// Htpasswd returns the function of three arguments.
func Htpasswd(bcrypt func(string) string) func(user, password string, algorithm HashAlgorithm) string {
	return func(user, password string, algorithm HashAlgorithm) string {
		switch {
		case strings.Contains(user, ":"):
			return "invalid username: " + user
		case algorithm == "sha":
			sum := sha1.Sum([]byte(password))
			return user + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:])
		}
		return user + ":" + bcrypt(password)
	}
}
