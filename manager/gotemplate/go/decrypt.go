package main

import (
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
)

// rsaDecrypt reads raw bytes, encrypted by RSA-OAEP with an empty label; the scheme None returns them as they are.
// A hash that is not known is SHA-256.
func rsaDecrypt(scheme, hashName, text, key string) (string, error) {
	switch scheme {
	case "None":
		return text, nil
	case "RSA-OAEP":
	default:
		return "", fmt.Errorf("decryption scheme %v is not supported", scheme)
	}
	block, _ := pem.Decode([]byte(key))
	if block == nil {
		return "", errors.New("failed to decode PEM block")
	}
	parsed, err := privateKey(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("could not parse private key: %v", err)
	}
	rsaKey, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return "", errors.New("could not parse RSA private key")
	}
	makers := map[string]func() hash.Hash{"SHA1": sha1.New, "SHA512": sha512.New}
	newHash := makers[hashName]
	if newHash == nil {
		newHash = sha256.New
	}
	plain, err := rsa.DecryptOAEP(newHash(), nil, rsaKey, []byte(text), nil)
	if err != nil {
		return "", fmt.Errorf("error decrypting data with RSA: %v", err)
	}
	return string(plain), nil
}
