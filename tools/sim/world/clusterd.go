// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

const cluster = view.ClusterID("0123456789abcdef0123456789abcdef")

// rejoinAfter is how long a node stays out at least after a leave that nobody asked for.
const rejoinAfter = 300 * time.Millisecond

// clusterd is the membership machine of a host with a daemon around it. It is the machine's Env.
type clusterd struct {
	daemon
	disk    member.Disk
	machine *member.Machine
	lives   uint64
	starts  uint64 // of configds that have registered; on disk
	ids     uint64
	wanted  bool          // this node is to be in the cluster
	voters  []view.NodeID // before the event under way

	refused  uint64 // told to the machine
	homes    map[string]view.Home
	requests map[uint64]func(member.Reply)
	calls    []*call
	config   *registration // nil: no configd is connected
	changed  bool          // it has to be told
	holding  bool
	closing  bool // a clean leave waits for the volumes
	cut      bool // a leave cut the disks, and they are not back
	backing  bool // they are on their way
	status   member.Status
	seen     view.Incarnation // of the latest configuration join told
	seenIn   view.Seq
}

func (c *clusterd) start() {
	c.lives++
	m, err := member.New(member.Config{Node: c.n.id, Times: c.n.w.times, Life: c.lives * 1000}, c.disk)
	if err != nil {
		c.n.w.violate("S6", "node %d does not start from its disk: %v", c.n.id, err)
		return
	}
	c.machine, c.refused = m, c.n.kernel.refused
	c.homes, c.requests = map[string]view.Home{}, map[uint64]func(member.Reply){}
	c.cut = c.n.kernel.gone
	if len(c.n.kernel.fences) > 0 { // the leave that is to be finished first
		c.n.kernel.setLease(view.Lease{State: view.LeaseFenced}, 0)
		c.leave(c.join)
		return
	}
	c.n.kernel.setLease(view.Lease{}, 0)
	if c.wanted {
		c.later(c.n.w.between(50*time.Millisecond, 300*time.Millisecond), c.join)
	}
}

func (c *clusterd) kill() {
	c.n.kernel.vols.released(&c.daemon)
	for _, x := range c.calls {
		x.end("clusterd hung up")
	}
	if c.config != nil {
		c.n.config.later(time.Millisecond, c.n.config.hungUp)
	}
	*c = clusterd{daemon: c.daemon, disk: c.disk, lives: c.lives, starts: c.starts, ids: c.ids, wanted: c.wanted}
}

func (c *clusterd) join() {
	if c.machine == nil || !c.wanted || c.machine.Status(c.n.clock.now()).Condition != view.Out {
		return
	}
	var peers []view.NodeID
	for _, o := range c.n.w.nodes[1:] {
		peers = append(peers, o.id)
	}
	c.n.kernel.users = true
	c.give(member.Join{Cluster: cluster, Peers: peers})
	c.give(member.Disks{Reach: 3, InFlight: c.n.w.plan.term})
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
	c.homes, c.requests = map[string]view.Home{}, map[uint64]func(member.Reply){}
	c.give(member.Disks{Reach: 3, InFlight: c.n.w.plan.term})
	c.give(member.Init{Cluster: cluster, Self: member.Record{Name: "n1", Key: "k1"}})
	c.n.config.start()
}

func (c *clusterd) enroll() {
	first := c.n.w.nodes[1].cluster
	name := fmt.Sprintf("n%d", c.n.id)
	first.request(member.MakeToken{Hash: name, Uses: 1})
	first.request(member.Enroll{Name: name, Key: "k" + name, Token: name})
	c.wanted = true
	c.start()
	c.n.config.start()
}

func (c *clusterd) request(e member.Entry) {
	c.ids++
	c.give(member.Request{ID: c.ids, Entry: e})
}

func (c *clusterd) tick() {
	if c.machine == nil {
		return
	}
	if r := c.n.kernel.refused; r > c.refused {
		c.refused = r
		c.give(member.Refused{Count: r})
	}
	if c.awake() {
		c.give(member.Tick{})
	}
	if c.machine != nil {
		c.n.w.check.ticked(c.n)
		c.finishClose()
	}
}

func (c *clusterd) receive(from view.NodeID, msg fmt.Stringer) {
	c.give(member.Receive{From: from, Msg: msg.(member.Message)})
}

// give hands an event to the machine and carries its actions out, with a crash in between where one is due.
func (c *clusterd) give(e member.Event) {
	if c.machine == nil || c.n.w.over {
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
	before := c.status
	c.status = c.machine.Status(c.n.clock.now())
	if before.Condition != c.status.Condition || before.Incarnation != c.status.Incarnation {
		c.changed = true
	}
	c.publish()
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
	if c.machine == nil || !c.awake() {
		return false
	}
	s := c.machine.Status(c.n.clock.now())
	return s.Condition == view.InView && s.LeaseLeft > 0 && !s.Held && len(s.Condemned) == 0
}
