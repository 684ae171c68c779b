// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"
	"maps"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/label"
)

// ledger is what the coordinator of a group knows of its labels, and the writing it does on them. What a label holds is
// known from the last read and the writes that ended well since; after one that failed it is not known.
type ledger struct {
	g       *group
	labels  map[string]*entry // by disk id
	seen    uint64            // the highest version seen in any slot, header or proposal
	job     *job
	settled bool   // a header of this coordinator's own is on a majority
	recover bool   // to be decided, from what is read
	why     string // why it is not settled
	fetch   string // hash of a text that recovery waits for
	retry   view.Tick
}

// entry is the label of one disk. It has one writer: this node if it can, else one member that can.
type entry struct {
	disk  string
	found bool // somebody has read it
	sure  bool // the header is what stands there
	label label.Copy
	op    Op           // this node writes
	asked view.Ballot  // another node writes under it, and has not answered
	put   put          // what is being written
	by    *view.NodeID // its one writer in this transaction; nil: not chosen yet
	retry view.Tick
	bad   string // why the last write failed
}

// put is one write on a label: a header, or a text into a slot.
type put struct {
	header *label.Header
	at     int
	slot   label.Slot
}

// job is one round of writing: a text into slots, and where headers is set then headers that point to it, until a
// majority of the votes of base, and one of the votes of next, has them.
type job struct {
	ballot  view.Ballot
	below   view.Ballot // lower, for a header of base; zero where none may be written
	base    *text       // nil: a new group, or one that is decided anew
	next    *text       // what is written
	headers bool
	first   bool // the home record may know better: it is put first, and if it does, all is decided anew
	homeOp  Op
	homeOk  bool
	homeAt  view.Tick // not before
	homeErr string
	done    bool
}

func (m *Machine) ledgerOf(g *group) *ledger {
	if g.ledger == nil {
		g.ledger = &ledger{g: g, labels: map[string]*entry{}}
	}
	return g.ledger
}

func setOf(t *text) label.Set {
	if t == nil {
		return nil
	}
	return label.SetOf(t.group)
}

// entry returns the label of a disk, from the latest scan or from what members have told where it was not known.
func (m *Machine) entry(l *ledger, disk string) *entry {
	e := l.labels[disk]
	if e == nil {
		e = &entry{disk: disk}
		l.labels[disk] = e
	}
	if !e.found {
		if c, ok := m.read(disk); ok {
			e.found, e.sure, e.label = true, true, c
		}
	}
	return e
}

// read returns what this node read on a disk, or what another told of it.
func (m *Machine) read(disk string) (label.Copy, bool) {
	if d, ok := m.scan.disks[disk]; ok {
		return d.Label, true
	}
	if m.lead == nil {
		return label.Copy{}, false
	}
	for _, n := range slices.Sorted(maps.Keys(m.lead.peers)) {
		for _, c := range m.lead.peers[n].join.Labels {
			if c.Header.Disk == disk {
				return c, true
			}
		}
	}
	return label.Copy{}, false
}

// fill begins to put the next text into the spare slots.
func (m *Machine) fill(l *ledger, b view.Ballot, base, next *text) error {
	l.seen = max(l.seen, next.version())
	j := &job{ballot: b, below: b, base: base, next: next, homeOk: true}
	for _, disk := range setOf(next) {
		e := m.entry(l, disk)
		if !e.found {
			continue // it counts as a copy that takes no text
		}
		if _, err := label.Fill(e.label.Header, m.slotOf(l, j)); err != nil {
			return err
		}
	}
	for _, e := range l.labels {
		e.by = nil
	}
	m.begun(l, j)
	return nil
}

// flip begins to write headers that make next the configuration, in the transaction tx.
func (m *Machine) flip(l *ledger, tx, b view.Ballot, base, next *text) {
	m.begun(l, &job{ballot: b, below: tx, base: base, next: next, headers: true})
}

func (m *Machine) begun(l *ledger, j *job) {
	l.job = j
	for _, e := range l.labels {
		e.retry, e.bad = 0, ""
	}
	m.runLedger(l)
}

func (m *Machine) slotOf(l *ledger, j *job) label.Slot {
	return label.SlotOf(j.next.group, []byte(j.next.body), j.next.parent, j.ballot)
}

// carries reports whether the label has what the job writes.
func (l *ledger) carries(e *entry) bool {
	j := l.job
	d, _ := j.next.group.DiskByID(e.disk)
	h := e.label.Header
	switch {
	case !j.headers:
		return e.holds(j.next) >= 0
	case !e.sure:
		return false
	case d.Copy == 0:
		return h.Group == l.g.id
	}
	return h.Group == l.g.id && h.Version == j.next.version() && h.Hash == j.next.hash && h.Ballot == j.ballot
}

// holds returns the slot that holds the text, negative if none.
func (e *entry) holds(t *text) int {
	return slices.IndexFunc(e.label.Slots[:], func(s label.Slot) bool {
		return s.Group == t.group.ID && s.Version == t.version() && s.Hash == t.hash
	})
}

// stands reports whether a majority of the set carries what the job writes.
func (m *Machine) stands(l *ledger, s label.Set) bool {
	return s.Decided(func(disk string) bool { return l.carries(m.entry(l, disk)) }, l.job.homeOk)
}

