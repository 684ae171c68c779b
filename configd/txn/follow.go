// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"
	"maps"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/label"
)

// follow is the other side of the configuration join: a node that is not the master takes the shared groups from it.
type follow struct {
	master   view.NodeID
	inc      view.Incarnation // of the master
	start    uint64           // of the master's configd; zero until it was heard
	attempt  uint64
	stage    followStage
	scan     uint64
	offer    Offer
	texts    map[string]*text // by group, of those offered
	retry    view.Tick
	deadline view.Tick // for the whole
}

type followStage uint8

const (
	scanning  followStage = iota // its own disks
	joining                      // has asked, waits for an offer
	fetching                     // texts that it does not have
	tabling                      // tables
	readying                     // has told the master, waits for its welcome
	following                    // takes part in changes
)

var followStageWords = [...]string{"scanning", "joining", "fetching", "tabling", "readying", "following"}

func (s followStage) String() string { return word(followStageWords[:], s) }

// viewAsSlave goes on with the same master, or begins to follow another one.
func (m *Machine) viewAsSlave() {
	v := m.place.View
	m.lead = nil
	if m.shared.tx != nil || len(m.shared.queue) > 0 {
		m.shared.abandon(m, "this node is not the master any more")
	}
	start := m.peer(v.Master).start
	if f := m.follow; f != nil && f.master == v.Master && f.inc == incOf(v, v.Master) && (f.start == start || f.start == 0) {
		if f.stage == following {
			m.reportReady()
		}
		return
	}
	m.relay.lost(m, "the master changed meanwhile: look whether the change was made")
	m.begunFollow(start)
}

// begunFollow asks to be taken in. What is loaded here goes on running meanwhile.
func (m *Machine) begunFollow(start uint64) {
	m.attempts++
	master := m.place.View.Master
	m.follow = &follow{master: master, inc: incOf(m.place.View, master), start: start, attempt: m.attempts,
		scan: m.wantScan(), deadline: m.now.Add(m.opt.Times.Join), texts: map[string]*text{}}
}

// rejoin asks anew, because what the master says does not fit what this node knows.
func (m *Machine) rejoin(from view.NodeID, why string) {
	if m.follow != nil && m.follow.master == from && m.follow.stage == following {
		m.begunFollow(m.follow.start)
	}
}

// onAnnounce: the master takes joins.
func (m *Machine) onAnnounce(from view.NodeID) {
	if f := m.follow; f != nil && f.master == from && f.stage == joining {
		m.sendJoin()
	}
}

func (m *Machine) scannedFollow() {
	if f := m.follow; f != nil && f.stage == scanning && m.scan.done >= f.scan {
		f.stage = joining
		m.sendJoin()
	}
}

func (m *Machine) sendJoin() {
	f := m.follow
	f.retry = m.now.Add(m.opt.Times.Retry)
	j := Join{Attempt: f.attempt, Cluster: m.place.ID, Inc: m.place.Inc, Protocol: m.opt.Protocol}
	for _, id := range slices.Sorted(maps.Keys(m.scan.disks)) {
		if c := m.scan.disks[id].Label; c.Header.Group == "" || c.Header.Cluster == m.place.ID {
			j.Labels = append(j.Labels, withoutTexts(c))
		}
	}
	for _, g := range m.sharedGroups() {
		h := Held{Group: g.id, Version: g.version(), Ballot: g.decision}
		if g.cur != nil {
			h.Hash = g.cur.hash
		}
		if g.tx != nil {
			h.Next, h.Acked = g.tx.next.version(), g.tx.stage == acked
		}
		j.Held = append(j.Held, h)
	}
	m.send(f.master, j)
}

// withoutTexts keeps of a label what has to be sent.
func withoutTexts(c label.Copy) label.Copy {
	for i := range c.Slots {
		c.Slots[i].Text = nil
	}
	c.Bad = [2]error{}
	return c
}

func (m *Machine) onRefuse(from view.NodeID, r Refuse) {
	if f := m.follow; f != nil && f.master == from && f.attempt == r.Attempt && f.stage < following {
		m.cannotJoin(r.Reason, r.Why)
	}
}

// onOffer takes what the master has decided. It may come again, and for a proposal that was left open it is the decision.
func (m *Machine) onOffer(from view.NodeID, o Offer) {
	f := m.follow
	if f == nil || f.master != from || f.attempt != o.Attempt || f.stage == scanning || o.Round < f.offer.Round {
		return
	}
	if o.Round == f.offer.Round && f.stage >= tabling {
		return
	}
	f.start = m.peer(from).start
	f.offer, f.stage = o, fetching
	m.fetchOffered()
}

// fetchOffered asks for the texts that are not known here, and goes on when none is missing.
func (m *Machine) fetchOffered() {
	f := m.follow
	f.retry = m.now.Add(m.opt.Times.Retry)
	missing := false
	for _, i := range f.offer.Groups {
		if t := f.texts[i.Group]; t != nil && t.hash == i.Hash {
			continue
		}
		body, ok := m.findText(i.Hash)
		if ok {
			if t, err := readText(body, i.Hash); err == nil {
				f.texts[i.Group] = t
				continue
			}
		}
		missing = true
		m.send(f.master, Fetch{i.Group, i.Hash})
	}
	if !missing {
		m.loadOffered()
	}
}

