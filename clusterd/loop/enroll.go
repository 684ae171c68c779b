// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"

	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/pki"
	"github.com/plexus-cvm/plexus/clusterd/pki/enroll"
)

// enroll serves a joiner that has a token and no certificate yet.
func (l *Loop) enroll(ctx context.Context, conn *tls.Conn) {
	authority, err := pki.LoadAuthority(l.pkiDir())
	if err == nil {
		err = enroll.Serve(ctx, conn, authority, l.redeem)
	}
	if err != nil {
		l.log.Warn("enrolment failed", "from", conn.RemoteAddr().String(), "error", err)
	}
}

// redeem lets the cluster decide on a joiner.
func (l *Loop) redeem(ctx context.Context, r enroll.Redemption) (enroll.Grant, error) {
	node, err := l.ask(ctx, member.Enroll{Name: r.Name, Addrs: r.Addresses, Key: r.KeyID, Witness: r.Witness, Token: r.TokenHash})
	if err != nil {
		return enroll.Grant{}, err
	}
	grant := enroll.Grant{Node: node}
	err = l.do(ctx, func() error {
		for _, n := range l.nodes {
			if n.Node != node {
				grant.Peers = append(grant.Peers, enroll.Peer{Node: n.Node, Name: n.Name, Addresses: []string{n.Member, n.Config}})
			}
		}
		return nil
	})
	return grant, err
}

// key returns the key with which this node enrolls. It stays the same as long as clusterd runs: a joiner that lost the
// answer asks again with it.
func (l *Loop) key() (ed25519.PrivateKey, error) {
	l.keyMu.Lock()
	defer l.keyMu.Unlock()
	if l.joinKey == nil {
		k, err := pki.NewKey()
		if err != nil {
			return nil, err
		}
		l.joinKey = k
	}
	return l.joinKey, nil
}
