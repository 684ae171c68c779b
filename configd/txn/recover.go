// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"errors"
	"maps"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/label"
)

// Recovery decides a group from what is read: on a new master, on one whose configd was started anew, and for the private
// groups of a node at its start. The highest ballot wins, committed or not; a text that only fills spare slots is given
// up. Either way it ends with this node's own header, under its own ballot, on a majority, before anybody hears of it.

// recover begins it.
func (m *Machine) recover(g *group) {
	l := m.ledgerOf(g)
	l.settled, l.recover, l.job, l.why = false, true, nil, "not decided yet"
	m.recoverNow(l)
}

// recoverAgain begins anew, after something was learned.
func (m *Machine) recoverAgain(l *ledger) {
	l.job, l.recover, l.retry = nil, true, m.now
}

// recoverNow chooses among what is known now, and writes.
func (m *Machine) recoverNow(l *ledger) {
	l.retry = m.now.Add(m.opt.Times.Retry)
	for _, e := range l.labels {
		if e.op != 0 {
			return // what is being written must be read
		}
	}
	l.labels = map[string]*entry{}
	choice, err := label.Choose(m.wanted(l.g), m.allLabels(), m.homes[l.g.id], m.kept(l.g)...)
	if err != nil {
		m.fetchText(l, err)
		m.recoverLater(l, err.Error())
		return
	}
	l.seen = max(l.seen, choice.Next-1, m.seenBy(l.g))
	t := &text{hash: choice.Hash, parent: choice.Parent, body: string(choice.Text), group: choice.Group}
	l.recover, l.fetch, l.why = false, "", "not decided yet"
	m.begun(l, &job{ballot: m.ballot(l.g.shared), base: m.parentOf(t), next: t, headers: true, first: true})
}

// recoverLater tries again with what the next scan brings.
func (m *Machine) recoverLater(l *ledger, why string) {
	l.why, l.retry = why, m.now.Add(recoverRetries*m.opt.Times.Retry)
	m.wantScan()
}

// recoverRetries is how many retries pass before the disks of a group that could not be decided are read again.
const recoverRetries = 20

// parentOf returns the version that t was made from, if t may not have reached a majority of its votes yet.
func (m *Machine) parentOf(t *text) *text {
	if body, ok := m.findText(t.parent); ok {
		if p, err := readText(body, t.parent); err == nil && p.group.ID == t.group.ID {
			return p
		}
	}
	return nil
}

func (m *Machine) wanted(g *group) label.Want {
	if !g.shared {
		return label.Want{Group: g.id}
	}
	return label.Want{Group: g.id, Cluster: m.place.ID}
}

// allLabels returns what this node read, and of disks that it cannot reach what the others told.
func (m *Machine) allLabels() []label.Copy {
	all := map[string]label.Copy{}
	if m.lead != nil {
		for _, n := range slices.Sorted(maps.Keys(m.lead.peers)) {
			for _, c := range m.lead.peers[n].join.Labels {
				if _, ok := all[c.Header.Disk]; !ok {
					all[c.Header.Disk] = m.withTexts(c)
				}
			}
		}
	}
	for id, d := range m.scan.disks {
		all[id] = d.Label
	}
	var list []label.Copy
	for _, id := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[id])
	}
	return list
}

// withTexts gives a label that another node has told of the texts that are known here. A slot whose text is not known
// must not be taken for one that holds it.
func (m *Machine) withTexts(c label.Copy) label.Copy {
	for i := range c.Slots {
		s := &c.Slots[i]
		if body, ok := m.findText(s.Hash); ok {
			s.Text = []byte(body)
		} else {
			s.Hash = ""
		}
	}
	return c
}

// kept returns the texts of the group that this node has in memory.
func (m *Machine) kept(g *group) [][]byte {
	var texts [][]byte
	for _, t := range []*text{g.cur, proposed(g)} {
		if t != nil {
			texts = append(texts, []byte(t.body))
		}
	}
	if body, ok := m.fetched[g.id]; ok {
		texts = append(texts, []byte(body))
	}
	return texts
}

// seenBy returns the highest version that any member knows of.
func (m *Machine) seenBy(g *group) uint64 {
	seen := max(g.cur.version(), proposed(g).version())
	if m.lead == nil || !g.shared {
		return seen
	}
	for _, f := range m.lead.peers {
		for _, h := range f.join.Held {
			if h.Group == g.id {
				seen = max(seen, h.Version, h.Next)
			}
		}
	}
	return seen
}

