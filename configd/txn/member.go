// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

// This file is the participant's half of a transaction: every member of the view has it, the coordinator too.

// onPropose looks at a proposal and votes, once the disks have been read anew.
func (m *Machine) onPropose(from view.NodeID, p Propose) {
	if from != m.place.Node && (m.follow == nil || from != m.place.View.Master) {
		return
	}
	next, err := readText(p.Text, p.Hash)
	if err != nil {
		m.send(from, Vote{Tx: p.Tx, Why: err.Error()})
		return
	}
	g := m.groups[p.Group]
	switch {
	case next.group.ID != p.Group || next.version() <= p.Base:
		m.send(from, Vote{Tx: p.Tx, Why: "the proposal contradicts itself"})
		return
	case next.group.Shared && p.Tx.Compare(m.ended) <= 0:
		return // over: its end was told, or will be asked for
	case g != nil && g.tx != nil && g.tx.id == p.Tx:
		m.vote(g) // repeated, because the answer was lost
		return
	case g != nil && g.tx != nil:
		m.send(from, Vote{Tx: p.Tx, Why: fmt.Sprintf("group %s has another change under way", g.name)})
		return
	case g.version() != p.Base:
		m.send(from, Vote{Tx: p.Tx, Why: fmt.Sprintf("group %s is at version %d here, not %d", next.group.Name, g.version(), p.Base)})
		return
	}
	if g == nil {
		g = m.group(p.Group, next.group.Name, next.group.Shared)
		g.offered = true
	}
	g.tx = &proposal{id: p.Tx, from: from, base: g.cur, next: next, scan: m.wantScan()}
	g.tx.hold = g.cur != nil && !config.KeepsPlaces(g.cur.group, next.group)
}

func (g *group) version() uint64 {
	if g == nil {
		return 0
	}
	return g.cur.version()
}

// scannedMember votes on what waited for a scan.
func (m *Machine) scannedMember() {
	for _, g := range m.sorted() {
		if g.tx == nil || g.tx.stage != looking || g.tx.scan > m.scan.done {
			continue
		}
		why := m.objection(g)
		g.tx.yes, g.tx.why = why == "", why
		g.tx.stage = voted
		m.vote(g)
	}
}

func (m *Machine) vote(g *group) {
	if g.tx.stage == looking {
		return // it will be told
	}
	m.send(g.tx.from, Vote{Tx: g.tx.id, Yes: g.tx.yes, Why: g.tx.why})
}

// objection says what on this node stands against the proposal, empty if nothing.
func (m *Machine) objection(g *group) string {
	next := g.tx.next.group
	for _, id := range changedDisks(g.tx.base, g.tx.next) {
		d, _ := next.DiskByID(id)
		seen, ok := m.scan.disks[id]
		switch {
		case !ok:
			return fmt.Sprintf("disk %s (label %s) cannot be reached", d.Name, id)
		case g.tx.base.hasDisk(id):
		case seen.Label.Header.Group != "" && seen.Label.Header.Group != next.ID:
			return fmt.Sprintf("disk %s (label %s) belongs to another group", d.Name, id)
		}
	}
	for _, other := range m.sorted() {
		if other != g && other.name == next.Name {
			return fmt.Sprintf("another group is named %s", next.Name)
		}
		if other != g {
			if d := firstShared(next, other); d != "" {
				return fmt.Sprintf("disk %s belongs to group %s", d, other.name)
			}
		}
	}
	if g.tx.base == nil && slices.Contains(m.scan.names, next.Name) {
		return fmt.Sprintf("devices of another group named %s exist", next.Name)
	}
	return m.inUse(g)
}

// inUse names the holder of a volume that is to go.
func (m *Machine) inUse(g *group) string {
	if g.tx.base == nil {
		return ""
	}
	for _, d := range config.Compare(g.tx.base.group, g.tx.next.group) {
		for _, o := range m.scan.open {
			if d.Kind == config.Removed && o.Group == g.id && o.Volume == d.ID {
				return fmt.Sprintf("volume %s is open: held by %s", d.Name, o.Holder)
			}
		}
	}
	return ""
}

// firstShared returns the name of a disk that is in both groups.
func firstShared(next config.Group, other *group) string {
	for _, t := range []*text{other.cur, proposed(other)} {
		for _, id := range disksOf(t.value()) {
			if d, ok := next.DiskByID(id); ok {
				return d.Name
			}
		}
	}
	return ""
}

func proposed(g *group) *text {
	if g.tx == nil {
		return nil
	}
	return g.tx.next
}