func (m *Machine) onText(from view.NodeID, t Text) {
	if l := m.lead; l != nil {
		g := m.groups[t.Group]
		if g != nil && g.ledger != nil && g.ledger.fetch != "" {
			if _, err := readText(t.Text, g.ledger.fetch); err == nil {
				m.fetched[g.id] = t.Text
				m.recoverAgain(g.ledger)
			}
		}
		return
	}
	f := m.follow
	if f == nil || f.master != from || f.stage != fetching {
		return
	}
	for _, i := range f.offer.Groups {
		if i.Group == t.Group && f.texts[i.Group] == nil {
			if x, err := readText(t.Text, i.Hash); err == nil {
				f.texts[i.Group] = x
			}
		}
	}
	m.fetchOffered()
}

// loadOffered checks what was offered and takes it up.
func (m *Machine) loadOffered() {
	f := m.follow
	f.stage = tabling
	for _, i := range f.offer.Groups {
		t := f.texts[i.Group]
		if t.version() != i.Version || t.group.ID != i.Group || !t.group.Shared || t.group.Cluster != m.place.ID {
			m.declined(view.ReasonNoConfiguration, fmt.Sprintf("group %s: the master's text contradicts its offer", t.group.Name))
			return
		}
		g := m.group(i.Group, t.group.Name, true)
		m.adoptOrphan(g)
		if why := m.cannotImport(g, t, disksOf(&t.group)); why != "" {
			reason := view.ReasonNoDisk
			if m.nameTaken(g, t) != "" {
				reason = view.ReasonNameConflict
			}
			m.declined(reason, why)
			return
		}
	}
	for _, g := range m.sharedGroups() {
		m.takeOffered(g)
		if m.follow != f || m.left {
			return
		}
	}
}

// takeOffered decides one group as it was offered. One that was not is not decided by its master either: what runs of
// it goes on, a new one is given up.
func (m *Machine) takeOffered(g *group) {
	for _, i := range m.follow.offer.Groups {
		if i.Group == g.id {
			g.offered = true
			m.decide(g, m.follow.texts[i.Group], i.Ballot)
			return
		}
	}
	g.offered = false
	if g.cur == nil {
		b := g.decision
		m.decide(g, nil, b)
	}
}

// cannotImport says why the group's tables cannot be loaded on this node, empty if nothing is in the way. Where they are
// loaded already nothing is. A joiner needs all the disks of the group; a master those under volumes, for there may be
// nobody else, and a label that it does not reach is written by who does.
func (m *Machine) cannotImport(g *group, t *text, needs []string) string {
	if g.tables.have != nil || g.tables.stage != resting {
		return ""
	}
	if why := m.nameTaken(g, t); why != "" {
		return why
	}
	for _, d := range t.group.Disks {
		seen, ok := m.scan.disks[d.ID]
		h := seen.Label.Header
		switch {
		case !ok && !slices.Contains(needs, d.ID):
		case !ok:
			return fmt.Sprintf("disk %s (label %s, wwid %s) of group %s cannot be reached: check the paths to it", d.Name, d.ID, d.WWID, t.group.Name)
		case h.Group != "" && h.Group != t.group.ID:
			return fmt.Sprintf("disk %s (label %s) of group %s is labelled for group %s", d.Name, d.ID, t.group.Name, h.Name)
		}
	}
	return ""
}

func (m *Machine) nameTaken(g *group, t *text) string {
	for _, other := range m.sorted() {
		if other != g && other.name == t.group.Name && other.cur != nil {
			return fmt.Sprintf("this node has another group named %s: rename one of them", other.name)
		}
	}
	if slices.Contains(m.scan.names, t.group.Name) {
		return fmt.Sprintf("this node has other devices named as those of group %s: rename them", t.group.Name)
	}
	return ""
}

// declineInstead ends the join of a node that is not a member yet, where a member would have to leave.
func (m *Machine) declineInstead(g *group, why string) bool {
	if m.follow == nil || m.follow.stage >= following {
		return false
	}
	m.declined(view.ReasonDeviceOpen, "group "+g.name+": "+why)
	return true
}

func (m *Machine) declined(reason view.Reason, why string) {
	m.send(m.follow.master, Declined{m.follow.attempt, reason, why})
	m.cannotJoin(reason, why)
}

func (m *Machine) onWelcome(from view.NodeID, w Welcome) {
	if f := m.follow; f != nil && f.master == from && f.attempt == w.Attempt && f.stage == readying {
		f.stage, f.deadline = following, 0
		m.reportReady()
	}
}

// runFollow says again what was not answered.
func (m *Machine) runFollow() {
	f := m.follow
	if f == nil || f.stage == following {
		return
	}
	if f.stage == tabling && m.tablesFollow() {
		f.stage, f.retry = readying, m.now
	}
	if m.now >= f.retry {
		f.retry = m.now.Add(m.opt.Times.Retry)
		switch f.stage {
		case joining:
			m.sendJoin()
		case fetching:
			m.fetchOffered()
		case readying:
			m.send(f.master, Ready{f.attempt, f.offer.Round})
		}
	}
	if f.deadline != 0 && m.now >= f.deadline {
		f.deadline = 0
		if _, member := m.place.View.Member(m.place.Node); !member { // a member asks for ever
			m.cannotJoin(view.ReasonJoinTimeout, fmt.Sprintf("the master, node %d, did not answer in %v", f.master, m.opt.Times.Join))
		}
	}
}

// tablesFollow reports whether the tables of all groups offered are those of the offer.
func (m *Machine) tablesFollow() bool {
	for _, i := range m.follow.offer.Groups {
		g := m.groups[i.Group]
		if g == nil {
			if t := m.follow.texts[i.Group]; t != nil && t.group.Removed {
				continue
			}
			return false
		}
		if g.tables.stage != resting || !same(g.tables.have, g.cur) || g.tx != nil {
			return false
		}
	}
	return true
}
