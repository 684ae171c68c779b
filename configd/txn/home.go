// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// hopeless reports whether so many copies have failed that no majority can come about without a new try.
func (m *Machine) hopeless(l *ledger) bool {
	if l.job == nil || l.job.done {
		return false
	}
	open := func(disk string) bool {
		e := m.entry(l, disk)
		return e.bad == "" || e.op != 0 || l.carries(e)
	}
	return !setOf(l.job.base).Decided(open, true) || !setOf(l.job.next).Decided(open, true)
}

// runHome puts the home record where it votes. A private group always has one: it says whose the group is.
func (m *Machine) runHome(l *ledger) {
	j := l.job
	votes := setOf(j.base).HomeVotes() || setOf(j.next).HomeVotes() || !l.g.shared
	switch {
	case j.homeOk || j.homeOp != 0 || m.now < j.homeAt:
	case !votes:
		j.homeOk = true
	default:
		record := view.Home{GroupID: l.g.id, Version: j.next.version(), Hash: j.next.hash, Ballot: j.ballot}
		j.homeOp = m.begin(wait{kind: waitHome, group: l.g.id})
		m.do(PutHome{j.homeOp, l.g.shared, m.homes[l.g.id], record})
	}
}

func (m *Machine) onHomePut(e HomePut) {
	w, ok := m.over(e.Op, waitHome)
	if !ok {
		return
	}
	g := m.groups[w.group]
	if g == nil || g.ledger == nil || g.ledger.job == nil || g.ledger.job.homeOp != e.Op {
		return
	}
	l := g.ledger
	j := l.job
	j.homeOp = 0
	record := view.Home{GroupID: g.id, Version: j.next.version(), Hash: j.next.hash, Ballot: j.ballot}
	switch {
	case e.Err != "":
		j.homeErr, j.homeAt = e.Err, m.now.Add(m.opt.Times.Retry)
	case e.Ok || e.Current == record:
		m.homes[g.id], j.homeOk, j.homeErr = record, true, ""
	default: // it is not what this node knew
		m.homes[g.id] = e.Current
		j.homeErr = fmt.Sprintf("it is at version %d by %s", e.Current.Version, ballot(e.Current.Ballot))
		switch {
		case j.first:
			m.recoverAgain(l)
			return
		case e.Current.Ballot.Compare(j.ballot) > 0:
			j.homeAt = m.now.Add(m.opt.Times.Hold) // another master has taken over: this one's time is over
		}
	}
	m.runLedger(l)
}
