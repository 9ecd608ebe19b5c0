package main

import (
	"crypto/x509"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// jwkPublicKeyPem writes a public JWK as PKIX. A private one fails in x509, as in external-secrets.
func jwkPublicKeyPem(text string) (string, error) {
	return fromJWK(text, "PUBLIC KEY", x509.MarshalPKIXPublicKey)
}

// jwkPrivateKeyPem writes a private JWK as PKCS#8.
func jwkPrivateKeyPem(text string) (string, error) {
	return fromJWK(text, "PRIVATE KEY", x509.MarshalPKCS8PrivateKey)
}

func fromJWK(text, kind string, marshal func(any) ([]byte, error)) (string, error) {
	parsed, err := jwk.ParseKey([]byte(text))
	if err != nil {
		return "", err
	}
	var key any
	if err := parsed.Raw(&key); err != nil {
		return "", err
	}
	content, err := marshal(key)
	if err != nil {
		return "", err
	}
	return encoded(kind, content), nil
}
