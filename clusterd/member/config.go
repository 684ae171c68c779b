// SPDX-License-Identifier: Apache-2.0

package member

import (
	"fmt"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Limits of the machine. Times are multiples of the heartbeat so that one number decides all.
const (
	votersMax      = 5                // more make every commit slower and no cluster safer
	learnLagMax    = 16               // a learner this close to the commit index has caught up
	compactEvery   = 256              // applied entries between two snapshots
	compactKeep    = 64               // entries kept behind a snapshot for followers that are a little late
	requestsMax    = 256              // requests of this node waiting for the cluster
	requestLimit   = 30 * time.Second // then a request is answered with an error
	tokensMax      = 16
	homesMax       = 1024
	addrsMax       = 8
	nameBytesMax   = 64
	entryBytesMax  = 64 << 10
	settleMax      = 1000 // rounds of one Step; more is a loop
	askEvery       = 4    // heartbeats between two lease requests
	helloEvery     = 4    // heartbeats between two hellos to each member
	retryEvery     = 8    // heartbeats between repeats of a message without an answer
	proposalRepeat = 8    // heartbeats after which an unapplied proposal of the leader is made again
)

// JoinLimitDefault is how long a node tries to become a member before it gives up.
const JoinLimitDefault = 30 * time.Second

// Config is what a machine is told at its start and never changes.
type Config struct {
	Node  view.NodeID
	Times view.Times
	// Life orders the lives of this node: larger than at any earlier start, over reboots too. CLOCK_REALTIME in
	// nanoseconds serves; a clock set back costs the node its join until the clock has passed the old reading.
	Life uint64
	// JoinLimit is how long one join may take; zero is JoinLimitDefault.
	JoinLimit time.Duration
}

func (c Config) check() error {
	switch {
	case c.Node == 0 || c.Node > view.NodesMax:
		return fmt.Errorf("node id %d is not in 1..%d", c.Node, view.NodesMax)
	case c.Life == 0:
		return fmt.Errorf("node %d has no life number", c.Node)
	}
	return c.Times.Check()
}

// Meta is what a node remembers of itself beside its log.
type Meta struct {
	Cluster view.ClusterID `json:"cluster"`
	Node    view.NodeID    `json:"node"`
	// Raft is the incarnation in which this node's log began: its raft identity. Zero: no log.
	Raft view.Incarnation `json:"raft"`
	// Left is true when the cluster has let this node go: it must not campaign until it has joined again.
	Left bool `json:"left,omitempty"`
}

// Disk is all that a node has on stable storage. The zero value is an empty disk.
type Disk struct {
	Meta    Meta
	Hard    *raftpb.HardState
	Snap    *raftpb.Snapshot
	Entries []*raftpb.Entry // those after Snap
}

// Save applies one Persist to d: this is what its durable form must amount to.
func (d *Disk) Save(p Persist) {
	if p.Reset {
		*d = Disk{}
	}
	if p.Meta != nil {
		d.Meta = *p.Meta
	}
	if p.Snap != nil {
		d.trim(p.Snap)
	}
	if len(p.Entries) > 0 {
		first := p.Entries[0].GetIndex()
		i := slices.IndexFunc(d.Entries, func(e *raftpb.Entry) bool { return e.GetIndex() >= first })
		if i < 0 {
			i = len(d.Entries)
		}
		d.Entries = append(d.Entries[:i:i], p.Entries...)
	}
	if p.Hard != nil {
		d.Hard = p.Hard
	}
}

// trim puts the snapshot in and keeps only the entries that continue it.
func (d *Disk) trim(s *raftpb.Snapshot) {
	at := s.GetMetadata()
	i := slices.IndexFunc(d.Entries, func(e *raftpb.Entry) bool { return e.GetIndex() == at.GetIndex() })
	d.Snap = s
	if i < 0 || d.Entries[i].GetTerm() != at.GetTerm() {
		d.Entries = nil
		return
	}
	d.Entries = slices.Clone(d.Entries[i+1:])
}
