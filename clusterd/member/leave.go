// SPDX-License-Identifier: Apache-2.0

package member

import (
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// stop begins a clean leave: the volumes are waited for, the lease goes on.
func (m *Machine) stop(e Stop) {
	l := &m.life
	switch {
	case e.Force && l.cond != view.Out && l.cond != view.Aborting:
		m.abort(view.ReasonUserAbort)
	case l.cond == view.InView && !e.Force:
		l.cond, l.reason, l.closing = view.Leaving, view.ReasonUserStop, true
		m.act(Close{})
	case l.cond == view.Joining:
		m.abort(view.ReasonUserStop)
	case l.cond == view.Out:
		m.act(Stopped{Reason: l.reason})
	}
}

// cancel goes back to being a member while the volumes are still waited for.
func (m *Machine) cancel() {
	if l := &m.life; l.closing {
		l.cond, l.reason, l.closing = view.InView, view.ReasonNone, false
		if l.lease.State == view.LeaseJoining {
			m.promote()
		}
	}
}

// closed goes on with the clean leave: nothing is open here any more.
func (m *Machine) closed() {
	l := &m.life
	if !l.closing {
		return
	}
	l.closing, l.handing = false, true
	l.bye = &Bye{Inc: l.inc, Reason: view.ReasonUserStop, Drained: true}
	m.setLease(view.Lease{State: view.LeaseFenced})
	m.handOver()
}

// handOver asks to be let go, after leadership was given to somebody who stays. The last one just stops: there is
// nobody to go on, and its log, in which it is the only voter, must bring the cluster up again.
func (m *Machine) handOver() {
	l := &m.life
	l.tried = m.now
	if len(m.inView()) == 1 && len(m.conf.GetVoters()) == 1 && m.state.View.Has(m.cfg.Node, l.inc) {
		m.ended(view.ReasonUserStop)
		return
	}
	if m.lead != nil {
		m.transfer(0)
		return
	}
	m.sendLeader(*l.bye)
}

// abort leaves at once: the gate shuts, then everything below and above it.
func (m *Machine) abort(why view.Reason) {
	l := &m.life
	if l.cond == view.Out || l.cond == view.Aborting || l.handing {
		return
	}
	if l.inc == 0 { // in no view yet: nothing to shut
		m.ended(why)
		return
	}
	l.cond, l.reason, l.closing, l.ready = view.Aborting, why, false, false
	l.lease.holding, l.lease.held = false, false // the leave takes the volumes over, suspended or not
	l.bye = &Bye{Inc: l.inc, Reason: why}
	l.tried = m.now
	m.setLease(view.Lease{State: view.LeaseFenced})
	m.act(Leave{Reason: why})
	m.sendLeader(*l.bye)
}

// drained ends an abort. The others are told until they have let this incarnation go.
func (m *Machine) drained() {
	l := &m.life
	if l.cond != view.Aborting {
		return
	}
	l.bye = &Bye{Inc: l.inc, Reason: l.reason, Drained: true}
	l.tried = m.now
	m.sendLeader(*l.bye)
	m.ended(l.reason)
}

func (m *Machine) ended(why view.Reason) {
	l := &m.life
	l.cond, l.reason, l.handing, l.closing, l.ready = view.Out, why, false, false, false
	m.act(Stopped{Reason: why})
}

// gone learns that the cluster has let this incarnation go: its log must not campaign until it has joined again.
func (m *Machine) gone(g Gone) {
	l := &m.life
	if l.inc == 0 || g.Inc != l.inc {
		return
	}
	l.bye = nil
	m.meta.Left = true
	meta := m.meta
	m.act(Persist{Meta: &meta})
	switch {
	case l.handing:
		m.ended(view.ReasonUserStop)
	case l.cond == view.InView || l.cond == view.Joining || l.closing:
		m.abort(view.ReasonEvicted)
		l.bye = nil
	}
}

// transfer hands leadership to a voter that keeps up and means to stay, which shows in its asking for leases; not to
// `not`. While there is none this node goes on leading: where all leave at once it lets the others go first.
func (m *Machine) transfer(not view.NodeID) {
	to, match := uint64(0), uint64(0)
	for _, id := range m.conf.GetVoters() {
		n := raftNode(id)
		if id == m.raftID() || n == not || !m.stays(n) || m.inDoubt(n) {
			continue
		}
		if at := m.progress(id); to == 0 || at > match {
			to, match = id, at
		}
	}
	if to != 0 && m.node.BasicStatus().LeadTransferee == 0 {
		m.note("hands leadership to %d", raftNode(to))
		m.node.TransferLeader(to)
	}
}

// stays reports whether a node has asked for a lease lately.
func (m *Machine) stays(n view.NodeID) bool {
	r := m.lead.rows[n]
	return r != nil && m.now.Sub(r.at) <= m.beats(2*askEvery)
}
