// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/label"
)

// Event is one of the types below, as a value, never a pointer.
type Event interface {
	fmt.Stringer
	event()
}

// Op numbers an action whose end comes back as an event. It only grows in one life of a machine; zero is none.
type Op uint64

type (
	// Tick: time has passed. One at least is due at the tick that Arm named last.
	Tick struct{}

	// Cluster is what clusterd says of this node's place: sent at the start, and whenever any of it changes.
	Cluster struct {
		ID        view.ClusterID
		Node      view.NodeID
		Inc       view.Incarnation
		Start     uint64 // of this configd, given by clusterd when it registered; only grows
		Condition view.Condition
		View      view.View
		Homes     []view.Home // as far as this node's clusterd has seen
	}

	// Lease is until when, and for what, the gate lets I/O through here.
	Lease struct{ view.Lease }

	// Received is a message from the configd of another node.
	Received struct{ Message Message }

	// Request is a client's wish for a change. ID is the caller's, and comes back in the Answer.
	Request struct {
		ID     uint64
		Group  string // id
		Base   uint64 // version that the client looked at; zero is whatever is in force
		Change config.Change
	}

	// Scanned ends Scan.
	Scanned struct {
		Op    Op
		Disks []Disk
		Held  []string // ids of groups that have suspended devices left by an earlier life of configd
		Open  []Open   // volumes that are open on this node
		Names []string // names under which other devices exist that a group's devices would take
	}

	// Written ends Write: what was written is on the medium, or Err says why that is not certain.
	Written struct {
		Op  Op
		Err string
	}

	// HomePut ends PutHome. Current is what stands in the record now, when that is known.
	HomePut struct {
		Op      Op
		Ok      bool
		Current view.Home
		Err     string
	}

	// Finished ends Guard, Hand, Load, Resume, Clear and Revive.
	Finished struct {
		Op  Op
		Err string
		// Holding is said by Hand alone: clusterd holds I/O on this node, and resumes what was handed back when it ends.
		Holding bool
	}
)

// Disk is one labelled disk as a scan found it.
type Disk struct {
	ID    string // label id
	Label label.Copy
}

// Open is a volume that somebody on this node has open.
type Open struct {
	Group, Volume string // ids
	Holder        string // a process, a mount point, another device
}

func (Tick) event()     {}
func (Cluster) event()  {}
func (Lease) event()    {}
func (Received) event() {}
func (Request) event()  {}
func (Scanned) event()  {}
func (Written) event()  {}
func (HomePut) event()  {}
func (Finished) event() {}

func (Tick) String() string { return "tick" }

func (e Cluster) String() string {
	return fmt.Sprintf("cluster: node %d.%d start %d is %v in %v", e.Node, e.Inc, e.Start, e.Condition, e.View)
}

func (e Lease) String() string { return fmt.Sprintf("lease %v until %v", e.State, e.Deadline) }

func (e Received) String() string { return "receive " + e.Message.String() }

func (e Request) String() string {
	return fmt.Sprintf("request %d %s base %d %v", e.ID, short(e.Group), e.Base, e.Change)
}

func (e Scanned) String() string {
	s := fmt.Sprintf("scanned #%d %s", e.Op, list(e.Disks, func(d Disk) string { return short(d.ID) }))
	if len(e.Held) > 0 {
		s += " held " + list(e.Held, short)
	}
	return s
}

func (e Written) String() string { return ended("written", e.Op, e.Err) }

func (e HomePut) String() string {
	s := ended("home put", e.Op, e.Err)
	if e.Err == "" && !e.Ok {
		s += fmt.Sprintf(" refused, is v%d by %s", e.Current.Version, ballot(e.Current.Ballot))
	}
	return s
}

func (e Finished) String() string {
	s := ended("finished", e.Op, e.Err)
	if e.Holding {
		s += " holding"
	}
	return s
}

func ended(what string, op Op, err string) string {
	if err != "" {
		return fmt.Sprintf("%s #%d: %s", what, op, err)
	}
	return fmt.Sprintf("%s #%d", what, op)
}
