// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"
	"maps"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

// queueMax bounds the changes that wait for the one under way.
const queueMax = 32

// coordinator takes one change after another through a transaction: for the shared groups on the master, for the private
// ones on each node, where this node is the only participant.
type coordinator struct {
	shared bool
	queue  []queued
	tx     *transaction
}

// queued is a change that waits for its turn.
type queued struct {
	id       uint64
	scan     uint64      // to be read before: it names disks that may be new
	node     view.NodeID // that forwarded it; zero: a client of this node
	start    uint64      // of that node's configd: another life has other requests under the same numbers
	group    string
	base     uint64
	change   config.Change
	deadline view.Tick
	seen     uint64 // version number that an earlier try has used up
}

// transaction is one change under way, as its coordinator sees it.
type transaction struct {
	id       view.Ballot
	req      queued
	g        *group
	base     *text // nil: a new group
	next     *text
	hold     bool // all are suspended before any resumes
	stage    txStage
	parts    map[view.NodeID]*part
	deadline view.Tick
	retry    view.Tick
	decision view.Ballot // of the header that decided
	outcome  Outcome
	why      string
	again    bool // goes back to the head of the queue when it has ended
	answered bool
}

type part struct{ voted, acked, applied bool }

type txStage uint8

const (
	asking     txStage = iota // votes, and the text in the spare slots of a majority
	suspending                // tables loaded and suspended everywhere
	flipping                  // headers: from here on it may have happened
	rolling                   // headers of the base under a new ballot: nobody resumes before they stand
	closing                   // everybody is told, until everybody has followed
)

var txStageWords = [...]string{"asking", "suspending", "flipping", "rolling", "closing"}

func (s txStage) String() string { return word(txStageWords[:], s) }

// onRequest takes a change from a client of this node.
func (m *Machine) onRequest(r Request) {
	m.route(queued{id: r.ID, group: r.Group, base: r.Base, change: r.Change, deadline: m.now.Add(m.opt.Times.Join)})
}

// route finds out whose the change is: this node's, or the master's.
func (m *Machine) route(q queued) {
	shared := false
	switch c := q.change.(type) {
	case config.CreateGroup:
		q.group, shared, q.scan = c.ID, c.Shared, m.wantScan()
	case config.AddDisks:
		q.scan = m.wantScan()
	}
	if _, creates := q.change.(config.CreateGroup); !creates {
		g := m.groups[q.group]
		if g == nil || g.cur == nil {
			m.answer(q, Refused, 0, fmt.Sprintf("%s: this node knows no such group: see `plexus dg show`", object(q.change)))
			return
		}
		shared = g.shared
	}
	switch {
	case !shared:
		m.private.enqueue(m, q)
	case !m.inView() || m.left:
		m.answer(q, Refused, 0, fmt.Sprintf("%s: this node is in no cluster: see `plexus cluster status`", object(q.change)))
	case m.lead != nil:
		m.shared.enqueue(m, q)
	case q.node != 0:
		m.answer(q, Refused, 0, fmt.Sprintf("%s: node %d is not the master", object(q.change), m.place.Node))
	default:
		m.relay.enqueue(m, q)
	}
}

func (c *coordinator) enqueue(m *Machine, q queued) {
	if len(c.queue) >= queueMax {
		m.answer(q, Refused, 0, fmt.Sprintf("%s: %d changes wait already: repeat it later", object(q.change), queueMax))
		return
	}
	c.queue = append(c.queue, q)
}

// answer ends a client's request, here or on the node that forwarded it.
func (m *Machine) answer(q queued, o Outcome, version uint64, why string) {
	if q.node == 0 {
		m.do(Answer{q.id, o, version, why})
		return
	}
	if m.peer(q.node).start == q.start {
		m.answerForward(q.node, Result{q.id, o, version, why})
	}
}

// object is how an error begins: the change, without its details.
func object(c config.Change) string {
	switch c := c.(type) {
	case config.CreateGroup:
		return "create group " + c.Name
	case config.AddDisks:
		return "add disk"
	case config.CreateVolume:
		return "create volume " + c.Name
	case config.Resize:
		return "resize volume " + c.Volume
	case config.RemoveVolume:
		return "remove volume " + c.Volume
	}
	return c.String()
}

