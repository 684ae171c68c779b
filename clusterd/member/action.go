// SPDX-License-Identifier: Apache-2.0

package member

import (
	"fmt"
	"strings"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Action is something the machine wants done. The set is closed; Env has a method for each.
type Action interface {
	fmt.Stringer
	do(Env) error
}

type (
	// Persist must be on stable storage before any later action is carried out. Disk.Save says what it amounts to.
	Persist struct {
		Reset   bool // forget everything first: this node begins a new log
		Meta    *Meta
		Hard    *raftpb.HardState
		Snap    *raftpb.Snapshot
		Entries []*raftpb.Entry
	}

	// Send is a message to another node. It may be lost, late, doubled, out of order.
	Send struct {
		To  view.NodeID
		Msg Message
	}

	// SetLease is what the gate must be told at once.
	SetLease struct{ Lease view.Lease }

	// Hold suspends the shared volumes, without failing anything; answer with Held.
	Hold struct{}

	// Release resumes what Hold has suspended.
	Release struct{}

	// Close begins a clean leave: wait for the users of the shared volumes, take the volumes away, shut the gate;
	// answer with Closed.
	Close struct{}

	// Leave takes this node away from the shared disks at once, from below upwards; answer with Drained.
	Leave struct{ Reason view.Reason }

	// Stopped says that this life is over.
	Stopped struct{ Reason view.Reason }

	// SetView hands a new view to those who watch.
	SetView struct {
		View  view.View
		Index uint64 // of its log entry
	}

	// SetPeers is all enrolled nodes and where they are reached.
	SetPeers struct{ Nodes []Record }

	// ShowHome hands a changed home record to those who watch.
	ShowHome struct{ Home view.Home }

	// Preempt orders the reservations and other means of outside fencing against a condemned incarnation. Index is
	// that of the committed condemnation; without one nothing may be done to a node. Answer with Fenced.
	Preempt struct {
		Member view.Member
		Index  uint64
	}

	// Reply answers the Request with that ID.
	Reply struct {
		ID   uint64
		Node view.NodeID // Enroll: the id that the cluster gave
		Err  error
	}

	// Note is a change worth a log line that no other action shows.
	Note struct{ Text string }
)

func (a Persist) String() string {
	var b strings.Builder
	b.WriteString("persist")
	if a.Reset {
		b.WriteString(" reset")
	}
	if a.Meta != nil {
		fmt.Fprintf(&b, " meta raft %d left %v", a.Meta.Raft, a.Meta.Left)
	}
	if a.Hard != nil {
		fmt.Fprintf(&b, " term %d vote %s commit %d", a.Hard.GetTerm(), raftName(a.Hard.GetVote()), a.Hard.GetCommit())
	}
	if a.Snap != nil {
		fmt.Fprintf(&b, " snapshot %d", a.Snap.GetMetadata().GetIndex())
	}
	if len(a.Entries) > 0 {
		fmt.Fprintf(&b, " entries %s", entriesString(a.Entries))
	}
	return b.String()
}

func (a Send) String() string { return fmt.Sprintf("to %d: %v", a.To, a.Msg) }
func (a SetLease) String() string {
	return fmt.Sprintf("lease %v until %v", a.Lease.State, a.Lease.Deadline)
}
func (Hold) String() string      { return "hold" }
func (Release) String() string   { return "release" }
func (Close) String() string     { return "close" }
func (a Leave) String() string   { return fmt.Sprintf("leave: %s", a.Reason) }
func (a Stopped) String() string { return fmt.Sprintf("stopped: %s", a.Reason) }
func (a SetView) String() string { return fmt.Sprintf("%v at %d", a.View, a.Index) }
func (a ShowHome) String() string {
	return fmt.Sprintf("home of %s version %d", a.Home.GroupID, a.Home.Version)
}
func (a Preempt) String() string {
	return fmt.Sprintf("preempt %v, condemned at %d", a.Member, a.Index)
}
func (a Note) String() string { return a.Text }
func (a SetPeers) String() string {
	words := make([]string, len(a.Nodes))
	for i, r := range a.Nodes {
		words[i] = fmt.Sprintf("%d=%s", r.Node, r.Name)
	}
	return "peers " + strings.Join(words, " ")
}
func (a Reply) String() string {
	if a.Err != nil {
		return fmt.Sprintf("reply %d: %v", a.ID, a.Err)
	}
	return fmt.Sprintf("reply %d: ok node %d", a.ID, a.Node)
}
