// SPDX-License-Identifier: Apache-2.0

package enroll

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/plexus-cvm/plexus/clusterd/pki"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Redemption is what the cluster is asked to decide.
type Redemption struct {
	TokenHash string // pki.Secret.Hash
	KeyID     string // pki.KeyID of the joiner's public key
	Name      string
	Addresses []string
	Witness   bool
}

// Grant is what it decided.
type Grant struct {
	Node  view.NodeID
	Peers []Peer // whom the joiner can ask to join; the one that answers may be among them
}

// Redeem lets the cluster decide on a joiner: its replicated state knows the token's hash, uses it up, and gives the
// node an id. A joiner that asks again with the same name and key must get the same id. The error is told to the joiner.
type Redeem func(context.Context, Redemption) (Grant, error)

// Serve talks to one joiner. The connection stays open; ctx bounds the decision, deadlines of the connection the rest.
// The error is what was wrong, for the log; the joiner has been told.
func Serve(ctx context.Context, conn *tls.Conn, authority *pki.Authority, redeem Redeem) error {
	given, err := serve(ctx, conn, authority, redeem)
	if err != nil {
		err = fmt.Errorf("enroll %v: %w", conn.RemoteAddr(), err)
		return errors.Join(err, write(conn, answer{Error: err.Error()}))
	}
	return write(conn, given)
}

func serve(ctx context.Context, conn *tls.Conn, authority *pki.Authority, redeem Redeem) (answer, error) {
	var a ask
	if err := read(conn, &a); err != nil {
		return answer{}, err
	}
	if err := a.check(); err != nil {
		return answer{}, err
	}
	text, err := proofText(conn)
	if err != nil {
		return answer{}, err
	}
	if !ed25519.Verify(a.Key, text, a.Proof) {
		return answer{}, errors.New("the joiner does not hold the key that it wants a certificate for")
	}
	grant, err := redeem(ctx, Redemption{
		TokenHash: pki.Secret(a.Secret).Hash(),
		KeyID:     pki.KeyID(a.Key),
		Name:      a.Name,
		Addresses: a.Addresses,
		Witness:   a.Witness,
	})
	if err != nil {
		return answer{}, err
	}
	cert, err := authority.Issue(grant.Node, a.Key)
	if err != nil {
		return answer{}, err
	}
	handover, err := authority.HandOver(cert)
	if err != nil {
		return answer{}, err
	}
	return answer{Node: grant.Node, Peers: grant.Peers, Handover: &handover}, nil
}
