// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

// group is one disk group on this node: what is in force, what is proposed, and where the tables stand.
type group struct {
	id     string
	name   string
	shared bool

	cur      *text       // in force, as decided; nil before the first decision that this node has heard of
	decision view.Ballot // of cur, the highest heard of
	tx       *proposal   // proposed to this node, and not decided
	tables   tables
	tell     *telling // whom to tell that the tables are those of cur

	offered bool   // shared: this life of configd has it from the master; until then it lists as disabled
	failed  string // why the tables cannot follow
	ledger  *ledger
}

// proposal is a transaction as one participant sees it.
type proposal struct {
	id    view.Ballot
	from  view.NodeID
	base  *text // nil: the group is new
	next  *text
	hold  bool // a sector moves: all are suspended before any resumes
	stage proposalStage
	scan  uint64 // the scan that the vote waits for
	yes   bool
	why   string
}

type proposalStage uint8

const (
	looking   proposalStage = iota // the disks are being read
	voted                          // nothing is suspended
	preparing                      // tables are being loaded; this node may still go back on its own
	acked                          // only a decision ends it
)

var proposalStageWords = [...]string{"looking", "voted", "preparing", "acked"}

func (s proposalStage) String() string { return word(proposalStageWords[:], s) }

// telling is a master that waits for Applied.
type telling struct {
	tx view.Ballot
	to view.NodeID
}

func (m *Machine) group(id, name string, shared bool) *group {
	g, ok := m.groups[id]
	if !ok {
		g = &group{id: id, name: name, shared: shared}
		m.groups[id] = g
	}
	return g
}

// decide makes t the configuration in force under that ballot, whatever was proposed: from here on the tables follow it.
// t is nil where a new group was given up.
func (m *Machine) decide(g *group, t *text, b view.Ballot) {
	if b.Compare(g.decision) < 0 {
		return // older than what is known
	}
	g.decision = b
	if t.version() < g.cur.version() {
		m.cannotFollow(g, "its version went back")
		return
	}
	if g.tx != nil && g.shared {
		m.ended = maxBallot(m.ended, g.tx.id)
	}
	g.tx, g.cur = nil, t
	if t != nil {
		g.name = t.group.Name
	}
	g.failed = ""
	m.settle(g)
}

// cannotFollow is the end of this node's membership where the group is shared. A private group stays as it is, and says so.
func (m *Machine) cannotFollow(g *group, why string) {
	g.failed = why
	if !g.shared {
		m.applied(g, false)
		return
	}
	if m.declineInstead(g, why) {
		return
	}
	m.leave(view.ReasonReconfiguration, "group "+g.name+": "+why)
}

// applied tells whoever waits for the tables how they stand.
func (m *Machine) applied(g *group, ok bool) {
	if g.tell != nil {
		m.send(g.tell.to, Applied{Tx: g.tell.tx, Ok: ok, Why: g.failed})
		g.tell = nil
	}
	if ok && g.tx == nil && (g.cur == nil || g.cur.group.Removed) {
		delete(m.groups, g.id)
	}
}

// dropShared forgets the cluster's groups. Their devices are clusterd's to take away.
func (m *Machine) dropShared(why string) {
	for _, g := range m.sharedGroups() {
		delete(m.groups, g.id)
	}
	m.shared.abandon(m, why)
	m.relay.abandon(m, why)
	m.lead, m.follow = nil, nil
	for op, w := range m.waits {
		if w.kind == waitErrand || w.group != "" && m.groups[w.group] == nil && w.kind != waitScan {
			delete(m.waits, op)
		}
	}
}

func maxBallot(a, b view.Ballot) view.Ballot {
	if a.Compare(b) >= 0 {
		return a
	}
	return b
}

// disksOf returns the label ids of the group's disks in the order of their names.
func disksOf(g *config.Group) []string {
	if g == nil {
		return nil
	}
	ids := make([]string, len(g.Disks))
	for i, d := range g.Disks {
		ids[i] = d.ID
	}
	return ids
}
