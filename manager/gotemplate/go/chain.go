package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// selfIssued tells a root: it names no other issuer's key. An absent identifier counts as its own.
func selfIssued(certificate *x509.Certificate) bool {
	return certificate.AuthorityKeyId == nil || bytes.Equal(certificate.AuthorityKeyId, certificate.SubjectKeyId)
}

// orderedChain sorts certificates from the leaf to the root, by key identifiers; two absent ones are equal.
func orderedChain(text []byte) ([]*x509.Certificate, error) {
	certificates, err := certificates(text)
	if err != nil {
		return nil, err
	}
	issuer, issues := make([]int, len(certificates)), make([]bool, len(certificates))
	for index, certificate := range certificates {
		issuer[index] = -1
		for other, candidate := range certificates {
			if index != other && bytes.Equal(certificate.AuthorityKeyId, candidate.SubjectKeyId) {
				issuer[index], issues[other] = other, true
				break
			}
		}
	}
	leaf := -1
	for index := range certificates {
		if issues[index] {
			continue
		}
		if leaf >= 0 {
			return nil, errors.New("found multiple leaf or disjunct certificates")
		}
		leaf = index
	}
	if leaf < 0 {
		return nil, errors.New("no leaf certificate found")
	}
	var chain []*x509.Certificate
	for ; leaf >= 0; leaf = issuer[leaf] {
		if len(chain) == len(certificates) {
			return nil, errors.New("constructing chain resulted in cycle")
		}
		chain = append(chain, certificates[leaf])
	}
	return chain, nil
}

func certificates(text []byte) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return found, nil
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found, text = append(found, certificate), rest
	}
}
