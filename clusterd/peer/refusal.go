// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"errors"
	"fmt"
	"net"

	"github.com/plexus-cvm/plexus/clusterd/peer/wire"
)

// Code says why a peer is not talked to.
type Code string

const (
	CodeCertificate Code = "certificate" // none, or not one that this cluster's authority signed
	CodeCluster     Code = "cluster"     // of another cluster
	CodeIdentity    Code = "identity"    // not the node that it says, or that was expected
	CodeService     Code = "service"     // the other daemon's port
	CodeProtocol    Code = "protocol"    // no version in common
	CodeFrame       Code = "frame"       // truncated, oversized, malformed, or one that does not belong there
	CodeBusy        Code = "busy"        // too many strangers at the door
)

// Refusal is the error for a peer that is not talked to. ByPeer: it was the peer that refused us.
type Refusal struct {
	Peer   string // node and address, as far as known
	Code   Code
	Why    string
	ByPeer bool
}

func (r *Refusal) Error() string {
	if r.ByPeer {
		return fmt.Sprintf("refused by %s: %s", r.Peer, r.Why)
	}
	return fmt.Sprintf("refuse %s: %s", r.Peer, r.Why)
}

func refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Why: fmt.Sprintf(format, args...)}
}

// named puts the peer into the error of a connection, and makes a Refusal of what is one but does not look it. Errors
// of the network itself are wrapped as they are.
func named(err error, peer string) error {
	var refusal *Refusal
	var alert *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		named := *refusal
		named.Peer = peer
		return &named
	case errors.Is(err, wire.ErrTruncated), errors.Is(err, wire.ErrOversized), errors.Is(err, wire.ErrMalformed):
		return &Refusal{Peer: peer, Code: CodeFrame, Why: err.Error()}
	case errors.As(err, &alert) && alert.Op == "remote error":
		return &Refusal{Peer: peer, Code: CodeCertificate, ByPeer: true,
			Why: fmt.Sprintf("it does not accept our certificate (%v); its own log says why", alert.Err)}
	}
	return fmt.Errorf("%s: %w", peer, err)
}
