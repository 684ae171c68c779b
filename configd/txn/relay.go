// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

// relay passes the changes that clients of a slave ask for on to the master, one at a time.
type relay struct {
	queue []queued
	sent  uint64 // number of the one under way, the head of the queue; zero is none
	last  uint64
	retry view.Tick
}

func (r *relay) enqueue(m *Machine, q queued) {
	if len(r.queue) >= queueMax {
		m.answer(q, Refused, 0, fmt.Sprintf("%s: %d changes wait already: repeat it later", object(q.change), queueMax))
		return
	}
	r.queue = append(r.queue, q)
}

// runRelay sends the head of the queue, and sends it again until the master has answered.
func (m *Machine) runRelay() {
	r := &m.relay
	for r.sent == 0 && len(r.queue) > 0 {
		q := r.queue[0]
		if m.follow != nil && m.follow.stage == following {
			r.last++
			r.sent, r.retry = r.last, m.now
			break
		}
		if m.now < q.deadline {
			return
		}
		r.queue = r.queue[1:]
		m.answer(q, Refused, 0, fmt.Sprintf("%s: configd not enabled on node %d: it has not joined its master yet, see `plexus cluster status`",
			object(q.change), m.place.Node))
	}
	if r.sent == 0 || m.now < r.retry || m.follow == nil {
		return
	}
	r.retry = m.now.Add(m.opt.Times.Retry)
	q := r.queue[0]
	m.send(m.follow.master, Forward{r.sent, m.follow.start, q.group, q.base, string(config.EncodeChange(q.change))})
}

func (m *Machine) onResult(from view.NodeID, res Result) {
	r := &m.relay
	if r.sent == 0 || res.ID != r.sent || m.follow == nil || from != m.follow.master {
		return
	}
	q := r.queue[0]
	r.queue, r.sent = r.queue[1:], 0
	m.answer(q, res.Outcome, res.Version, res.Why)
}

// lost ends the one under way: nobody can say any more whether the old master has made it.
func (r *relay) lost(m *Machine, why string) {
	if r.sent != 0 {
		q := r.queue[0]
		r.queue, r.sent = r.queue[1:], 0
		m.answer(q, Unknown, 0, fmt.Sprintf("%s: %s", object(q.change), why))
	}
}

// abandon ends all.
func (r *relay) abandon(m *Machine, why string) {
	r.lost(m, why)
	for _, q := range r.queue {
		m.answer(q, Refused, 0, fmt.Sprintf("%s: %s", object(q.change), why))
	}
	r.queue = nil
}

// onForward takes a change from a slave. The same one may come several times.
func (m *Machine) onForward(from view.NodeID, f Forward) {
	p := m.peer(from)
	switch {
	case m.lead == nil || f.Master != m.place.Start:
		return // it will hear of the new master, or of the new life of this one
	case f.ID == p.last && p.reply != nil:
		m.send(from, *p.reply)
		return
	case f.ID <= p.last:
		return
	}
	p.last, p.reply = f.ID, nil
	change, err := config.DecodeChange([]byte(f.Change))
	if err != nil {
		m.answerForward(from, Result{ID: f.ID, Why: err.Error()})
		return
	}
	q := queued{id: f.ID, node: from, start: p.start, group: f.Group, base: f.Base, change: change, deadline: m.now.Add(m.opt.Times.Join)}
	m.route(q)
}

// answerForward remembers the answer for as long as it may be asked for again.
func (m *Machine) answerForward(to view.NodeID, r Result) {
	p := m.peer(to)
	if p.last == r.ID {
		p.reply = &r
	}
	m.send(to, r)
}
