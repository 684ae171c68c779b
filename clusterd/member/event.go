// SPDX-License-Identifier: Apache-2.0

package member

import (
	"fmt"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Event is something that happened to this node. The set is closed.
type Event interface {
	fmt.Stringer
	event()
}

type (
	// Tick says that time has passed; give one every heartbeat.
	Tick struct{}

	// Receive is a message from another node, whose identity the link has proven.
	Receive struct {
		From view.NodeID
		Msg  Message
	}

	// Init founds a cluster of this one node. Its token may be given to later Enroll requests like any other.
	Init struct {
		Cluster view.ClusterID
		Self    Record // Name, Addrs, Key, Witness count
	}

	// Join asks the cluster for a new incarnation. Whatever an earlier life of this node had open must have been shut
	// and drained before. Peers are nodes to ask besides those the log knows.
	Join struct {
		Cluster view.ClusterID
		Addrs   []string // where this node is reached now; empty: as the cluster knows it
		Peers   []view.NodeID
	}

	// Stop is a clean leave: wait for the volumes, go, then Stopped. With Force it is an abort.
	Stop struct{ Force bool }

	// Cancel takes a Stop back that still waits for its volumes.
	Cancel struct{}

	// Closed answers Close: no shared volume is open or loaded here, the gate is shut, nothing is in flight.
	Closed struct{}

	// Drained answers Leave: the gate is shut and nothing of this node can reach a shared disk any more.
	Drained struct{}

	// Held answers Hold: all shared volumes are suspended.
	Held struct{}

	// Refused says that the gate has refused I/O because the lease had run out.
	Refused struct{ Count uint64 }

	// Failed says that this node cannot follow the view or a decision of the cluster: it must leave.
	Failed struct{ Reason view.Reason }

	// ConfigJoined is the result of the configuration join of that incarnation: ReasonNone is ready.
	ConfigJoined struct {
		Inc    view.Incarnation
		Reason view.Reason
	}

	// Disks is how many shared disks this node reaches and the longest in-flight term among their transports. It
	// must be told before the first volume is activated over a disk with a longer term; zero until then.
	Disks struct {
		Reach    int
		InFlight time.Duration
	}

	// Suspect names a node that a reconfiguration here waits for without an answer. Repeat it while it waits.
	Suspect struct{ Node view.NodeID }

	// Fenced is a proof from outside that nothing of a condemned incarnation can land any more.
	Fenced struct {
		Node  view.NodeID
		Inc   view.Incarnation
		Index uint64 // of the condemnation it was ordered by
		Proof view.Proof
	}

	// Request asks the cluster to agree on an entry: Enroll, MakeToken, SetHome or Condemn. It is answered by Reply
	// with the same ID, which must not repeat over the lives of the node.
	Request struct {
		ID    uint64
		Entry Entry
	}
)

func (Tick) event()         {}
func (Receive) event()      {}
func (Init) event()         {}
func (Join) event()         {}
func (Stop) event()         {}
func (Cancel) event()       {}
func (Closed) event()       {}
func (Drained) event()      {}
func (Held) event()         {}
func (Refused) event()      {}
func (Failed) event()       {}
func (ConfigJoined) event() {}
func (Disks) event()        {}
func (Suspect) event()      {}
func (Fenced) event()       {}
func (Request) event()      {}

func (Tick) String() string      { return "tick" }
func (e Receive) String() string { return fmt.Sprintf("from %d: %v", e.From, e.Msg) }
func (e Init) String() string    { return fmt.Sprintf("init %s as %s", e.Cluster, e.Self.Name) }
func (e Join) String() string    { return fmt.Sprintf("join, peers %v", e.Peers) }
func (e Stop) String() string {
	if e.Force {
		return "stop by force"
	}
	return "stop"
}
func (Cancel) String() string    { return "cancel" }
func (Closed) String() string    { return "closed" }
func (Drained) String() string   { return "drained" }
func (Held) String() string      { return "held" }
func (e Refused) String() string { return fmt.Sprintf("refused %d", e.Count) }
func (e Failed) String() string  { return fmt.Sprintf("failed: %s", e.Reason) }
func (e ConfigJoined) String() string {
	if e.Reason == view.ReasonNone {
		return fmt.Sprintf("configuration of incarnation %d ready", e.Inc)
	}
	return fmt.Sprintf("configuration of incarnation %d refused: %s", e.Inc, e.Reason)
}
func (e Disks) String() string   { return fmt.Sprintf("disks %d in-flight %v", e.Reach, e.InFlight) }
func (e Suspect) String() string { return fmt.Sprintf("suspect %d", e.Node) }
func (e Fenced) String() string {
	return fmt.Sprintf("fenced %d.%d by %s, condemned at %d", e.Node, e.Inc, e.Proof, e.Index)
}
func (e Request) String() string { return fmt.Sprintf("request %d: %v", e.ID, e.Entry) }
