package main

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

func pkcs12key(file string) (string, error) { return pkcs12keyPass("", file) }

// pkcs12keyPass returns the private key of a PKCS#12 file as PKCS#8.
func pkcs12keyPass(password, file string) (string, error) {
	key, _, _, err := pkcs12.DecodeChain([]byte(file), password)
	if err != nil {
		return "", fmt.Errorf("unable to decode pkcs12 with password: %s", err)
	}
	content, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return encoded("PRIVATE KEY", content), nil
}

func pkcs12cert(file string) (string, error) { return pkcs12certPass("", file) }

// pkcs12certPass returns the certificates of a PKCS#12 file, from leaf to root, or as they lie where they are no chain.
func pkcs12certPass(password, file string) (string, error) {
	_, first, others, err := pkcs12.DecodeChain([]byte(file), password)
	if err != nil {
		return "", fmt.Errorf("unable to decode pkcs12 certificate with password: %s", err)
	}
	asTheyLie := allEncoded(append([]*x509.Certificate{first}, others...))
	chain, err := orderedChain([]byte(asTheyLie))
	if err != nil {
		return asTheyLie, nil
	}
	return allEncoded(chain), nil
}

func allEncoded(certificates []*x509.Certificate) string {
	var text strings.Builder
	for _, certificate := range certificates {
		text.WriteString(encoded("CERTIFICATE", certificate.Raw))
	}
	return text.String()
}

func pemToPkcs12(certificate, key string) (string, error) {
	return pemToPkcs12Pass(certificate, key, "")
}

// pemToPkcs12Pass packs the first certificate and the key, as Base64. A text that is not PEM is a nil dereference, as
// in external-secrets: the engine reports it as an error of the call.
func pemToPkcs12Pass(certificate, key, password string) (string, error) {
	block, _ := pem.Decode([]byte(certificate))
	first, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	return packed(first, key, nil, password)
}

func fullPemToPkcs12(certificates, key string) (string, error) {
	return fullPemToPkcs12Pass(certificates, key, "")
}

// fullPemToPkcs12Pass packs all certificates and the key, as Base64.
func fullPemToPkcs12Pass(certificates, key, password string) (string, error) {
	block, rest := pem.Decode([]byte(certificates))
	first, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	others, err := strictCertificates(rest)
	if err != nil {
		return "", err
	}
	return packed(first, key, others, password)
}

func pemTruststoreToPKCS12(certificates string) (string, error) {
	return pemTruststoreToPKCS12Pass(certificates, "")
}

// pemTruststoreToPKCS12Pass packs certificates alone, marked as trusted for Java, as Base64.
func pemTruststoreToPKCS12Pass(certificates, password string) (string, error) {
	found, err := strictCertificates([]byte(certificates))
	if err != nil {
		return "", err
	}
	file, err := pkcs12.Modern.EncodeTrustStore(found, password)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(file), nil
}

// strictCertificates reads to the last byte: anything that is no block is a nil dereference.
func strictCertificates(text []byte) ([]*x509.Certificate, error) {
	found := []*x509.Certificate{}
	for len(text) > 0 {
		block, rest := pem.Decode(text)
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found, text = append(found, certificate), rest
	}
	return found, nil
}

func packed(first *x509.Certificate, keyText string, others []*x509.Certificate, password string) (string, error) {
	block, _ := pem.Decode([]byte(keyText))
	key, err := privateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	file, err := pkcs12.Modern.Encode(key, first, others, password)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(file), nil
}

// privateKey reads PKCS#1, PKCS#8 or SEC 1, whatever the block calls itself.
func privateKey(content []byte) (any, error) {
	if key, err := x509.ParsePKCS1PrivateKey(content); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS8PrivateKey(content); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(content); err == nil {
		return key, nil
	}
	return nil, errors.New("unable to parse private key type")
}
