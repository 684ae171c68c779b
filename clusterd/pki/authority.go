// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Certificates are valid at every time a clock may show, right or wrong (9999-12-31 is RFC 5280's word for "no
// expiry"): a node whose battery-less clock starts in 1970 must still reach its cluster.
var (
	validFrom  = time.Unix(0, 0).UTC()
	validUntil = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// Fingerprint is the SHA-256 of an authority's certificate.
type Fingerprint [sha256.Size]byte

func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// FingerprintOf returns the fingerprint of a certificate.
func FingerprintOf(cert *x509.Certificate) Fingerprint { return sha256.Sum256(cert.Raw) }

// Authority signs the certificates of one cluster's nodes.
type Authority struct {
	Cluster view.ClusterID
	Cert    *x509.Certificate
	key     ed25519.PrivateKey
}

// NewClusterID returns a random cluster id.
func NewClusterID() view.ClusterID {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return view.ClusterID(hex.EncodeToString(id[:]))
}

// NewAuthority makes the authority of a new cluster.
func NewAuthority(cluster view.ClusterID) (*Authority, error) {
	if err := CheckCluster(cluster); err != nil {
		return nil, fmt.Errorf("make certificate authority: %w", err)
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make certificate authority: %w", err)
	}
	template := &x509.Certificate{
		Subject:                     pkix.Name{Organization: []string{"Plexus"}, CommonName: "cluster " + string(cluster)},
		NotBefore:                   validFrom,
		NotAfter:                    validUntil,
		KeyUsage:                    x509.KeyUsageCertSign,
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{string(cluster) + nameSuffix},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate authority: %w", err)
	}
	return parseAuthority(der, key)
}

// Issue signs a certificate for a node of this cluster that holds the private half of public.
func (a *Authority) Issue(node view.NodeID, public ed25519.PublicKey) (*x509.Certificate, error) {
	name := Name{a.Cluster, node}
	if node == 0 || node > view.NodesMax {
		return nil, fmt.Errorf("issue certificate: node id %d is not in 1..%d", node, view.NodesMax)
	}
	if len(public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("issue certificate for %v: a public key of %d bytes, not %d", name, len(public), ed25519.PublicKeySize)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"Plexus"}, CommonName: fmt.Sprintf("node %d", node)},
		NotBefore:             validFrom,
		NotAfter:              validUntil,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{name.DNS()},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Cert, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("issue certificate for %v: %w", name, err)
	}
	return x509.ParseCertificate(der)
}

// Fingerprint returns what a token carries of this authority.
func (a *Authority) Fingerprint() Fingerprint { return FingerprintOf(a.Cert) }

// parseAuthority checks that certificate and key belong together and to a cluster.
func parseAuthority(der []byte, key ed25519.PrivateKey) (*Authority, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	cluster, err := clusterOf(cert)
	if err != nil {
		return nil, err
	}
	if !key.Public().(ed25519.PublicKey).Equal(cert.PublicKey) {
		return nil, errors.New("certificate and private key of the authority do not belong together")
	}
	return &Authority{Cluster: cluster, Cert: cert, key: key}, nil
}

// clusterOf returns the cluster that an authority's certificate speaks for.
func clusterOf(cert *x509.Certificate) (view.ClusterID, error) {
	if !cert.IsCA || len(cert.PermittedDNSDomains) != 1 {
		return "", fmt.Errorf("certificate of %q is no plexus authority", cert.Subject)
	}
	name, err := ParseName(namePrefix + "1." + cert.PermittedDNSDomains[0])
	return name.Cluster, err
}
