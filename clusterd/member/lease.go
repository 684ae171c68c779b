// SPDX-License-Identifier: Apache-2.0

package member

import (
	"slices"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// lease is what this node knows of its own.
type lease struct {
	view.Lease
	asked   view.Tick
	holding bool // Hold was ordered and not released
	held    bool // and everything is suspended
	heldAt  view.Tick
	lapsed  bool // the deadline has passed; a renewal is possible while all is held and nothing was refused
}

// ask asks the leader for a lease from now on.
func (m *Machine) ask() {
	m.life.lease.asked = m.now
	m.sendLeader(Ask{
		Inc: m.life.inc, At: m.now, Reach: m.disks.Reach, InFlight: m.disks.InFlight, Silent: m.silent(),
	})
}

// silent lists the members this node cannot hear, or waits for in vain.
func (m *Machine) silent() []view.NodeID {
	var list []view.NodeID
	for _, o := range m.inView() {
		if o.Node == m.cfg.Node {
			continue
		}
		named, ok := m.suspects[o.Node]
		waited := ok && m.now.Sub(named) < m.times.Lease
		if waited || m.now.Sub(m.alive[o.Node]) > m.complainAfter() {
			list = append(list, o.Node)
		}
	}
	return list
}

// complainAfter is shorter than the lease: when the leader judges a member that it has not heard for a lease, the
// others' complaints about it have arrived, and a dead node is not taken for a cut link.
func (m *Machine) complainAfter() time.Duration { return m.times.Lease * 5 / 8 }

// granted opens the gate until At+lease. A grant for an ask of this incarnation is good whenever it comes: At is this
// node's own clock. Only a lapse makes a difference.
func (m *Machine) granted(g Grant) {
	l := &m.life
	if l.inc == 0 || g.Inc != l.inc || g.At > m.now || l.lease.State == view.LeaseFenced {
		return
	}
	if l.cond != view.Joining && l.cond != view.InView && !l.closing {
		return
	}
	until := g.At.Add(m.times.Lease)
	if until <= m.now || until <= l.lease.Deadline {
		return
	}
	state := view.LeaseRunning
	if l.cond == view.Joining {
		state = view.LeaseJoining
	}
	l.lease.lapsed = false
	m.setLease(view.Lease{Deadline: until, State: state})
	if l.lease.holding && m.now < m.holdFrom() {
		l.lease.holding, l.lease.held = false, false
		m.act(Release{})
	}
}

// promote lets writes through once the node is a member, for as long as it had its lease anyway.
func (m *Machine) promote() {
	if l := m.life.lease.Lease; l.State == view.LeaseJoining && !m.life.lease.lapsed {
		m.setLease(view.Lease{Deadline: l.Deadline, State: view.LeaseRunning})
	}
}

func (m *Machine) setLease(l view.Lease) {
	m.life.lease.Lease = l
	m.act(SetLease{Lease: l})
}

// holdFrom is when the volumes must be suspended if no further grant comes.
func (m *Machine) holdFrom() view.Tick {
	return m.life.lease.Deadline.Add(m.times.HoldAfter - m.times.Lease)
}

// tickLease asks in time, holds in time, and gives up in time.
func (m *Machine) tickLease() {
	l := &m.life.lease
	if m.now.Sub(l.asked) >= m.beats(askEvery) {
		m.ask()
	}
	if l.State == view.LeaseNone {
		return
	}
	if !l.holding && m.now >= m.holdFrom() {
		l.holding, l.held, l.heldAt = true, false, m.now
		m.act(Hold{})
	}
	if l.holding && m.now.Sub(l.heldAt) > m.times.HoldTime {
		m.abort(view.ReasonLeaseLost)
	}
}

// held learns that all volumes are suspended. Too late is as good as never.
func (m *Machine) held() {
	if l := &m.life.lease; l.holding && !l.lapsed {
		l.held = true
	}
}

// lapse notices that the deadline has passed. The gate has shut by itself; what is left to decide is whether this
// life can go on. It can while everything was suspended before the lapse, because then nobody saw an error.
func (m *Machine) lapse() {
	l := &m.life.lease
	running := l.State == view.LeaseRunning || l.State == view.LeaseJoining
	if !running || l.lapsed || m.now < l.Deadline {
		return
	}
	l.lapsed = true
	if !l.held {
		m.abort(view.ReasonLeaseLost)
	}
}

// refused learns that the gate has refused I/O of this node for want of a lease: somebody has seen an error.
func (m *Machine) refused(e Refused) {
	if e.Count > 0 && (m.life.cond == view.InView || m.life.cond == view.Joining || m.life.closing) {
		m.abort(view.ReasonLeaseLost)
	}
}

// condemned learns that the cluster has decided against this incarnation.
func (m *Machine) condemned(c Condemned) {
	if c.Inc == m.life.inc && slices.Contains([]view.Condition{view.InView, view.Joining, view.Leaving}, m.life.cond) {
		m.abort(view.ReasonEvicted)
	}
}
