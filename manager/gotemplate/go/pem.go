package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// fromFirstBegin cuts what stands before the first block: since Go 1.26 the decoder stops at it.
func fromFirstBegin(text string) string {
	if start := strings.Index(text, "-----BEGIN"); start > 0 {
		return text[start:]
	}
	return text
}

func encoded(kind string, content []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
}

// filterPEM returns the blocks of one type, whatever its case.
func filterPEM(kind, text string) (string, error) {
	var chosen strings.Builder
	rest := []byte(fromFirstBegin(text))
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.EqualFold(block.Type, kind) {
			if err := pem.Encode(&chosen, block); err != nil {
				return "", err
			}
		}
	}
	if chosen.Len() == 0 && len(rest) > 0 {
		return "", errors.New("error filtering pem: found junk")
	}
	return chosen.String(), nil
}

// filterCertChain returns the leaf, the intermediates or the root of a chain, each only where there is one.
func filterCertChain(part, text string) (string, error) {
	chain, err := orderedChain([]byte(text))
	if err != nil {
		return "", err
	}
	first, last := chain[0], chain[len(chain)-1]
	switch {
	case part == "leaf" && !selfIssued(first):
		return encoded("CERTIFICATE", first.Raw), nil
	case part == "root" && selfIssued(last):
		return encoded("CERTIFICATE", last.Raw), nil
	case part == "intermediate":
		var between strings.Builder
		for _, certificate := range chain[1:] {
			if selfIssued(certificate) {
				break
			}
			between.WriteString(encoded("CERTIFICATE", certificate.Raw))
		}
		return between.String(), nil
	}
	return "", nil
}

// certSANs lists DNS names, addresses, mail addresses and URIs of the first certificate, in this order.
func certSANs(text string) ([]string, error) {
	block, _ := pem.Decode([]byte(fromFirstBegin(text)))
	if block == nil {
		return nil, errors.New("failed to decode PEM block")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("failed to parse certificate: %w", err)
	}
	names := append([]string{}, certificate.DNSNames...)
	for _, address := range certificate.IPAddresses {
		names = append(names, address.String())
	}
	names = append(names, certificate.EmailAddresses...)
	for _, uri := range certificate.URIs {
		names = append(names, uri.String())
	}
	return names, nil
}