// runCoordinator begins the next change if nothing stands in its way, and keeps the one under way going.
func (m *Machine) runCoordinator(c *coordinator) {
	for c.tx == nil && len(c.queue) > 0 {
		q := c.queue[0]
		why, wait := m.obstacle(c, q)
		if why != "" && wait && m.now < q.deadline {
			return
		}
		c.queue = c.queue[1:]
		if why != "" {
			m.answer(q, Refused, 0, fmt.Sprintf("%s: %s", object(q.change), why))
			continue
		}
		m.start(c, q)
	}
	if c.tx != nil {
		m.runTransaction(c)
	}
	if tx := c.tx; tx != nil {
		c.expire(m, fmt.Sprintf("a change of group %s is still %v, see `plexus cluster status`", tx.g.name, tx.stage))
	}
}

// expire refuses what has waited too long.
func (c *coordinator) expire(m *Machine, why string) {
	c.queue = slices.DeleteFunc(c.queue, func(q queued) bool {
		late := m.now >= q.deadline
		if late {
			m.answer(q, Refused, 0, fmt.Sprintf("%s: %s", object(q.change), why))
		}
		return late
	})
}

// start computes the next version and asks for votes. Text goes into the spare slots meanwhile.
func (m *Machine) start(c *coordinator, q queued) {
	g := m.groups[q.group]
	var base config.Group
	if g != nil && g.cur != nil {
		base = g.cur.group
	}
	switch {
	case q.base != 0 && q.base != base.Version:
		m.answer(q, Refused, 0, fmt.Sprintf("%s: group %s changed meanwhile, it is at version %d and not %d: look again, then repeat it",
			object(q.change), base.Name, base.Version, q.base))
		return
	case g != nil && g.failed != "":
		m.answer(q, Refused, 0, fmt.Sprintf("%s: group %s: %s", object(q.change), g.name, g.failed))
		return
	}
	nextGroup, err := config.Edit(base, q.change)
	if err != nil {
		m.answer(q, Refused, 0, err.Error())
		return
	}
	if g == nil {
		g = m.group(q.group, nextGroup.Name, c.shared)
		g.offered = true
	}
	l := m.ledgerOf(g)
	nextGroup.Version = max(nextGroup.Version, l.seen+1, q.seen+1) // a number once seen in any slot is never used again
	next := newText(nextGroup, g.cur)
	tx := &transaction{
		id: m.ballot(c.shared), req: q, g: g, base: g.cur, next: next, parts: map[view.NodeID]*part{},
		deadline: m.now.Add(m.opt.Times.Vote), retry: m.now.Add(m.opt.Times.Retry),
	}
	tx.hold = g.cur != nil && !config.KeepsPlaces(base, nextGroup)
	for _, n := range m.participants(c.shared) {
		tx.parts[n] = &part{}
	}
	c.tx = tx
	if err := m.fill(l, tx.id, g.cur, next); err != nil {
		m.giveUp(c, err.Error())
		return
	}
	m.tellParts(c)
}

// tellParts says to each participant what it has not answered yet.
func (m *Machine) tellParts(c *coordinator) {
	tx := c.tx
	for _, n := range slices.Sorted(maps.Keys(tx.parts)) {
		p := tx.parts[n]
		switch {
		case tx.stage == asking && !p.voted:
			m.send(n, Propose{tx.id, tx.g.id, tx.base.version(), tx.next.hash, tx.next.body, m.writers(m.ledgerOf(tx.g))})
		case tx.stage == suspending && !p.acked:
			m.send(n, Prepare{tx.id})
		case tx.stage == closing && !p.applied && tx.outcome == Done:
			m.send(n, Commit{tx.id, tx.ident()})
		case tx.stage == closing && !p.applied:
			m.send(n, Abort{tx.id, tx.decision, tx.g.id})
		}
	}
}

func (tx *transaction) ident() Ident {
	return Ident{tx.g.id, tx.next.version(), tx.next.hash, tx.decision}
}

func (tx *transaction) all(is func(*part) bool) bool {
	for _, p := range tx.parts {
		if !is(p) {
			return false
		}
	}
	return true
}

// silent names the participants for which is not true.
func (tx *transaction) silent(is func(*part) bool) string {
	var nodes []view.NodeID
	for n, p := range tx.parts {
		if !is(p) {
			nodes = append(nodes, n)
		}
	}
	slices.Sort(nodes)
	return list(nodes, func(n view.NodeID) string { return fmt.Sprint(n) })
}

func hasVoted(p *part) bool   { return p.voted }
func hasAcked(p *part) bool   { return p.acked }
func hasApplied(p *part) bool { return p.applied }