// runLedger begins the writes that are due, and says when a majority stands. Labels that are new among the votes get
// their header only when a majority of the old ones has it; those that have no vote come last.
func (m *Machine) runLedger(l *ledger) {
	j := l.job
	if j == nil {
		return
	}
	if j.headers {
		m.runHome(l)
	}
	old, next := setOf(j.base), setOf(j.next)
	first, second := label.Phases(old, next)
	m.writeAll(l, first)
	if !j.headers || m.stands(l, old) {
		m.writeAll(l, second)
	}
	done := m.stands(l, old) && m.stands(l, next) && (j.homeOk || l.g.shared)
	if j.headers && (done || j.done) {
		m.writeAll(l, disksOf(&j.next.group))
	}
	if done && !j.done {
		j.done = true
		m.jobDone(l)
	}
}

func (m *Machine) writeAll(l *ledger, disks []string) {
	for _, disk := range disks {
		e := m.entry(l, disk)
		if e.op == 0 && m.now >= e.retry && !l.carries(e) && (l.job.homeOk || !l.job.first) {
			m.write(l, e)
		}
	}
}

// write puts onto a label what it lacks next: the text, then the header.
func (m *Machine) write(l *ledger, e *entry) {
	e.retry = m.now.Add(m.opt.Times.Retry)
	p, err := m.lacks(l, e)
	w, ok := m.writerOf(l, e)
	switch {
	case !e.found || !ok:
		e.bad = "no member reaches it"
		m.lookAgain()
	case err != nil:
		e.bad = err.Error()
	case w != m.place.Node:
		e.put, e.asked = p, l.job.ballot
		if p.header != nil {
			e.sure = false
		}
		m.send(w, Inscribe{l.job.ballot, l.g.id, e.disk, p.at, p.slot, p.header})
	case l.g.shared && !m.mayWrite():
		e.bad = "this node has no lease to write under"
	default:
		e.put, e.op = p, m.begin(wait{waitLedger, l.g.id, e.disk})
		if p.header != nil {
			e.sure = false
		}
		m.do(p.action(e.op, e.label.Header, l.g.shared))
	}
}

// lacks returns the next write on a label. Where an earlier header write failed, either slot may be the committed one
// until a header says which: then one is written for the text that was in force, before anything else; never under the
// ballot that decides for the next.
func (m *Machine) lacks(l *ledger, e *entry) (put, error) {
	j, t, b := l.job, l.job.next, l.job.ballot
	d, _ := t.group.DiskByID(e.disk)
	if d.Copy > 0 && e.holds(t) < 0 {
		if e.sure || j.base == nil || e.holds(j.base) < 0 || j.below == (view.Ballot{}) {
			return put{at: e.label.Header.Spare(), slot: m.slotOf(l, j)}, nil
		}
		t, b = j.base, j.below
	}
	h, err := e.label.Point(t.group, t.hash, t.parent, b)
	return put{header: &h, at: h.Slot}, err
}

// action returns the write on a disk whose label has that header.
func (p put) action(op Op, h label.Header, shared bool) Write {
	if p.header != nil {
		return Write{op, label.PutHeader(*p.header), fmt.Sprintf("header v%d slot %d by %s", p.header.Version, p.header.Slot,
			ballot(p.header.Ballot)), shared}
	}
	h.Slot = 1 - p.at
	w, err := label.Fill(h, p.slot)
	if err != nil {
		panic("BUG: a text that was seen to fit: " + err.Error())
	}
	return Write{op, w, fmt.Sprintf("slot %d v%d", p.at, p.slot.Version), shared}
}

// mayWrite reports whether the gate lets this node write to shared disks.
func (m *Machine) mayWrite() bool { return m.lease.Open(m.now) && m.lease.State == view.LeaseRunning }

func (m *Machine) onWritten(w Written) {
	what, ok := m.over(w.Op, waitLedger, waitErrand)
	if !ok {
		return
	}
	if what.kind == waitErrand {
		m.errandDone(what.disk, w)
		return
	}
	if g := m.groups[what.group]; g != nil && g.ledger != nil && g.ledger.labels[what.disk] != nil {
		if e := g.ledger.labels[what.disk]; e.op == w.Op {
			e.op = 0
			e.wrote(w.Err)
			m.runLedger(g.ledger)
		}
	}
}

func (m *Machine) onInscribed(from view.NodeID, i Inscribed) {
	g := m.groups[i.Group]
	if g == nil || g.ledger == nil || g.ledger.labels[i.Disk] == nil {
		return
	}
	e := g.ledger.labels[i.Disk]
	if e.asked != i.Ballot || e.op != 0 || i.Header != (e.put.header != nil) {
		return
	}
	err := ""
	if !i.Ok {
		err = fmt.Sprintf("node %d: %s", from, i.Why)
	}
	e.wrote(err)
	m.runLedger(g.ledger)
}

// wrote takes note of the end of the write under way.
func (e *entry) wrote(err string) {
	p := e.put
	e.put, e.asked, e.bad = put{}, view.Ballot{}, err
	switch {
	case err != "" && p.header == nil:
		e.label.Slots[p.at] = label.Slot{}
	case err != "":
	case p.header == nil:
		p.slot.Text = nil
		e.label.Slots[p.at] = p.slot
		e.retry = 0
	default:
		e.label.Header, e.sure, e.retry = *p.header, true, 0
	}
}

// trouble says what is wrong with the labels.
func (l *ledger) trouble() string {
	var all []string
	for _, disk := range slices.Sorted(maps.Keys(l.labels)) {
		if e := l.labels[disk]; e.bad != "" {
			all = append(all, fmt.Sprintf("disk %s: %s", disk, e.bad))
		}
	}
	if l.job != nil && l.job.homeErr != "" {
		all = append(all, "home record: "+l.job.homeErr)
	}
	if len(all) == 0 {
		return "no write has ended yet"
	}
	return list(all, func(s string) string { return s })
}
