// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

// Status is what a machine says of itself to whoever asks. It shares nothing that the machine writes to.
type Status struct {
	Role   string        `json:"role"`  // out, master, slave, witness
	Stage  string        `json:"stage"` // of the configuration join, empty when it is over
	Change *Change       `json:"change,omitempty"`
	Waits  int           `json:"changes_waiting"`
	Groups []GroupStatus `json:"groups"` // by id
}

// GroupStatus is one group on this node.
type GroupStatus struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Shared   bool          `json:"shared"`
	Enabled  bool          `json:"enabled"` // its tables follow its configuration, and this node may ask for changes
	Version  uint64        `json:"version"`
	Hash     string        `json:"hash"`
	Tables   string        `json:"tables"`             // the stage of the device-mapper tables
	Proposed uint64        `json:"proposed,omitempty"` // version under way
	Copies   []CopyStatus  `json:"copies,omitempty"`   // on the coordinator alone
	Trouble  string        `json:"trouble,omitempty"`  // why it is not enabled
	Config   *config.Group `json:"-"`                  // in force; nil if this node knows none
}

// CopyStatus is one label copy as its coordinator knows it.
type CopyStatus struct {
	Disk    string `json:"disk"`
	Version uint64 `json:"version"`
	Trouble string `json:"trouble,omitempty"`
}

// Change is a change under way on this coordinator.
type Change struct {
	Group   string      `json:"group"`
	Version uint64      `json:"version"`
	Stage   string      `json:"stage"`
	Waiting string      `json:"waiting_for,omitempty"` // nodes
	Tx      view.Ballot `json:"tx"`
}

// Status returns what is known now.
func (m *Machine) Status() Status {
	s := Status{Role: m.role(), Stage: m.stage(), Waits: len(m.shared.queue) + len(m.private.queue) + len(m.relay.queue),
		Groups: []GroupStatus{}}
	for _, c := range []*coordinator{&m.private, &m.shared} {
		if tx := c.tx; tx != nil {
			s.Change = &Change{tx.g.id, tx.next.version(), tx.stage.String(), tx.waiting(), tx.id}
		}
	}
	for _, g := range m.sorted() {
		s.Groups = append(s.Groups, m.groupStatus(g))
	}
	return s
}

func (tx *transaction) waiting() string {
	is := map[txStage]func(*part) bool{asking: hasVoted, suspending: hasAcked, closing: hasApplied}[tx.stage]
	if is == nil {
		return ""
	}
	if s := tx.silent(is); s != "-" {
		return s
	}
	return ""
}

func (m *Machine) role() string {
	switch {
	case m.left || !m.inView():
		return "out"
	case m.lead != nil:
		return "master"
	case isWitness(m.place.View, m.place.Node):
		return "witness"
	}
	return "slave"
}

func (m *Machine) stage() string {
	switch {
	case m.lead != nil && m.lead.stage != leading:
		return m.lead.stage.String()
	case m.follow != nil && m.follow.stage != following:
		return m.follow.stage.String()
	}
	return ""
}

func (m *Machine) groupStatus(g *group) GroupStatus {
	s := GroupStatus{ID: g.id, Name: g.name, Shared: g.shared, Version: g.version(), Tables: g.tables.stage.String(),
		Proposed: proposed(g).version(), Trouble: g.failed, Config: g.cur.value()}
	if g.cur != nil {
		s.Hash = g.cur.hash
	}
	if l := g.ledger; l != nil {
		s.copies(l)
		if s.Trouble == "" {
			s.Trouble = l.why
		}
	}
	if s.Trouble == "" && g.shared && !g.offered {
		s.Trouble = "this node has not got it from its master yet"
	}
	s.Enabled = s.Trouble == "" && g.cur != nil && m.stage() == "" && (same(g.tables.have, g.cur) || g.tx != nil)
	return s
}

func (s *GroupStatus) copies(l *ledger) {
	if l.g.cur == nil {
		return
	}
	for _, disk := range setOf(l.g.cur) {
		e := l.labels[disk]
		c := CopyStatus{Disk: disk}
		switch {
		case e == nil || !e.found:
			c.Trouble = "not found"
		default:
			c.Version, c.Trouble = e.label.Header.Version, e.bad
		}
		s.Copies = append(s.Copies, c)
	}
}

func (s Status) String() string {
	line := s.Role
	if s.Stage != "" {
		line += " " + s.Stage
	}
	if c := s.Change; c != nil {
		line += fmt.Sprintf("; change of %s to v%d %s", short(c.Group), c.Version, c.Stage)
		if c.Waiting != "" {
			line += " for " + c.Waiting
		}
	}
	for _, g := range s.Groups {
		line += "\n  " + g.String()
	}
	return line
}

func (g GroupStatus) String() string {
	s := fmt.Sprintf("group %s v%d %s", g.Name, g.Version, map[bool]string{true: "enabled", false: "disabled"}[g.Enabled])
	if g.Proposed != 0 {
		s += fmt.Sprintf(", v%d proposed", g.Proposed)
	}
	if g.Tables != resting.String() {
		s += ", tables " + g.Tables
	}
	if g.Trouble != "" {
		s += ": " + g.Trouble
	}
	return s
}
