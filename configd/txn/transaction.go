// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// runTransaction takes the change under way as far as answers, copies and the time allow.
func (m *Machine) runTransaction(c *coordinator) {
	tx := c.tx
	switch {
	case tx.stage == asking && tx.all(hasVoted) && m.ledgerOf(tx.g).job.done:
		m.votesAreIn(c)
	case tx.stage == suspending && tx.all(hasAcked):
		m.flipNext(c)
	case tx.stage == closing && tx.all(hasApplied):
		m.finish(c)
		return
	}
	if m.now >= tx.deadline || tx.stage == asking && m.hopeless(m.ledgerOf(tx.g)) {
		m.transactionLate(c)
	}
	if c.tx == tx && m.now >= tx.retry {
		tx.retry = m.now.Add(m.opt.Times.Retry)
		m.tellParts(c)
	}
}

// votesAreIn goes on to suspend everywhere, or straight to the headers where every old sector keeps its place.
func (m *Machine) votesAreIn(c *coordinator) {
	tx := c.tx
	if !tx.hold {
		m.flipNext(c)
		return
	}
	tx.stage = suspending
	tx.deadline, tx.retry = m.now.Add(m.opt.Times.Prepare), m.now.Add(m.opt.Times.Retry)
	m.tellParts(c)
}

// flipNext writes the headers. It may have happened from here on, whatever comes.
func (m *Machine) flipNext(c *coordinator) {
	tx := c.tx
	tx.stage, tx.decision = flipping, m.ballot(c.shared)
	tx.deadline = m.now.Add(m.opt.Times.Decide)
	m.flip(m.ledgerOf(tx.g), tx.id, tx.decision, tx.base, tx.next)
}

// giveUp ends a change that no header speaks of yet. Where a participant may be suspended, the base is written under a
// new ballot before anybody is told: whoever comes after must read the same.
func (m *Machine) giveUp(c *coordinator, why string) {
	tx := c.tx
	if tx.stage > suspending {
		return
	}
	tx.outcome, tx.why = Refused, why
	if tx.stage == suspending {
		tx.stage, tx.decision = rolling, m.ballot(c.shared)
		tx.deadline = m.now.Add(m.opt.Times.Decide)
		m.flip(m.ledgerOf(tx.g), tx.id, tx.decision, tx.base, tx.base)
		return
	}
	m.ledgerOf(tx.g).job = nil
	m.close(c)
}

// decided is called when a majority carries the header of the decision: now, and not before, everybody is told.
func (m *Machine) decided(c *coordinator) {
	tx := c.tx
	if tx.stage == flipping {
		tx.outcome = Done
	}
	m.close(c)
}

func (m *Machine) close(c *coordinator) {
	tx := c.tx
	tx.stage = closing
	tx.deadline, tx.retry = m.now.Add(m.opt.Times.Hold), m.now.Add(m.opt.Times.Retry)
	m.tellParts(c)
	if tx.outcome == Refused && !tx.again {
		m.answerTransaction(c, tx) // it is certain, though not everybody may have heard yet
	}
}

// finish answers the client, unless the change goes once more from the start.
func (m *Machine) finish(c *coordinator) {
	tx := c.tx
	c.tx = nil
	m.answerTransaction(c, tx)
}

func (m *Machine) answerTransaction(c *coordinator, tx *transaction) {
	if tx.answered {
		return
	}
	tx.answered = true
	switch {
	case tx.again && tx.outcome != Done:
		tx.req.seen = tx.next.version()
		c.queue = append([]queued{tx.req}, c.queue...)
	case tx.outcome == Done:
		m.answer(tx.req, Done, tx.next.version(), tx.why)
	default:
		m.answer(tx.req, tx.outcome, 0, fmt.Sprintf("%s: %s", object(tx.req.change), tx.why))
	}
}

