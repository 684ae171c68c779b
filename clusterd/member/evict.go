// SPDX-License-Identifier: Apache-2.0

package member

import (
	"maps"
	"slices"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// report keeps what a member says of itself and of the others.
func (m *Machine) report(from view.NodeID, a Ask) {
	if !m.state.View.Has(from, a.Inc) {
		return
	}
	r := m.lead.rows[from]
	if r == nil {
		r = &row{silent: map[view.NodeID]view.Tick{}}
		m.lead.rows[from] = r
	}
	r.at, r.reach = m.now, a.Reach
	maps.DeleteFunc(r.silent, func(n view.NodeID, _ view.Tick) bool { return !slices.Contains(a.Silent, n) })
	for _, n := range a.Silent {
		if _, ok := r.silent[n]; !ok {
			r.silent[n] = m.now
		}
	}
}

// cannotHear says whether member a has not heard b for long enough to say so. Reports are old stories where the
// leader itself has just woken or been elected: they count from then.
func (m *Machine) cannotHear(a, b view.NodeID) bool {
	if a == m.cfg.Node {
		from := max(m.alive[b], m.lead.deaf)
		return m.now.Sub(from) > m.times.Lease || m.waitsFor(b)
	}
	r := m.lead.rows[a]
	if r == nil || m.now.Sub(r.at) > m.beats(2*askEvery) {
		return false
	}
	since, ok := r.silent[b]
	return ok && m.now.Sub(max(since, m.lead.deaf)) > m.times.Lease/2
}

// reaches says whether a fresh report of a has no complaint about b.
func (m *Machine) reaches(a, b view.NodeID) bool {
	if a == m.cfg.Node {
		return m.now.Sub(m.alive[b]) <= m.times.Lease && !m.waitsFor(b)
	}
	r := m.lead.rows[a]
	if r == nil || m.now.Sub(r.at) > m.beats(2*askEvery) {
		return false
	}
	_, silent := r.silent[b]
	return !silent
}

func (m *Machine) waitsFor(b view.NodeID) bool {
	named, ok := m.suspects[b]
	return ok && m.now.Sub(named) < m.times.Lease
}

// reachedBy counts the members that reach n.
func (m *Machine) reachedBy(n view.NodeID) int {
	count := 0
	for _, o := range m.inView() {
		if o.Node != n && m.reaches(o.Node, n) {
			count++
		}
	}
	return count
}

// inDoubt reports whether a condemnation of n's incarnation stands in this leader's log.
func (m *Machine) inDoubt(n view.NodeID) bool {
	for _, o := range m.inView() {
		if o.Node == n {
			return m.state.doom(n, o.Inc) != nil || m.lead != nil && m.lead.doomed[life0{n, o.Inc}]
		}
	}
	return false
}

func (m *Machine) inView() []view.Member {
	return slices.Concat(m.state.View.Members, m.state.View.Joining)
}

// accept condemns members that say they must go.
func (m *Machine) accept() {
	for _, o := range m.inView() {
		if why, ok := m.lead.bye[life0{o.Node, o.Inc}]; ok && !m.inDoubt(o.Node) {
			m.propose(Condemn{Node: o.Node, Inc: o.Inc, Why: why})
		}
	}
}

// accuse condemns whom the cluster cannot go on with: a member that nobody hears, and exactly one of two that do not
// hear each other. It looks at every pair, so it runs once a heartbeat and not at every event.
func (m *Machine) accuse() {
	list := m.inView()
	for _, a := range list {
		for _, b := range list {
			if a.Node == b.Node || m.inDoubt(a.Node) || m.inDoubt(b.Node) || !m.cannotHear(a.Node, b.Node) {
				continue
			}
			if a.Node != m.cfg.Node && m.cannotHear(m.cfg.Node, a.Node) {
				continue // an accuser that this leader does not hear: its own case comes first
			}
			m.judge(a, b)
		}
	}
}

// judge decides between two of which the first does not hear the second: never the master against a slave; else the
// one that fewer members reach; then the higher id. One that nobody reaches has no case.
func (m *Machine) judge(a, b view.Member) {
	victim := b
	reachA, reachB := m.reachedBy(a.Node), m.reachedBy(b.Node)
	if reachB > 0 {
		switch master := m.state.View.Master; {
		case b.Node == master:
			victim = a
		case a.Node == master:
		case reachA < reachB || reachA == reachB && a.Node > b.Node:
			victim = a
		}
	} else if m.cannotHear(m.cfg.Node, b.Node) == (b.Node == m.cfg.Node) {
		return // this leader hears it (or is it): a complaint that nobody can confirm decides nothing
	}
	if victim.Node != m.cfg.Node {
		m.propose(Condemn{Node: victim.Node, Inc: victim.Inc, Why: view.ReasonEvicted})
		return
	}
	// The leader would have to condemn itself: another one shall.
	if m.now.Sub(m.lead.moved) >= m.times.Lease {
		m.lead.moved = m.now
		m.transfer(b.Node)
	}
}

// doomed orders what is done to a condemned incarnation from outside, and leaves if it is this one.
func (m *Machine) doomed(c Condemn, index uint64) {
	if m.lead != nil {
		m.preempt(c.Node, c.Inc)
		m.send(c.Node, Condemned{Inc: c.Inc})
	}
	if c.Node == m.cfg.Node && c.Inc == m.life.inc {
		m.abort(view.ReasonEvicted)
	}
}

// preempt is ordered by a committed condemnation alone, and names it: a leader that is cut off could otherwise turn
// on the healthy majority.
func (m *Machine) preempt(n view.NodeID, inc view.Incarnation) {
	d := m.state.doom(n, inc)
	if d == nil {
		return
	}
	for _, o := range m.inView() {
		if o.Node == n && o.Inc == inc && n != m.cfg.Node {
			m.act(Preempt{Member: o, Index: d.Index})
		}
	}
}

// fenced takes the word of somebody outside for a proof.
func (m *Machine) fenced(e Fenced) {
	d := m.state.doom(e.Node, e.Inc)
	if m.lead == nil || !m.lead.ready || d == nil || d.Index != e.Index {
		return
	}
	m.dropWith(e.Node, e.Inc, e.Proof, d.Why)
}

// evict drops condemned incarnations whose lease has certainly run out: the last grant of this leader, or its election
// where an earlier leader may have granted, plus the lease as a slow clock shows it, plus the in-flight term.
func (m *Machine) evict() {
	for _, d := range m.state.Doomed {
		if m.now < m.provenAt(d) {
			continue
		}
		if m.dropWith(d.Node, d.Inc, view.ProofLease, d.Why) {
			return // one view at a time
		}
	}
}

func (m *Machine) provenAt(d Doomed) view.Tick {
	from := max(m.lead.since, m.lead.grants[life0{d.Node, d.Inc}])
	term := time.Duration(0)
	if r := m.state.Node(d.Node); r != nil {
		term = r.InFlight
	}
	return from.Add(m.times.WithDrift(m.times.Lease + term))
}

// dropWith proposes the view without an incarnation.
func (m *Machine) dropWith(n view.NodeID, inc view.Incarnation, proof view.Proof, why view.Reason) bool {
	if !m.state.View.Has(n, inc) {
		return false
	}
	v := m.nextView(without(m.state.View, n))
	if len(v.Members)+len(v.Joining) == 0 {
		return false // the last one stays on record: its log brings the cluster up again
	}
	return m.propose(NewView{View: v, Dropped: []Drop{{Node: n, Inc: inc, Proof: proof, Reason: why}}})
}

// nextView numbers v and gives it a master.
func (m *Machine) nextView(v view.View) view.View {
	reach := map[view.NodeID]int{m.cfg.Node: m.disks.Reach}
	for n, r := range m.lead.rows {
		reach[n] = r.reach
	}
	v = settleView(v, reach)
	v.Seq = m.state.View.Seq + 1
	return v
}
