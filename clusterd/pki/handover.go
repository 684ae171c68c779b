// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
)

// Handover is what a joiner is given, in DER: all that Save needs besides the joiner's own key.
type Handover struct {
	AuthorityCert []byte `json:"authority_cert"`
	AuthorityKey  []byte `json:"authority_key"` // PKCS 8
	NodeCert      []byte `json:"node_cert"`
}

// HandOver makes what a joiner is given.
func (a *Authority) HandOver(node *x509.Certificate) (Handover, error) {
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return Handover{}, fmt.Errorf("hand over the authority: %w", err)
	}
	return Handover{a.Cert.Raw, key, node.Raw}, nil
}

// Accept is the joiner's side: it checks that all belongs together, to the authority that the token named, and to key.
func (h Handover) Accept(authority Fingerprint, key ed25519.PrivateKey) (*Authority, *Identity, error) {
	caKey, err := parseKey("the authority's key", h.AuthorityKey)
	if err != nil {
		return nil, nil, err
	}
	a, err := parseAuthority(h.AuthorityCert, caKey)
	if err != nil {
		return nil, nil, err
	}
	if a.Fingerprint() != authority {
		return nil, nil, fmt.Errorf("the authority handed over has fingerprint %v, the token says %v", a.Fingerprint(), authority)
	}
	cert, err := x509.ParseCertificate(h.NodeCert)
	if err != nil {
		return nil, nil, err
	}
	id, err := NewIdentity(a.Cert, cert, key)
	if err != nil {
		return nil, nil, err
	}
	return a, id, nil
}

// KeyID names a public key: the hexadecimal SHA-256 of its bytes.
func KeyID(public ed25519.PublicKey) string { return Fingerprint(sha256.Sum256(public)).String() }
