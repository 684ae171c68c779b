// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"maps"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/label"
)

// errands are the label copies that this node writes for a master that cannot reach them. Of each disk one write is under
// way at a time, and nothing older than what was written last is written any more: a message that comes late or twice
// does no harm.

// errandsMax bounds the copies that are being written for a master.
const errandsMax = 64

// errand is one write for the master.
type errand struct {
	ask Inscribe
	to  view.NodeID
	op  Op
}

// onInscribe takes an errand from the master that this node follows.
func (m *Machine) onInscribe(from view.NodeID, i Inscribe) {
	if from == m.place.View.Master && m.follow != nil && m.follow.master == from {
		m.errand(from, i)
	}
}

func (m *Machine) errand(from view.NodeID, i Inscribe) {
	_, busy := m.errands[i.Disk]
	switch {
	case busy || len(m.errands) >= errandsMax: // it will be asked again
	case i.Ballot.Compare(m.wrote[i.Disk]) < 0:
	case !m.mayWrite():
		m.inscribed(from, i, "no lease to write under")
	case !m.reaches(i.Disk):
		m.lookAgain()
		m.inscribed(from, i, "this node does not reach the disk")
	default:
		m.wrote[i.Disk] = i.Ballot
		op := m.begin(wait{kind: waitErrand, disk: i.Disk})
		m.errands[i.Disk] = errand{i, from, op}
		m.do(put{i.Header, i.At, i.Slot}.action(op, m.scan.disks[i.Disk].Label.Header, true))
	}
}

func (m *Machine) reaches(disk string) bool { _, ok := m.scan.disks[disk]; return ok }

func (m *Machine) errandDone(disk string, e Written) {
	err, ok := m.errands[disk]
	if !ok || err.op != e.Op {
		return
	}
	delete(m.errands, disk)
	m.inscribed(err.to, err.ask, e.Err)
}

func (m *Machine) inscribed(to view.NodeID, i Inscribe, why string) {
	m.send(to, Inscribed{i.Ballot, i.Group, i.Disk, i.Header != nil, why == "", why})
}

// writer returns the node that writes the label of that disk: this one if it can, else the lowest member that can.
func (m *Machine) writer(l *ledger, disk string) (view.NodeID, bool) {
	if m.reaches(disk) {
		return m.place.Node, true
	}
	if !l.g.shared || m.lead == nil {
		return 0, false
	}
	for _, n := range slices.Sorted(maps.Keys(m.lead.peers)) {
		_, full := m.place.View.Member(n)
		reaches := func(c label.Copy) bool { return c.Header.Disk == disk }
		if full && slices.ContainsFunc(m.lead.peers[n].join.Labels, reaches) {
			return n, true
		}
	}
	return 0, false
}

// writerOf keeps to the one writer that a label has in a transaction. Only one that left the view, and is cut off from the
// disks, gives way to another.
func (m *Machine) writerOf(l *ledger, e *entry) (view.NodeID, bool) {
	if e.by != nil && (*e.by == m.place.Node || m.lead != nil && m.lead.peers[*e.by] != nil) {
		return *e.by, true
	}
	n, ok := m.writer(l, e.disk)
	if ok {
		e.by = &n
	}
	return n, ok
}

// writers names the writer of each copy of the version that is proposed.
func (m *Machine) writers(l *ledger) []Writer {
	var all []Writer
	if l.job == nil {
		return nil
	}
	for _, disk := range setOf(l.job.next) {
		if n, ok := m.writerOf(l, m.entry(l, disk)); ok {
			all = append(all, Writer{disk, n})
		}
	}
	return all
}
