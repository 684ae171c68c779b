// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// checker watches what is done, on the outside, and knows nothing of how the machines decide.
type checker struct {
	w       *World
	views   map[view.Seq]string // S1: one view per number
	present map[life]view.Seq   // in which view an incarnation was first seen
	gone    map[life]view.Seq   // and first missing, as installed by any node
	logs    []map[uint64]life   // by node: condemnations in its log
	doomed  map[life]uint64     // condemnations seen in any log, lowest index
	excused map[life]bool       // paused with its clock: no promise
	homes   map[string]view.Home
	writers map[string]life // S7: of each label and ballot
	master  view.NodeID
}

// life is an incarnation of a node.
type life struct {
	node view.NodeID
	inc  view.Incarnation
}

func (l life) String() string { return fmt.Sprintf("%d.%d", l.node, l.inc) }

func newChecker(w *World) checker {
	c := checker{
		w: w, views: map[view.Seq]string{}, present: map[life]view.Seq{}, gone: map[life]view.Seq{},
		doomed: map[life]uint64{}, excused: map[life]bool{}, homes: map[string]view.Home{}, writers: map[string]life{},
	}
	for range w.opt.Nodes + 1 {
		c.logs = append(c.logs, map[uint64]life{})
	}
	return c
}

// persisted follows the condemnations in each log.
func (c *checker) persisted(n *node, p member.Persist) {
	log := c.logs[n.id]
	if p.Reset {
		clear(log)
	}
	if len(p.Entries) == 0 {
		return
	}
	first := p.Entries[0].GetIndex()
	for i := range log {
		if i >= first {
			delete(log, i)
		}
	}
	for _, e := range p.Entries {
		if len(e.GetData()) == 0 || e.GetType() != 0 {
			continue
		}
		entry, err := member.UnmarshalEntry(e.GetData())
		if err != nil {
			c.w.violate("S6", "node %d logs what it cannot read: %v", n.id, err)
			return
		}
		if d, ok := entry.(member.Condemn); ok {
			who := life{d.Node, d.Inc}
			log[e.GetIndex()] = who
			if at, ok := c.doomed[who]; !ok || e.GetIndex() < at {
				c.doomed[who] = e.GetIndex()
			}
		}
	}
}

// viewed checks S1 and the gate's half of S2 when a node installs a view.
func (c *checker) viewed(n *node, v view.View, index uint64) {
	s := v.String()
	if old, ok := c.views[v.Seq]; ok {
		if old != s {
			c.w.violate("S1", "node %d installs %q, another installed %q", n.id, s, old)
		}
		return
	}
	c.views[v.Seq] = s
	if c.master != 0 && v.Master != c.master {
		c.w.cover.TakeOvers++
	}
	c.master = v.Master
	c.quorum(n, index, s)
	for who, first := range c.present {
		if first < v.Seq && !v.Has(who.node, who.inc) {
			c.left(n, who, v)
		}
	}
	for _, list := range [][]view.Member{v.Members, v.Joining} {
		for _, m := range list {
			if _, ok := c.present[life{m.Node, m.Inc}]; !ok {
				c.present[life{m.Node, m.Inc}] = v.Seq
			}
		}
	}
}

// quorum checks that a view stands in the logs of a majority of its voters.
func (c *checker) quorum(n *node, index uint64, what string) {
	have := func(o view.NodeID) bool {
		d := c.w.nodes[o].cluster.disk
		last := d.Snap.GetMetadata().GetIndex()
		if k := len(d.Entries); k > 0 {
			last = d.Entries[k-1].GetIndex()
		}
		return last >= index
	}
	if !c.majority(n, have) {
		c.w.violate("S1", "%s was installed by node %d without a quorum of voters behind it", what, n.id)
	}
}

// majority counts voters. An entry may have been committed by the voters before a change that was applied in the same
// step: raft lets one change at a time overlap.
func (c *checker) majority(n *node, have func(view.NodeID) bool) bool {
	for _, voters := range [][]view.NodeID{n.cluster.machine.Status(n.clock.now()).Voters, n.cluster.voters} {
		count := 0
		for _, o := range voters {
			if have(o) {
				count++
			}
		}
		if 2*count > len(voters) {
			return true
		}
	}
	return false
}

