// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

const cluster = view.ClusterID("0123456789abcdef0123456789abcdef")

// clusterd is the membership machine of a host with a daemon around it, and plays the part of configd in a join. It is
// the machine's Env.
type clusterd struct {
	n       *node
	disk    member.Disk
	machine *member.Machine
	lives   uint64
	wanted  bool   // this node is to be in the cluster
	refused uint64 // told to the machine
	ids     uint64
	voters  []view.NodeID // before the event under way
}

func (c *clusterd) start() {
	c.lives++
	m, err := member.New(member.Config{Node: c.n.id, Times: c.n.w.times, Life: c.lives * 1000}, c.disk)
	if err != nil {
		c.n.w.violate("S6", "node %d does not start from its disk: %v", c.n.id, err)
		return
	}
	c.machine, c.refused = m, c.n.kernel.refused
	c.finish()
	if c.wanted {
		c.n.later(c.n.w.between(50*time.Millisecond, 300*time.Millisecond), c.join)
	}
}

// finish is the leave that a daemon completes when it starts over the remains of a former life.
func (c *clusterd) finish() {
	k := &c.n.kernel
	k.setLease(view.Lease{State: view.LeaseFenced}, 0)
	k.cut()
	if k.dev != nil {
		k.dev.dead = true
	}
	k.dev, k.held = nil, false
}

func (c *clusterd) kill() { c.machine = nil }

func (c *clusterd) join() {
	if c.machine == nil || c.machine.Status(c.n.clock.now()).Condition != view.Out {
		return
	}
	c.finish()
	var peers []view.NodeID
	for _, o := range c.n.w.nodes[1:] {
		peers = append(peers, o.id)
	}
	c.give(member.Join{Cluster: cluster, Peers: peers})
	w := c.n.w
	c.give(member.Disks{Reach: 3, InFlight: w.plan.term})
}

func (c *clusterd) found() {
	c.wanted = true
	c.lives++
	m, err := member.New(member.Config{Node: c.n.id, Times: c.n.w.times, Life: c.lives * 1000}, c.disk)
	if err != nil {
		c.n.w.violate("S6", "node %d does not start: %v", c.n.id, err)
		return
	}
	c.machine = m
	c.give(member.Disks{Reach: 3, InFlight: c.n.w.plan.term})
	c.give(member.Init{Cluster: cluster, Self: member.Record{Name: "n1", Key: "k1"}})
}

func (c *clusterd) enroll() {
	first := c.n.w.nodes[1].cluster
	name := fmt.Sprintf("n%d", c.n.id)
	first.request(member.MakeToken{Hash: name, Uses: 1})
	first.request(member.Enroll{Name: name, Key: "k" + name, Token: name})
	c.wanted = true
	c.start()
}

func (c *clusterd) request(e member.Entry) {
	c.ids++
	c.give(member.Request{ID: c.ids, Entry: e})
}

func (c *clusterd) tick() {
	if r := c.n.kernel.refused; r > c.refused {
		c.refused = r
		c.give(member.Refused{Count: r})
	}
	if c.n.awake() {
		c.give(member.Tick{})
	}
	if c.machine != nil {
		c.n.w.check.ticked(c.n)
	}
}

func (c *clusterd) receive(from view.NodeID, msg fmt.Stringer) {
	c.give(member.Receive{From: from, Msg: msg.(member.Message)})
}

func (c *clusterd) joined(view.Incarnation, bool) {}

// give hands an event to the machine and carries its actions out, with a crash in between where one is due.
func (c *clusterd) give(e member.Event) {
	if c.machine == nil {
		return
	}
	c.n.w.step()
	if _, quiet := e.(member.Tick); !quiet {
		c.n.w.show(c.n.id, e)
	}
	c.voters = c.machine.Status(c.n.clock.now()).Voters
	for _, a := range c.machine.Step(c.n.clock.now(), e) {
		if c.n.acted() {
			if p, ok := a.(member.Persist); ok {
				c.torn(p)
			}
			return
		}
		c.n.w.show(c.n.id, a)
		if err := member.Do(c, []member.Action{a}); err != nil {
			c.n.w.violate("S6", "%v", err)
		}
	}
}

// torn leaves what a crash in the middle of a write may leave: some entries, without what was to be written last.
func (c *clusterd) torn(p member.Persist) {
	if len(p.Entries) < 2 || p.Snap != nil || p.Reset {
		return
	}
	part := member.Persist{Entries: p.Entries[:c.n.w.rng.IntN(len(p.Entries))]}
	c.disk.Save(part)
	c.n.w.check.persisted(c.n, part)
}

// well says that this node is a member with its lease running and nothing held.
func (c *clusterd) well() bool {
	if c.machine == nil || !c.n.awake() {
		return false
	}
	s := c.machine.Status(c.n.clock.now())
	return s.Condition == view.InView && s.LeaseLeft > 0 && !s.Held && len(s.Condemned) == 0
}
