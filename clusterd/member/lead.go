// SPDX-License-Identifier: Apache-2.0

package member

import (
	"encoding/binary"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// lead is what a node knows only as the leader of raft's present term. It begins empty with each term: what matters
// for safety is in the log, or is counted from the election.
type lead struct {
	since view.Tick // of the election
	deaf  view.Tick // silence and reports count from here: the election, or when this node last woke
	ready bool      // an entry of this term is applied: what earlier leaders committed is known

	waiting []ask // for the next quorum round
	round   round

	grants map[life0]view.Tick // last grant to each incarnation
	doomed map[life0]bool      // condemnations in this leader's log that are not applied
	bye    map[life0]view.Reason
	rows   map[view.NodeID]*row // what each member last reported

	proposed map[string]view.Tick // entries made and not yet seen applied, by their text
	moved    view.Tick            // leadership was last offered to another
}

// life0 names an incarnation.
type life0 struct {
	node view.NodeID
	inc  view.Incarnation
}

type ask struct {
	from view.NodeID
	Ask
}

// round is a quorum round under way, for all asks that had arrived when it began.
type round struct {
	id    uint64
	asks  []ask
	index uint64 // grants wait until this is applied; zero: no quorum yet
}

// row is one member's report.
type row struct {
	at     view.Tick
	reach  int
	silent map[view.NodeID]view.Tick // since when it names that node in every report
}

// turn follows raft's leadership.
func (m *Machine) turn(leads bool) {
	if leads == (m.lead != nil) {
		return
	}
	if !leads {
		m.lead = nil
		m.note("leads no longer")
		return
	}
	m.lead = &lead{
		since: m.now, deaf: m.now,
		grants: map[life0]view.Tick{}, doomed: map[life0]bool{}, bye: map[life0]view.Reason{},
		rows: map[view.NodeID]*row{}, proposed: map[string]view.Tick{},
	}
	m.inherit()
}

// inherit looks through the log for condemnations of earlier leaders that are not applied yet: from the moment one
// stands in a leader's log, committed or not, that leader grants the node nothing.
func (m *Machine) inherit() {
	last, err := m.store.LastIndex()
	must(err)
	if last <= m.applied {
		return
	}
	entries, err := m.store.Entries(m.applied+1, last+1, 1<<62)
	must(err)
	for _, e := range entries {
		if e.GetType() != raftpb.EntryNormal || len(e.GetData()) == 0 {
			continue
		}
		if _, _, entry, err := unmarshalRecord(e.GetData()); err == nil {
			if c, ok := entry.(Condemn); ok {
				m.lead.doomed[life0{c.Node, c.Inc}] = true
			}
		}
	}
}

// listened says that this node did not listen for a while: nobody's silence counts from before.
func (l *lead) listened(now view.Tick) {
	l.deaf = now
	for _, r := range l.rows {
		clear(r.silent)
	}
}

// renewed forgets what was reported by and about a former life of n.
func (l *lead) renewed(n view.NodeID) {
	delete(l.rows, n)
	for _, r := range l.rows {
		delete(r.silent, n)
	}
}

// propose puts an entry into the log, once: again only when it was not applied for a while.
func (m *Machine) propose(e Entry) bool { return m.proposeFor(0, 0, e) }

func (m *Machine) proposeFor(origin view.NodeID, id uint64, e Entry) bool {
	data := marshalRecord(origin, id, e)
	if at, ok := m.lead.proposed[string(data)]; ok && m.now.Sub(at) < m.beats(proposalRepeat) {
		return false
	}
	if len(data) > entryBytesMax || m.node.Propose(data) != nil {
		return false // leadership is being handed over
	}
	m.lead.proposed[string(data)] = m.now
	if c, ok := e.(Condemn); ok {
		m.lead.doomed[life0{c.Node, c.Inc}] = true
	}
	return true
}

func (m *Machine) receiveLead(from view.NodeID, msg Message) {
	switch msg := msg.(type) {
	case Ask:
		m.receiveAsk(from, msg)
	case JoinAsk:
		m.receiveJoin(from, msg)
	case Ready:
		m.receiveReady(from, msg)
	case Bye:
		m.receiveBye(from, msg)
	case Forward:
		m.proposeFor(from, msg.ID, msg.Entry)
	}
}

// receiveAsk notes what the asker reports, and lets it wait for the next quorum round.
func (m *Machine) receiveAsk(from view.NodeID, a Ask) {
	l := m.lead
	m.report(from, a)
	for i := range l.waiting {
		if l.waiting[i].from == from {
			l.waiting[i].Ask = a // its newest ask is as good
			return
		}
	}
	l.waiting = append(l.waiting, ask{from: from, Ask: a})
}

// startRound begins a quorum round for all that wait. It begins after their requests have arrived: what raft's quorum
// says then about this leader was still true when they asked.
func (m *Machine) startRound() {
	l := m.lead
	if len(l.waiting) == 0 || len(l.round.asks) > 0 {
		return
	}
	m.rounds++
	l.round = round{id: m.rounds, asks: l.waiting}
	l.waiting = nil
	m.node.ReadIndex(binary.BigEndian.AppendUint64(nil, l.round.id))
}

// confirmed learns from raft that a quorum still followed this leader after the round had begun.
func (m *Machine) confirmed(r raft.ReadState) {
	if m.lead == nil || len(r.RequestCtx) != 8 || binary.BigEndian.Uint64(r.RequestCtx) != m.lead.round.id {
		return
	}
	m.lead.round.index = max(r.Index, 1)
}

// grant answers the asks of a confirmed round, once its index is applied.
func (m *Machine) grant() {
	l := m.lead
	if l.round.index == 0 || m.applied < l.round.index {
		return
	}
	asks := l.round.asks
	l.round.asks, l.round.index = nil, 0
	for _, a := range asks {
		who := life0{a.from, a.Inc}
		switch {
		case !m.state.View.Has(a.from, a.Inc):
			m.letGo(a.from, a.Inc)
		case m.state.doom(a.from, a.Inc) != nil:
			m.send(a.from, Condemned{Inc: a.Inc})
		case l.doomed[who]:
			// nothing may be done to it before the condemnation is committed, but no lease either
		case m.state.Node(a.from).InFlight != a.InFlight:
			// an eviction by lease must know how long its I/O may be under way
			m.propose(SetTerm{Node: a.from, InFlight: a.InFlight})
		default:
			l.grants[who] = m.now
			m.send(a.from, Grant{Inc: a.Inc, At: a.At})
		}
	}
}

// letGo tells an incarnation that it is in no view, once its log identity votes and learns no longer. A node that has
// been admitted in a newer life is told nothing: its identity is in use.
func (m *Machine) letGo(n view.NodeID, inc view.Incarnation) {
	r := m.state.Node(n)
	if r == nil || inc > r.Inc || r.Admitted || m.state.View.Has(n, r.Inc) || m.inLog(n) {
		return
	}
	m.send(n, Gone{Inc: inc})
}

// duties is what the leader owes the cluster at any instant; each proposes at most what is not yet under way.
func (m *Machine) duties() {
	m.grant()
	m.startRound()
	m.accept()
	m.evict()
	m.admitted()
	m.follow()
}

// tickLead judges who must go, and hands leadership over when this node must not keep it.
func (m *Machine) tickLead() {
	clearOld(m.lead.proposed, m.now, m.beats(proposalRepeat))
	if m.lead.ready {
		m.accuse()
	}
	leaving := m.life.cond == view.Aborting || m.life.handing || m.life.cond == view.Out && m.life.bye != nil
	if leaving && m.lead.ready && m.now.Sub(m.lead.moved) >= m.beats(retryEvery) {
		m.lead.moved = m.now
		m.transfer(0)
	}
}