func (t *text) hasDisk(id string) bool {
	if t == nil {
		return false
	}
	_, ok := t.group.DiskByID(id)
	return ok
}

// changedDisks returns the label ids of the disks that are new in next, and of those under volumes that change.
func changedDisks(base, next *text) []string {
	var ids []string
	for _, d := range next.group.Disks {
		if !base.hasDisk(d.ID) {
			ids = append(ids, d.ID)
		}
	}
	var old config.Group
	if base != nil {
		old = base.group
	}
	for _, diff := range config.Compare(old, next.group) {
		if v, ok := next.group.Volume(diff.Name); ok && v.ID == diff.ID {
			ids = append(ids, disksUnder(next.group, v)...)
		}
	}
	return union(ids, nil)
}

// disksUnder returns the label ids of the disks that a volume lies on.
func disksUnder(g config.Group, v config.Volume) []string {
	var ids []string
	for _, p := range v.Plexes {
		for _, s := range slices.Concat(p.Columns...) {
			d, _ := g.Disk(s.Disk)
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// usedDisks returns the label ids of the disks that any volume lies on.
func usedDisks(t *text) []string {
	var ids []string
	for _, v := range t.group.Volumes {
		ids = append(ids, disksUnder(t.group, v)...)
	}
	return union(ids, nil)
}

// onPrepare loads and suspends. From the ack on only a decision leads on.
func (m *Machine) onPrepare(from view.NodeID, p Prepare) {
	g := m.proposedGroup(p.Tx)
	switch {
	case g == nil || g.tx.stage == looking || !g.tx.yes:
		m.send(from, Prepared{Tx: p.Tx, Why: "the proposal is not known here"})
	case g.tx.stage == acked:
		m.send(from, Prepared{Tx: p.Tx, Yes: true})
	case g.tx.stage == preparing:
	case g.tables.stage != resting:
		m.send(from, Prepared{Tx: p.Tx, Why: fmt.Sprintf("the tables of group %s are still %v", g.name, g.tables.stage)})
	default:
		g.tx.stage = preparing
		m.beginTables(g, g.tx.next, m.now.Add(m.opt.Times.Prepare))
	}
}

// ack says that the volumes are suspended. The deadline is longer from here on, and what ends it is harder.
func (m *Machine) ack(g *group) {
	g.tx.stage = acked
	g.tables.deadline = m.now.Add(m.opt.Times.Hold)
	m.send(g.tx.from, Prepared{Tx: g.tx.id, Yes: true})
}

// nack says that this node has gone back to its old tables.
func (m *Machine) nack(g *group, why string) {
	g.tx.stage, g.tx.yes, g.tx.why = voted, false, why
	m.send(g.tx.from, Prepared{Tx: g.tx.id, Why: why})
}

func (m *Machine) onCommit(from view.NodeID, c Commit) {
	g := m.groups[c.Ident.Group]
	switch {
	case g == nil:
		m.rejoin(from, "a commit for a group that is not known here")
	case g.tx != nil && g.tx.id == c.Tx && g.tx.next.hash == c.Ident.Hash:
		g.tell = &telling{c.Tx, from}
		m.decide(g, g.tx.next, c.Ident.Ballot)
	case g.cur != nil && g.cur.hash == c.Ident.Hash:
		g.tell = &telling{c.Tx, from}
		m.settle(g)
	default:
		m.rejoin(from, "a commit that does not fit what is known here")
	}
}

func (m *Machine) onAbort(from view.NodeID, a Abort) {
	g := m.groups[a.Group]
	switch {
	case g != nil && g.tx != nil && g.tx.id == a.Tx:
		if g.tx.stage == acked && a.Decision == (view.Ballot{}) {
			return // once acked, only a decision that the labels carry
		}
		g.tell = &telling{a.Tx, from}
		m.decide(g, g.cur, maxBallot(a.Decision, g.decision))
	case g != nil:
		m.ended = maxBallot(m.ended, a.Tx)
		if g.tx == nil {
			g.tell = &telling{a.Tx, from}
			m.settle(g)
		}
	default:
		m.ended = maxBallot(m.ended, a.Tx)
		m.send(from, Applied{Tx: a.Tx, Ok: true})
	}
}

// proposedGroup returns the group with that open proposal.
func (m *Machine) proposedGroup(tx view.Ballot) *group {
	for _, g := range m.groups {
		if g.tx != nil && g.tx.id == tx {
			return g
		}
	}
	return nil
}
