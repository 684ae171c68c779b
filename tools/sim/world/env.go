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

// SetLease tells the gate; the first lease of a member brings the volume's device.
func (c *clusterd) SetLease(l view.Lease) error {
	c.n.kernel.setLease(l, c.machine.Status(c.n.clock.now()).Incarnation)
	c.n.w.check.leased(c.n)
	if l.State == view.LeaseRunning && c.n.kernel.dev == nil && c.machine.Status(c.n.clock.now()).Condition == view.InView {
		c.n.kernel.dev = &device{inc: c.n.kernel.gateInc}
	}
	return nil
}

func (c *clusterd) Send(to view.NodeID, msg member.Message) {
	if g, ok := msg.(member.Grant); ok {
		c.n.w.check.granted(c.n, to, g)
	}
	c.n.w.net.send(c.n.id, to, 0, msg)
}

// Hold suspends; now and then the suspend is slow.
func (c *clusterd) Hold() {
	d := c.n.w.between(0, 100*time.Millisecond)
	if c.n.w.chance(0.1) {
		d = c.n.w.between(0, 3*time.Second)
	}
	c.n.later(d, func() {
		if c.machine.Status(c.n.clock.now()).Held {
			c.n.kernel.held = true
			c.give(member.Held{})
		}
	})
}

func (c *clusterd) Release() { c.n.kernel.held = false }

// Close waits for the users of the volume, then takes it away.
func (c *clusterd) Close() {
	c.n.later(c.n.w.between(0, 4*time.Second), func() {
		if c.machine.Status(c.n.clock.now()).Condition != view.Leaving {
			return
		}
		c.n.kernel.dev = nil
		c.n.later(c.n.w.plan.term+wireTerm, func() { c.give(member.Closed{}) })
	})
}

// Leave goes from below upwards: the gate is shut already, the transport is cut, the device gets the error table.
func (c *clusterd) Leave(view.Reason) {
	k := &c.n.kernel
	k.cut()
	if k.dev != nil {
		k.dev.dead = true
	}
	k.dev, k.held = nil, false
	c.n.later(c.n.w.between(2*wireTerm, 400*time.Millisecond), func() { c.give(member.Drained{}) })
}

func (c *clusterd) Stopped(view.Reason) {
	if c.wanted {
		c.n.later(c.n.w.between(300*time.Millisecond, 3*time.Second), c.join)
	}
}

// SetView tells the services of the host what they are now, and plays configd: it joins the configuration when this
// life is joining.
func (c *clusterd) SetView(v view.View, index uint64) {
	c.n.w.check.viewed(c.n, v, index)
	inc := c.machine.Status(c.n.clock.now()).Incarnation
	if j, ok := v.Joiner(c.n.id); ok && j.Inc == inc {
		c.n.later(c.n.w.between(0, 200*time.Millisecond), func() { c.give(member.ConfigJoined{Inc: inc}) })
	}
	m, ok := v.Member(c.n.id)
	for _, s := range c.n.services {
		s.joined(inc, ok && m.Inc == inc)
	}
}

func (c *clusterd) Preempt(m view.Member, index uint64) { c.n.w.check.preempted(c.n, m, index) }

func (c *clusterd) SetPeers([]member.Record) {}
func (c *clusterd) ShowHome(view.Home)       {}
func (c *clusterd) Reply(member.Reply)       {}
func (c *clusterd) Note(string)              {}

// writer submits a block every now and then for as long as the world turns.
func (n *node) writer() {
	n.w.after(n.w.between(20*time.Millisecond, 60*time.Millisecond), func() {
		n.kernel.write()
		n.writer()
	})
}
