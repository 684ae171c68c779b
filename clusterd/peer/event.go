// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"fmt"
	"net/netip"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// ID is one life of one node. Inc is zero while the node has not been admitted.
type ID struct {
	Node view.NodeID
	Inc  view.Incarnation
}

func (id ID) String() string { return fmt.Sprintf("%d.%d", id.Node, id.Inc) }

// Event is what a Port reports: Up, Down, Hailed or Received.
type Event interface {
	fmt.Stringer
	event()
}

// Up says that the connection to a peer stands: what is sent now goes out.
type Up struct{ Peer ID }

// Down says that it is gone, and why. It always follows an Up of the same peer.
type Down struct {
	Peer ID
	Why  error
}

// Hailed says that a node got through to us, and where it says it listens.
type Hailed struct {
	From    ID
	Address netip.AddrPort
}

// Received is a message.
type Received struct {
	From ID
	Kind uint32
	Data []byte
}

func (Up) event()       {}
func (Down) event()     {}
func (Hailed) event()   {}
func (Received) event() {}

func (e Up) String() string     { return fmt.Sprintf("up %v", e.Peer) }
func (e Down) String() string   { return fmt.Sprintf("down %v: %v", e.Peer, e.Why) }
func (e Hailed) String() string { return fmt.Sprintf("hailed by %v at %v", e.From, e.Address) }
func (e Received) String() string {
	return fmt.Sprintf("received kind %d, %d bytes, from %v", e.Kind, len(e.Data), e.From)
}
