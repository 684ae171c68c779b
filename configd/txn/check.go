// SPDX-License-Identifier: Apache-2.0

package txn

import "fmt"

// check panics where an invariant is broken, after every step, in production too: what this machine believes is not to
// be acted on any more, and the gate shuts by itself.
func (m *Machine) check() {
	for _, g := range m.groups {
		m.checkTables(g)
		m.checkProposal(g)
		if l := g.ledger; l != nil {
			checkLedger(l)
		}
	}
	m.checkCoordinator(&m.private)
	m.checkCoordinator(&m.shared)
	bug(m.lead != nil && m.follow != nil, "node %d leads and follows", m.place.Node)
	bug(m.left && (m.lead != nil || m.follow != nil || len(m.sharedGroups()) > 0), "a node that left has shared groups")
	bug(len(m.errands) > errandsMax || len(m.relay.queue) > queueMax, "a queue over its limit")
}

func bug(broken bool, format string, args ...any) {
	if broken {
		panic("BUG: " + fmt.Sprintf(format, args...))
	}
}

// checkTables: no table is loaded before its disks are guarded and its fence set is handed over; whatever is suspended
// has a deadline.
func (m *Machine) checkTables(g *group) {
	t := &g.tables
	bug(g.shared && t.stage >= loading && t.stage <= resuming && (!same(t.guarded, t.want) || !same(t.handed, t.want)),
		"group %s is %v for tables whose disks are not guarded or not handed over", g.name, t.stage)
	bug((t.stage != resting || t.orphan) && t.deadline == 0, "group %s is %v without a deadline", g.name, t.stage)
	bug(t.stage != resting && t.want == nil, "group %s is %v for nothing", g.name, t.stage)
	bug(t.stage >= returning && t.stage <= resuming && !same(t.want, g.cur),
		"group %s is %v to version %d, which nobody has decided", g.name, t.stage, t.want.version())
}

// checkProposal: what was acked is suspended, and only then.
func (m *Machine) checkProposal(g *group) {
	if g.tx == nil {
		return
	}
	bug(g.tx.next.version() <= g.version(), "group %s is at version %d and version %d is proposed", g.name, g.version(), g.tx.next.version())
	bug((g.tx.stage == acked) != (g.tables.stage == suspended), "group %s is %v and its tables %v", g.name, g.tx.stage, g.tables.stage)
}

// checkLedger: the number of a version is used once.
func checkLedger(l *ledger) {
	bug(l.settled && l.seen < l.g.version(), "group %s: version %d stands, %d is the highest seen", l.g.name, l.g.version(), l.seen)
}

// checkCoordinator: nobody is told of a decision that the labels do not carry.
func (m *Machine) checkCoordinator(c *coordinator) {
	bug(len(c.queue) > queueMax+1, "%d changes wait", len(c.queue))
	tx := c.tx
	if tx == nil {
		return
	}
	l := m.ledgerOf(tx.g)
	bug(tx.outcome == Done && (l.job == nil || !l.job.done || !l.job.headers || !same(l.job.next, tx.next)),
		"group %s: version %d is told, and no majority carries it", tx.g.name, tx.next.version())
	bug(c.shared && m.lead == nil, "a change of group %s is under way, and node %d is not the master", tx.g.name, m.place.Node)
}
