// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Tick is a reading of a node's own CLOCK_BOOTTIME, in nanoseconds (clock_gettime(2)). Ticks of two nodes, or of two
// boots of one node, must never be compared.
type Tick int64

// Add returns the tick d later.
func (t Tick) Add(d time.Duration) Tick { return t + Tick(d) }

// Sub returns the time from u to t.
func (t Tick) Sub(u Tick) time.Duration { return time.Duration(t - u) }

func (t Tick) String() string { return time.Duration(t).String() }

// NodeID names a node in its cluster; 1 to NodesMax, zero is nobody.
type NodeID uint32

// NodesMax is the largest NodeID and the largest number of nodes in a cluster.
const NodesMax = 64

// Incarnation counts the lives of one NodeID in a cluster. It is assigned by the cluster when a node is admitted and
// grows by at least one each time; zero is none.
type Incarnation uint64

// Seq numbers views; it only grows. Zero is no view.
type Seq uint64

// ClusterID is the random identity that `plexus cluster init` gives a cluster: 32 lower-case hexadecimal digits.
type ClusterID string

// Member is one node in a view.
type Member struct {
	Node    NodeID      `json:"node"`
	Name    string      `json:"name"`
	Inc     Incarnation `json:"incarnation"`
	Witness bool        `json:"witness,omitempty"` // votes, has no disks, is never master
}

func (m Member) String() string {
	if m.Witness {
		return fmt.Sprintf("%d.%d(witness)", m.Node, m.Inc)
	}
	return fmt.Sprintf("%d.%d", m.Node, m.Inc)
}

// View is an agreed membership. Members and Joining are sorted by NodeID and have no node in common. Master is one of
// Members, or zero while there is no data node in the view.
type View struct {
	Seq     Seq      `json:"seq"`
	Members []Member `json:"members"`
	Joining []Member `json:"joining"`
	Master  NodeID   `json:"master"`
}

// Member returns the full member with that id.
func (v View) Member(n NodeID) (Member, bool) { return find(v.Members, n) }

// Joiner returns the joining node with that id.
func (v View) Joiner(n NodeID) (Member, bool) { return find(v.Joining, n) }

// Has reports whether that incarnation of the node is in the view, as a member or joining.
func (v View) Has(n NodeID, inc Incarnation) bool {
	if m, ok := v.Member(n); ok {
		return m.Inc == inc
	}
	m, ok := v.Joiner(n)
	return ok && m.Inc == inc
}

// Clone returns a copy that shares no slice with v.
func (v View) Clone() View {
	v.Members, v.Joining = slices.Clone(v.Members), slices.Clone(v.Joining)
	return v
}

// Check returns an error that names the first rule of the type that v breaks.
func (v View) Check() error {
	seen := map[NodeID]bool{}
	for _, list := range [][]Member{v.Members, v.Joining} {
		last := NodeID(0)
		for _, m := range list {
			switch {
			case m.Node == 0 || m.Node > NodesMax:
				return fmt.Errorf("view %d: node id %d is not in 1..%d", v.Seq, m.Node, NodesMax)
			case m.Node <= last:
				return fmt.Errorf("view %d: node %d is out of order", v.Seq, m.Node)
			case seen[m.Node]:
				return fmt.Errorf("view %d: node %d is both member and joining", v.Seq, m.Node)
			case m.Inc == 0:
				return fmt.Errorf("view %d: node %d has no incarnation", v.Seq, m.Node)
			}
			last, seen[m.Node] = m.Node, true
		}
	}
	if m, ok := v.Member(v.Master); v.Master != 0 && (!ok || m.Witness) {
		return fmt.Errorf("view %d: master %d is not a data member", v.Seq, v.Master)
	}
	return nil
}

// String prints the view in one line: `view 7 members 1.1,2.1 joining 3.2 master 1`.
func (v View) String() string {
	return fmt.Sprintf("view %d members %s joining %s master %d", v.Seq, join(v.Members), join(v.Joining), v.Master)
}

func find(list []Member, n NodeID) (Member, bool) {
	for _, m := range list {
		if m.Node == n {
			return m, true
		}
	}
	return Member{}, false
}

func join(list []Member) string {
	if len(list) == 0 {
		return "-"
	}
	words := make([]string, len(list))
	for i, m := range list {
		words[i] = m.String()
	}
	return strings.Join(words, ",")
}
