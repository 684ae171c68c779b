// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"crypto/tls"
	"crypto/x509"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/pki"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// The standard checks are switched off in both directions and verify stands in their place, in VerifyConnection, which
// always runs: they compare names and issuers all the same, but cannot say "of another cluster" or "another node".

// clientTLS is for a connection to a node; the other end must be that node.
func (c Config) clientTLS(to view.NodeID) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{c.Identity.Certificate},
		ServerName:         pki.Name{Cluster: c.Identity.Name.Cluster, Node: to}.DNS(),
		NextProtos:         []string{peerProtocol},
		InsecureSkipVerify: true, // see above: verify does it
		VerifyConnection: func(state tls.ConnectionState) error {
			name, err := verify(c.Identity, state)
			if err != nil {
				return err
			}
			if name.Node != to {
				return refuse(CodeIdentity, "node %d answers there, node %d was expected: check the addresses", name.Node, to)
			}
			return nil
		},
	}
}

// serverTLS is for connections from any node of the cluster, and from joiners where those are served.
func (c Config) serverTLS() *tls.Config {
	base := &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{c.Identity.Certificate},
		NextProtos:             []string{peerProtocol},
		SessionTicketsDisabled: true, // each connection shows its certificate
	}
	peers := base.Clone()
	peers.ClientAuth = tls.RequestClientCert // see above: verify refuses one without
	peers.VerifyConnection = func(state tls.ConnectionState) error {
		_, err := verify(c.Identity, state)
		return err
	}
	joiners := base.Clone()
	joiners.NextProtos = []string{EnrollProtocol}
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if c.Enroll != nil && slices.Contains(hello.SupportedProtos, EnrollProtocol) {
			return joiners, nil
		}
		return peers, nil
	}
	return base
}

// verify returns whom the other end has proved to be: a node of our cluster.
func verify(own *pki.Identity, state tls.ConnectionState) (pki.Name, error) {
	if len(state.PeerCertificates) == 0 {
		return pki.Name{}, refuse(CodeCertificate, "it shows no certificate: nodes join with `plexus cluster join TOKEN`")
	}
	cert := state.PeerCertificates[0]
	name, err := pki.NameOf(cert)
	if err != nil {
		return pki.Name{}, refuse(CodeCertificate, "%v", err)
	}
	if name.Cluster != own.Name.Cluster {
		return pki.Name{}, refuse(CodeCluster, "it belongs to cluster %s, this node to %s", name.Cluster, own.Name.Cluster)
	}
	options := x509.VerifyOptions{
		Roots: own.Roots, DNSName: name.DNS(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	if _, err := cert.Verify(options); err != nil {
		return pki.Name{}, refuse(CodeCertificate, "%v", err)
	}
	return name, nil
}
