// SPDX-License-Identifier: Apache-2.0

package txn

import "github.com/plexus-cvm/plexus/clusterd/view"

// scan is what was read of the disks last. Whoever needs to know how they are now waits for a scan that began after it asked.
type scan struct {
	op    Op
	begun uint64    // scans begun
	done  uint64    // the latest that has ended
	need  uint64    // the latest that somebody waits for
	again view.Tick // not before: the next one for a disk that was not there
	disks map[string]Disk
	open  []Open
	names []string
}

// wantScan returns the number of a scan that has not begun yet.
func (m *Machine) wantScan() uint64 {
	m.scan.need = max(m.scan.need, m.scan.begun+1)
	return m.scan.need
}

// lookAgain has the disks read for one that is to be written and was not there, now and then.
func (m *Machine) lookAgain() {
	if m.now >= m.scan.again {
		m.scan.again = m.now.Add(recoverRetries * m.opt.Times.Retry)
		m.wantScan()
	}
}

// runScan begins a scan that somebody waits for. It does not begin while this node writes labels for a master: what is
// read must hold what was written.
func (m *Machine) runScan() {
	s := &m.scan
	if s.begun == 0 {
		m.wantScan()
	}
	if s.op != 0 || s.begun >= s.need || len(m.errands) > 0 {
		return
	}
	s.begun++
	s.op = m.begin(wait{kind: waitScan})
	m.do(Scan{s.op})
}

func (m *Machine) onScanned(e Scanned) {
	if _, ok := m.over(e.Op, waitScan); !ok || m.scan.op != e.Op {
		return
	}
	s := &m.scan
	first := s.done == 0
	s.op, s.done = 0, s.begun
	s.open, s.names = e.Open, e.Names
	s.disks = make(map[string]Disk, len(e.Disks))
	for _, d := range e.Disks {
		s.disks[d.ID] = d
	}
	if first {
		m.firstScan(e)
	}
	m.scannedLedgers()
	m.scannedMember()
	m.scannedFollow()
}

// firstScan takes up what an earlier life has left: its suspended devices, and the private groups that are this node's.
func (m *Machine) firstScan(e Scanned) {
	for _, id := range e.Held {
		m.orphans[id] = m.now.Add(m.opt.Times.Hold)
	}
	for _, h := range m.opt.Homes {
		g := m.group(h.GroupID, "", false)
		m.adoptOrphan(g)
		m.recover(g)
	}
}

// adoptOrphan gives a group the devices that were found suspended.
func (m *Machine) adoptOrphan(g *group) {
	if deadline, ok := m.orphans[g.id]; ok {
		delete(m.orphans, g.id)
		g.tables.orphan, g.tables.deadline = true, deadline
	}
}

// runOrphans is for suspended devices of groups that nobody has spoken of. Who suspended them may have acked, so they
// may not run on their old tables.
func (m *Machine) runOrphans() {
	for id, deadline := range m.orphans {
		if m.now < deadline {
			continue
		}
		delete(m.orphans, id)
		m.do(Fail{id})
	}
}
