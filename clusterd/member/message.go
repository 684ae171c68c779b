// SPDX-License-Identifier: Apache-2.0

package member

import (
	"fmt"
	"strings"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Message is what two machines say to each other. The set is closed; the values inside must not be changed after they
// were sent or received. Package wire has their form in bytes.
type Message interface {
	fmt.Stringer
	message()
}

type (
	// Raft is a message of the raft library.
	Raft struct{ M *raftpb.Message }

	// Hello says: I am here. It lets every member know whom it can hear.
	Hello struct{ Inc view.Incarnation }

	// Ask asks the leader for a lease from At on, in the asker's ticks.
	Ask struct {
		Inc      view.Incarnation
		At       view.Tick
		Reach    int           // shared disks it reaches
		InFlight time.Duration // longest in-flight term of its transports
		Silent   []view.NodeID // members it has not heard for a lease, or waits for in vain
	}

	// Grant answers Ask: the lease runs until At+lease.
	Grant struct {
		Inc view.Incarnation
		At  view.Tick
	}

	// Gone tells a node that its incarnation is in no view, and votes no longer.
	Gone struct{ Inc view.Incarnation }

	// Condemned tells a node that it is: it gets no lease any more, the sooner it has shut the better.
	Condemned struct{ Inc view.Incarnation }

	// JoinAsk asks the leader for a new incarnation. All that former lives of the node had open is shut and drained.
	JoinAsk struct {
		Cluster   view.ClusterID
		Life      uint64
		Raft      view.Incarnation // identity of its log; zero: it has none
		Heartbeat time.Duration
		Addrs     []string
	}

	// JoinReply answers: admitted with that incarnation and raft identity, or refused.
	JoinReply struct {
		Life   uint64
		Inc    view.Incarnation
		Raft   view.Incarnation
		Reason view.Reason
		Detail string
	}

	// Ready says that the configuration join of that incarnation is done.
	Ready struct{ Inc view.Incarnation }

	// Bye says that this incarnation goes. Drained: nothing of it can reach a shared disk any more.
	Bye struct {
		Inc     view.Incarnation
		Reason  view.Reason
		Drained bool
	}

	// Forward carries a request of a node to the leader.
	Forward struct {
		ID    uint64
		Entry Entry
	}
)

func (Raft) message()      {}
func (Hello) message()     {}
func (Ask) message()       {}
func (Grant) message()     {}
func (Gone) message()      {}
func (Condemned) message() {}
func (JoinAsk) message()   {}
func (JoinReply) message() {}
func (Ready) message()     {}
func (Bye) message()       {}
func (Forward) message()   {}

func (m Raft) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "raft %s %s->%s term %d", strings.TrimPrefix(m.M.GetType().String(), "Msg"),
		raftName(m.M.GetFrom()), raftName(m.M.GetTo()), m.M.GetTerm())
	if m.M.GetIndex() != 0 || m.M.GetLogTerm() != 0 {
		fmt.Fprintf(&b, " log %d/%d", m.M.GetLogTerm(), m.M.GetIndex())
	}
	if m.M.GetCommit() != 0 {
		fmt.Fprintf(&b, " commit %d", m.M.GetCommit())
	}
	if m.M.GetReject() {
		b.WriteString(" reject")
	}
	if len(m.M.GetEntries()) > 0 {
		b.WriteString(" entries " + entriesString(m.M.GetEntries()))
	}
	if s := m.M.GetSnapshot(); s.GetMetadata().GetIndex() != 0 {
		fmt.Fprintf(&b, " snapshot %d", s.GetMetadata().GetIndex())
	}
	return b.String()
}

func (m Hello) String() string { return fmt.Sprintf("hello inc %d", m.Inc) }
func (m Ask) String() string {
	s := fmt.Sprintf("ask inc %d at %v", m.Inc, m.At)
	if len(m.Silent) > 0 {
		s += fmt.Sprintf(" silent %v", m.Silent)
	}
	return s
}
func (m Grant) String() string     { return fmt.Sprintf("grant inc %d at %v", m.Inc, m.At) }
func (m Gone) String() string      { return fmt.Sprintf("gone inc %d", m.Inc) }
func (m Condemned) String() string { return fmt.Sprintf("condemned inc %d", m.Inc) }
func (m JoinAsk) String() string   { return fmt.Sprintf("join life %d raft %d", m.Life, m.Raft) }
func (m JoinReply) String() string {
	if m.Reason != view.ReasonNone {
		return fmt.Sprintf("join refused life %d: %s: %s", m.Life, m.Reason, m.Detail)
	}
	return fmt.Sprintf("admitted life %d inc %d raft %d", m.Life, m.Inc, m.Raft)
}
func (m Ready) String() string { return fmt.Sprintf("ready inc %d", m.Inc) }
func (m Bye) String() string {
	return fmt.Sprintf("bye inc %d %s drained %v", m.Inc, m.Reason, m.Drained)
}
func (m Forward) String() string { return fmt.Sprintf("forward %d: %v", m.ID, m.Entry) }
