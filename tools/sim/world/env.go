// SPDX-License-Identifier: Apache-2.0

package world

import (
	"time"

	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Persist is durable when it returns.
func (c *clusterd) Persist(p member.Persist) error {
	c.disk.Save(p)
	c.n.w.check.persisted(c.n, p)
	return nil
}

// SetLease tells the gate. A lease brings the disks back that a leave has cut.
func (c *clusterd) SetLease(l view.Lease) error {
	c.changed = true
	c.n.kernel.setLease(l, c.machine.Status(c.n.clock.now()).Incarnation)
	c.n.w.check.leased(c.n)
	if l.State == view.LeaseRunning || l.State == view.LeaseJoining {
		c.back()
	}
	return nil
}

func (c *clusterd) Send(to view.NodeID, msg member.Message) {
	if g, ok := msg.(member.Grant); ok {
		c.n.w.check.granted(c.n, to, g)
	}
	c.n.w.net.send(c.n.id, to, 0, msg)
}

// Hold suspends every volume that configd does not own; now and then it takes long.
func (c *clusterd) Hold() {
	c.holding = true
	d := c.n.w.between(0, 20*time.Millisecond)
	if c.n.w.chance(0.1) {
		d = c.n.w.between(0, 3*time.Second)
	}
	c.run("volumes", func(done func()) { c.later(d, func() { c.hold(done) }) })
}

func (c *clusterd) hold(done func()) {
	names := c.names()
	var next func(i int)
	next = func(i int) {
		switch {
		case !c.holding:
			done()
		case i == len(names):
			done()
			c.give(member.Held{})
		default:
			c.n.kernel.vols.hold(&c.daemon, names[i], func() bool { return !c.holding }, func(error) { next(i + 1) })
		}
	}
	next(0)
}

// names lists the volumes that are clusterd's to suspend and to resume.
func (c *clusterd) names() []string {
	var names []string
	for _, set := range c.n.kernel.sets() {
		for _, v := range set.volumes {
			if !v.owned {
				names = append(names, v.name)
			}
		}
	}
	return names
}

// Release lets the volumes go on.
func (c *clusterd) Release() {
	c.holding = false
	c.run("volumes", func(done func()) {
		for _, name := range c.names() {
			_ = c.n.kernel.vols.Resume(name)
		}
		done()
	})
}

// Close asks for the volumes: their users go by and by, then configd takes them away.
func (c *clusterd) Close() {
	c.changed, c.closing = true, true
	c.within(4*time.Second, func() { c.n.kernel.users = !c.closing })
}

// finishClose ends the wait of a clean leave once configd has taken the last volume away.
func (c *clusterd) finishClose() {
	if c.closing && len(c.n.kernel.fences) == 0 {
		c.closing = false
		c.give(member.Closed{})
	}
}

func (c *clusterd) Leave(view.Reason) {
	c.leave(func() { c.give(member.Drained{}) })
}

// Stopped ends a life; after a clean leave the daemon ends too, so that nothing of the hold is left.
func (c *clusterd) Stopped(view.Reason) {
	c.changed, c.closing, c.holding = true, false, false
	if c.wanted {
		c.later(c.n.w.between(rejoinAfter, 3*time.Second), c.join)
	}
}

func (c *clusterd) SetView(v view.View, index uint64) {
	c.changed = true
	c.n.w.check.viewed(c.n, v, index)
}

func (c *clusterd) ShowHome(h view.Home) {
	c.changed = true
	c.homes[h.GroupID] = h
	c.n.w.check.homed(h)
}

func (c *clusterd) Reply(r member.Reply) {
	if f, ok := c.requests[r.ID]; ok {
		delete(c.requests, r.ID)
		f(r)
	}
}

func (c *clusterd) Preempt(m view.Member, index uint64) { c.n.w.check.preempted(c.n, m, index) }

func (c *clusterd) SetPeers([]member.Record) {}
func (c *clusterd) Note(string)              {}

// writer submits a block every now and then for as long as the world turns.
func (n *node) writer() {
	n.w.after(n.w.between(20*time.Millisecond, 60*time.Millisecond), func() {
		n.kernel.write()
		n.writer()
	})
}
