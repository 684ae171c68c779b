// SPDX-License-Identifier: Apache-2.0

package enroll

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/pki"
)

// Protocol is the ALPN name of this talk; the peer link's listener tells joiners from nodes by it.
const Protocol = "plexus-enroll/1"

// askTimeout is for one address; the cluster has half a minute to decide.
const askTimeout = 35 * time.Second

// ErrRefused wraps what a member of the cluster said no with.
var ErrRefused = errors.New("refused by the cluster")

// Joiner is what a node says of itself.
type Joiner struct {
	Name      string
	Addresses []string
	Witness   bool
	Key       ed25519.PrivateKey // keep it until the node has joined: with it a lost answer can be asked for again
}

// Joined is what it is given.
type Joined struct {
	Authority *pki.Authority
	Identity  *pki.Identity
	Peers     []Peer
}

// Ask goes through the token's addresses until one answers. A refusal is an answer.
func Ask(ctx context.Context, token pki.Token, j Joiner) (Joined, error) {
	var failed []error
	for _, address := range token.Addresses {
		joined, err := askAt(ctx, address, token, j)
		if err == nil {
			return joined, nil
		}
		err = fmt.Errorf("join cluster %s at %v: %w", token.Cluster, address, err)
		if errors.Is(err, ErrRefused) {
			return Joined{}, err
		}
		failed = append(failed, err)
	}
	return Joined{}, errors.Join(failed...)
}

func askAt(ctx context.Context, address netip.AddrPort, token pki.Token, j Joiner) (Joined, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{Protocol},
		InsecureSkipVerify: true, // the joiner knows a fingerprint and no name: VerifyConnection decides
		VerifyConnection:   func(state tls.ConnectionState) error { return verify(token, state) },
	}}
	raw, err := dialer.DialContext(ctx, "tcp", address.String())
	if err != nil {
		return Joined{}, err
	}
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	joined, err := talk(raw.(*tls.Conn), token, j)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return joined, err
}

func talk(conn *tls.Conn, token pki.Token, j Joiner) (Joined, error) {
	text, err := proofText(conn)
	if err != nil {
		return Joined{}, err
	}
	err = write(conn, ask{
		Secret: token.Secret[:], Name: j.Name, Addresses: j.Addresses, Witness: j.Witness,
		Key: j.Key.Public().(ed25519.PublicKey), Proof: ed25519.Sign(j.Key, text),
	})
	if err != nil {
		return Joined{}, err
	}
	var a answer
	if err := read(conn, &a); err != nil {
		return Joined{}, err
	}
	if a.Error != "" {
		return Joined{}, fmt.Errorf("%w: %s", ErrRefused, a.Error)
	}
	if a.Handover == nil {
		return Joined{}, errors.New("the answer holds neither a certificate nor a refusal")
	}
	authority, identity, err := a.Handover.Accept(token.Authority, j.Key)
	if err != nil {
		return Joined{}, err
	}
	if identity.Name.Node != a.Node {
		return Joined{}, fmt.Errorf("the answer gives id %d and the certificate of node %d", a.Node, identity.Name.Node)
	}
	return Joined{authority, identity, a.Peers}, nil
}

// verify checks the server: the authority of the token's fingerprint is in its chain and has signed its certificate.
func verify(token pki.Token, state tls.ConnectionState) error {
	for i, cert := range state.PeerCertificates {
		if i == 0 || pki.FingerprintOf(cert) != token.Authority {
			continue
		}
		name, err := pki.NameOf(state.PeerCertificates[0])
		if err != nil {
			return err
		}
		if name.Cluster != token.Cluster {
			return fmt.Errorf("%v answers, the token is for cluster %s", name, token.Cluster)
		}
		roots := x509.NewCertPool()
		roots.AddCert(cert)
		_, err = state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: name.DNS()})
		return err
	}
	return fmt.Errorf("who answers there does not belong to the cluster of the token (no authority with fingerprint %v)", token.Authority)
}