// left checks that an incarnation that a view no longer has cannot write, and that it went lawfully.
func (c *checker) left(n *node, who life, v view.View) {
	if _, ok := c.gone[who]; ok {
		return
	}
	c.gone[who] = v.Seq
	k := &c.w.nodes[who.node].kernel
	if k.open(who.inc) && !c.excused[who] {
		c.w.violate("S2", "node %d installs %v while the gate of %v is open until %v", n.id, v, who, k.gate.Deadline)
	}
	shut := k.gateInc != who.inc || k.gate.State == view.LeaseFenced || !c.w.nodes[who.node].up
	if _, doomed := c.doomed[who]; !doomed && !shut {
		c.w.violate("S1", "node %d installs %v: %v was neither condemned nor had it shut", n.id, v, who)
	}
}

// preempted checks that nothing is done to a node without a committed condemnation.
func (c *checker) preempted(n *node, m view.Member, index uint64) {
	who := life{m.Node, m.Inc}
	if !c.majority(n, func(o view.NodeID) bool { return c.logs[o][index] == who || c.inSnapshot(o, who) }) {
		c.w.violate("S1", "node %d turns on %v by condemnation %d, which is not committed", n.id, who, index)
	}
}

// inSnapshot says whether a node knows of a condemnation by a snapshot.
func (c *checker) inSnapshot(n view.NodeID, who life) bool {
	s, err := member.UnmarshalState(c.w.nodes[n].cluster.disk.Snap.GetData())
	return err == nil && slices.ContainsFunc(s.Doomed, func(d member.Doomed) bool { return d.Node == who.node && d.Inc == who.inc })
}

// granted checks that a leader with a condemnation in its log grants that incarnation nothing.
func (c *checker) granted(n *node, to view.NodeID, g member.Grant) {
	for index, who := range c.logs[n.id] {
		if who == (life{to, g.Inc}) {
			c.w.violate("S2", "node %d grants %v a lease with its condemnation %d in the log", n.id, who, index)
		}
	}
}

// leased checks S5 with the gate open, and that nobody opens a gate for an incarnation that some view no longer has.
func (c *checker) leased(n *node) {
	who := life{n.id, n.kernel.gateInc}
	if seq, ok := c.gone[who]; ok && n.kernel.open(who.inc) && !c.excused[who] {
		c.w.violate("S2", "the gate of %v opens after view %d without it", who, seq)
	}
	c.running(n)
}

// paused excuses what a stopped clock lets through.
func (c *checker) paused(n view.NodeID, inc view.Incarnation) { c.excused[life{n, inc}] = true }

// submitted checks the hook's half of S2, and S9: what is written was written in this life; S7 for a label.
func (c *checker) submitted(b *bio) {
	n := c.w.nodes[b.node]
	k := &n.kernel
	if b.guarded && b.passed >= b.deadline {
		c.w.violate("S2", "block %d of %d.%d passed the gate at %v, after %v", b.serial, b.node, b.inc, b.passed, b.deadline)
	}
	if b.inc != k.gateInc {
		c.w.violate("S9", "block %d of %d.%d is written in incarnation %d", b.serial, b.node, b.inc, k.gateInc)
	}
	if b.done != nil && !k.open(b.inc) {
		c.w.violate("S7", "node %d writes the label of %s without a lease", b.node, b.label.Disk)
	}
}

// landed checks that nothing of a node lands after any node has installed a view without it.
func (c *checker) landed(b *bio) {
	who := life{b.node, b.inc}
	if seq, ok := c.gone[who]; ok && !b.exposed && !c.excused[who] {
		c.w.violate("S2", "block %d of %v, submitted at %v, lands after view %d without it", b.serial, who, b.at, seq)
	}
}

// ticked checks L2 in calm runs: a member's lease never lapses while a quorum is up and connected.
func (c *checker) ticked(n *node) {
	if !c.w.plan.calm {
		return
	}
	s := n.cluster.machine.Status(n.clock.now())
	if s.Condition == view.InView && s.Lease.State == view.LeaseRunning && s.LeaseLeft == 0 {
		c.w.violate("L2", "the lease of %d.%d lapsed while a quorum was up and connected", n.id, s.Incarnation)
	}
	if s.Condition == view.Aborting {
		c.w.violate("L2", "node %d leaves while a quorum is up and connected: %s", n.id, s.Reason)
	}
}
