// SPDX-License-Identifier: Apache-2.0

package txn

import "github.com/plexus-cvm/plexus/clusterd/view"

// arm asks for a Tick at the earliest time at which anything is due.
func (m *Machine) arm() {
	if at := m.due(); at != m.armed {
		m.armed = at
		m.do(Arm{at})
	}
}

// due returns the earliest time to come at which anything is to be done; zero is never. What was due by now has been
// done in this step, or waits for something else than time.
func (m *Machine) due() view.Tick {
	var at view.Tick
	by := func(t view.Tick) {
		if t > m.now && (at == 0 || t < at) {
			at = t
		}
	}
	for _, t := range m.orphans {
		by(t)
	}
	for _, g := range m.groups {
		by(g.tables.deadline)
		by(g.tables.retry)
		if g.ledger != nil {
			g.ledger.due(by)
		}
	}
	for _, c := range []*coordinator{&m.private, &m.shared} {
		if c.tx != nil {
			by(c.tx.deadline)
			by(c.tx.retry)
		}
		for _, q := range c.queue {
			by(q.deadline)
		}
	}
	if m.lead != nil {
		m.lead.due(by, m.opt.Times)
	}
	if f := m.follow; f != nil && f.stage != following {
		by(f.retry)
		by(f.deadline)
	}
	for _, q := range m.relay.queue {
		by(q.deadline)
	}
	if m.relay.sent != 0 {
		by(m.relay.retry)
	}
	return at
}

// due names the times at which a ledger writes or reads again.
func (l *ledger) due(by func(view.Tick)) {
	if l.recover {
		by(l.retry)
	}
	if l.job == nil {
		return
	}
	if !l.job.homeOk && l.job.homeOp == 0 {
		by(l.job.homeAt)
	}
	for _, d := range l.job.next.group.Disks {
		if e := l.labels[d.ID]; e != nil && e.op == 0 && !l.carries(e) {
			by(e.retry)
		}
	}
}

func (l *lead) due(by func(view.Tick), t Times) {
	if l.stage == recovering {
		by(l.since.Add(t.Join))
	}
	for _, f := range l.peers {
		switch f.stage {
		case absent:
			by(l.announce)
			by(f.deadline)
		case offered:
			by(f.retry)
			by(f.deadline)
		}
	}
}