// transactionLate acts on the deadline of the stage.
func (m *Machine) transactionLate(c *coordinator) {
	tx := c.tx
	l := m.ledgerOf(tx.g)
	switch tx.stage {
	case asking:
		if silent := tx.silent(hasVoted); silent != "-" && m.now >= tx.deadline {
			m.giveUp(c, fmt.Sprintf("configd not enabled on node %s: no vote in %v, see `plexus cluster status` there", silent, m.opt.Times.Vote))
			return
		}
		m.giveUp(c, "the text was not written to a majority of the label copies: "+l.trouble())
	case suspending:
		m.giveUp(c, fmt.Sprintf("node %s was not ready in %v", tx.silent(hasAcked), m.opt.Times.Prepare))
	case flipping, rolling:
		if c.shared {
			m.leave(view.ReasonReconfiguration, fmt.Sprintf("group %s: no majority of the label copies took a header: %s",
				tx.g.name, l.trouble()))
			return
		}
		tx.deadline = m.now.Add(m.opt.Times.Hold) // a private group waits for its disks
	case closing:
		tx.deadline = m.now.Add(m.opt.Times.Hold)
		for n, p := range tx.parts {
			if !p.applied && n != m.place.Node {
				m.do(Accuse{n, fmt.Sprintf("it has not followed group %s to version %d", tx.g.name, tx.next.version())})
			}
		}
		m.answerTransaction(c, tx)
	}
}

func (m *Machine) onVote(from view.NodeID, v Vote) {
	c, p := m.partOf(from, v.Tx)
	switch {
	case p == nil || c.tx.stage != asking:
	case v.Yes:
		p.voted = true
	default:
		m.giveUp(c, m.blame(c, from, v.Why))
	}
}

func (m *Machine) onPrepared(from view.NodeID, v Prepared) {
	c, p := m.partOf(from, v.Tx)
	switch {
	case p == nil || c.tx.stage != suspending:
	case v.Yes:
		p.acked = true
	default:
		m.giveUp(c, m.blame(c, from, v.Why))
	}
}

func (m *Machine) onApplied(from view.NodeID, a Applied) {
	c, p := m.partOf(from, a.Tx)
	if p == nil || c.tx.stage != closing {
		return
	}
	p.applied = true
	if !a.Ok && c.tx.outcome == Done {
		c.tx.why = m.blame(c, from, a.Why)
	}
}

func (m *Machine) blame(c *coordinator, n view.NodeID, why string) string {
	if !c.shared {
		return why
	}
	return fmt.Sprintf("node %d: %s", n, why)
}

// partOf returns the participant and its coordinator, nil if there is no such transaction.
func (m *Machine) partOf(n view.NodeID, tx view.Ballot) (*coordinator, *part) {
	for _, c := range []*coordinator{&m.private, &m.shared} {
		if c.tx != nil && c.tx.id == tx {
			return c, c.tx.parts[n]
		}
	}
	return nil, nil
}

// losePart is for a node that is no participant any more: it left the view, or its configd has begun anew. The change
// fails, unless headers speak of it already.
func (m *Machine) losePart(n view.NodeID, why string) {
	tx := m.shared.tx
	if tx == nil || tx.parts[n] == nil {
		return
	}
	delete(tx.parts, n)
	m.giveUp(&m.shared, fmt.Sprintf("node %d: %s", n, why))
}

// abandon ends all that is queued and under way, for this node is no coordinator any more.
func (c *coordinator) abandon(m *Machine, why string) {
	if tx := c.tx; tx != nil {
		c.tx = nil
		switch {
		case tx.outcome == Done:
		case tx.stage < flipping:
			tx.outcome, tx.why, tx.again = Refused, why, false
		case tx.stage == flipping:
			tx.outcome, tx.why = Unknown, why
		}
		m.answerTransaction(c, tx)
	}
	for _, q := range c.queue {
		m.answer(q, Refused, 0, fmt.Sprintf("%s: %s", object(q.change), why))
	}
	c.queue = nil
}