// fetchText asks the others for a text that no copy holds.
func (m *Machine) fetchText(l *ledger, err error) {
	var c *label.ChoiceError
	if !errors.As(err, &c) || c.Hash == "" || m.lead == nil {
		return
	}
	l.fetch = c.Hash
	for _, n := range slices.Sorted(maps.Keys(m.lead.peers)) {
		if m.lead.peers[n].stage != absent {
			m.send(n, Fetch{l.g.id, c.Hash})
		}
	}
}

// findText returns the text with that hash, from memory or from what was read.
func (m *Machine) findText(hash string) (string, bool) {
	if hash == "" {
		return "", false
	}
	for _, g := range m.sorted() {
		for _, t := range []*text{g.cur, proposed(g), g.tables.have} {
			if t != nil && t.hash == hash {
				return t.body, true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.fetched)) {
		if body := m.fetched[id]; config.Hash([]byte(body)) == hash {
			return body, true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.scan.disks)) {
		for _, s := range m.scan.disks[id].Label.Slots {
			if s.Hash == hash && len(s.Text) > 0 {
				return string(s.Text), true
			}
		}
	}
	return "", false
}

// jobDone is called when what was to be written stands on a majority.
func (m *Machine) jobDone(l *ledger) {
	for _, c := range []*coordinator{&m.private, &m.shared} {
		if tx := c.tx; tx != nil && tx.g == l.g {
			if tx.stage == flipping || tx.stage == rolling {
				l.settled = true
				m.decided(c)
			}
			return
		}
	}
	if !l.job.headers {
		return
	}
	l.settled, l.why = true, ""
	l.g.failed = ""
	m.established(l.g, l.job.next, l.job.ballot)
}

// established takes a group up on its coordinator.
func (m *Machine) established(g *group, t *text, b view.Ballot) {
	if t.group.Removed && g.cur == nil {
		delete(m.groups, g.id)
		return
	}
	g.name, g.offered = t.group.Name, true
	m.adoptOrphan(g)
	if why := m.cannotImport(g, t, usedDisks(t)); why != "" {
		g.failed = why
		g.ledger.settled, g.ledger.recover, g.ledger.job = false, true, nil
		m.recoverLater(g.ledger, why)
		return
	}
	m.decide(g, t, b)
	if g.shared && m.lead != nil {
		m.lead.offerAnew()
	}
}

// scannedLedgers takes up the groups that were found on disks, and goes on with those that wait for them.
func (m *Machine) scannedLedgers() {
	if m.lead != nil && m.lead.stage == reading && m.scan.done >= m.lead.scan {
		m.lead.stage = recovering
		m.takeUp(m.allLabels())
		for _, g := range m.sharedGroups() {
			if l := m.ledgerOf(g); !l.recover && l.job == nil {
				m.recover(g)
			}
		}
	}
}

// recoverWith tries at once what a node that was just heard of may help to decide.
func (m *Machine) recoverWith() {
	for _, g := range m.sharedGroups() {
		if l := g.ledger; l != nil && l.recover {
			l.retry = m.now
		}
	}
}

// takeUp begins to decide the groups of this cluster that labels speak of, where nobody has spoken of them before.
func (m *Machine) takeUp(labels []label.Copy) {
	for _, c := range labels {
		h := c.Header
		if h.Group == "" || h.Cluster != m.place.ID || m.groups[h.Group] != nil {
			continue
		}
		m.recover(m.group(h.Group, h.Name, true))
	}
}

// runRecovery tries again what could not be decided.
func (m *Machine) runRecovery() {
	for _, g := range m.sorted() {
		l := g.ledger
		if l == nil {
			continue
		}
		if l.recover && m.now >= l.retry {
			m.recoverNow(l)
		}
		m.runLedger(l)
	}
}

// recovered reports whether every shared group is decided, or the time for it is over.
func (m *Machine) recovered() bool {
	for _, g := range m.sharedGroups() {
		if l := g.ledger; (l == nil || !l.settled && g.failed == "") && m.now < m.lead.since.Add(m.opt.Times.Join) {
			return false
		}
	}
	return true
}
