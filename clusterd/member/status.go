// SPDX-License-Identifier: Apache-2.0

package member

import (
	"fmt"
	"strings"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Status is what `plexus cluster status` shows of this node.
type Status struct {
	Cluster     view.ClusterID   `json:"cluster"`
	Node        view.NodeID      `json:"node"`
	Name        string           `json:"name"`
	Incarnation view.Incarnation `json:"incarnation"`
	Condition   view.Condition   `json:"condition"`
	Reason      view.Reason      `json:"reason"` // of the last leave
	Role        string           `json:"role"`   // master, slave, witness, or empty while out
	Stage       string           `json:"stage"`  // of what is under way, in words
	View        view.View        `json:"view"`   // as far as this node's log knows
	Condemned   []Doomed         `json:"condemned"`
	Leader      view.NodeID      `json:"leader"` // of the membership log; zero: none known
	Voters      []view.NodeID    `json:"voters"`
	Lease       view.Lease       `json:"lease"`
	LeaseLeft   time.Duration    `json:"lease_left"`
	Held        bool             `json:"held"`
}

// Status returns what this node knows at now.
func (m *Machine) Status(now view.Tick) Status {
	l := &m.life
	s := Status{
		Cluster: m.meta.Cluster, Node: m.cfg.Node, Incarnation: l.inc, Condition: l.cond, Reason: l.reason,
		Stage: m.stage(), View: m.state.View.Clone(), Condemned: append([]Doomed{}, m.state.Doomed...),
		Leader: m.leader, Voters: []view.NodeID{}, Lease: l.lease.Lease, Held: l.lease.holding,
	}
	if r := m.state.Node(m.cfg.Node); r != nil {
		s.Name = r.Name
		s.Role = m.role(r)
	}
	for _, id := range m.conf.GetVoters() {
		s.Voters = append(s.Voters, raftNode(id))
	}
	if l.lease.Open(now) {
		s.LeaseLeft = l.lease.Deadline.Sub(now)
	}
	return s
}

func (m *Machine) role(r *Record) string {
	switch {
	case m.life.cond == view.Out:
		return ""
	case r.Witness:
		return "witness"
	case m.state.View.Master == m.cfg.Node:
		return "master"
	}
	return "slave"
}

// stage says in words what this node waits for.
func (m *Machine) stage() string {
	l := &m.life
	switch {
	case l.cond == view.Joining && m.node == nil:
		return "waiting to be admitted"
	case l.cond == view.Joining && l.inc == 0:
		return "catching up with the membership log"
	case l.cond == view.Joining && l.ready:
		return "waiting for the view"
	case l.cond == view.Joining:
		return "configuration join"
	case l.closing:
		return "waiting until the volumes are closed"
	case l.handing && m.lead != nil:
		return "handing leadership over"
	case l.handing:
		return "waiting to be let go"
	case l.cond == view.Aborting:
		return "shutting and draining the disks"
	case l.lease.holding:
		return "volumes held, waiting for a lease"
	}
	return ""
}

func (s Status) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "node %d inc %d %v", s.Node, s.Incarnation, s.Condition)
	if s.Reason != view.ReasonNone {
		fmt.Fprintf(&b, " (%s)", s.Reason)
	}
	if s.Role != "" {
		fmt.Fprintf(&b, " %s", s.Role)
	}
	fmt.Fprintf(&b, "; %v; leader %d voters %v; lease %v left %v", s.View, s.Leader, s.Voters, s.Lease.State, s.LeaseLeft)
	if s.Held {
		b.WriteString(" held")
	}
	if s.Stage != "" {
		fmt.Fprintf(&b, "; %s", s.Stage)
	}
	return b.String()
}

// State returns a copy of what the log adds up to on this node.
func (m *Machine) State() State {
	s, err := UnmarshalState(m.state.marshal())
	if err != nil {
		m.bug("copy the state: %v", err)
	}
	return s
}

// View returns the view as far as this node's log knows.
func (m *Machine) View() view.View { return m.state.View.Clone() }
