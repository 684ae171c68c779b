// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// Identity is what one node shows and believes: its certificate and key, and the authority of its cluster.
type Identity struct {
	Name Name
	// Certificate has the node's certificate and the authority's, in this order: a joiner that knows nothing but the
	// authority's fingerprint finds it here.
	Certificate tls.Certificate
	// Authority is the authority's certificate, and Roots holds it alone.
	Authority *x509.Certificate
	Roots     *x509.CertPool
}

// NewKey makes a node's key.
func NewKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// NewIdentity puts a node's identity together and checks that its parts fit: the certificate is signed by the
// authority, names a node of the authority's cluster, and belongs to the key.
func NewIdentity(authority, cert *x509.Certificate, key ed25519.PrivateKey) (*Identity, error) {
	cluster, err := clusterOf(authority)
	if err != nil {
		return nil, err
	}
	name, err := NameOf(cert)
	if err != nil {
		return nil, err
	}
	if name.Cluster != cluster {
		return nil, fmt.Errorf("the certificate names %v, the authority is of cluster %s", name, cluster)
	}
	if len(key) != ed25519.PrivateKeySize || !key.Public().(ed25519.PublicKey).Equal(cert.PublicKey) {
		return nil, fmt.Errorf("the private key is not that of the certificate of %v", name)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	options := x509.VerifyOptions{Roots: roots, DNSName: name.DNS(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	if _, err := cert.Verify(options); err != nil {
		return nil, fmt.Errorf("certificate of %v: %w", name, err)
	}
	return &Identity{
		Name: name,
		Certificate: tls.Certificate{
			Certificate: [][]byte{cert.Raw, authority.Raw}, PrivateKey: key, Leaf: cert,
		},
		Authority: authority,
		Roots:     roots,
	}, nil
}

// Identify makes a node's key and certificate: what `plexus cluster init` does for the first node.
func (a *Authority) Identify(name Name) (*Identity, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	cert, err := a.Issue(name.Node, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return NewIdentity(a.Cert, cert, key)
}
