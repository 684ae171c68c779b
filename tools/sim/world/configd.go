// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/txn"
	"github.com/plexus-cvm/plexus/dm"
)

const (
	configdService = 1
	knockEvery     = time.Second
	tellTries      = 60
)

// configd is the transaction machine of a host with a daemon around it. It is the machine's Env.
type configd struct {
	daemon
	machine  *txn.Machine
	starts   uint64 // on disk
	place    update // as taken last
	seen     map[string]bool
	prepared map[string]dm.Plan
	timers   int
	knocking bool
	closing  bool // an unload is under way
	unloaded view.Incarnation
	busy     bool // a fault: tables cannot be loaded
	quiet    bool // the event under way is not worth a line
}

func (c *configd) start() {
	c.starts++
	c.machine = txn.New(txn.Options{Start: c.starts, Protocol: txn.ProtocolNow, Times: txn.TimesFrom(c.n.w.times)})
	c.seen, c.prepared = map[string]bool{}, map[string]dm.Plan{}
	if c.step(txn.Tick{}); c.running { // it may die of its first action
		c.knock()
	}
}

func (c *configd) kill() {
	c.n.kernel.vols.released(&c.daemon)
	c.n.w.clients.lost(c.n.id)
	life := c.life
	if cl := c.n.cluster; cl.running {
		cl.within(3*time.Millisecond, func() { cl.hangUp(life) })
	}
	*c = configd{daemon: c.daemon, starts: c.starts, busy: c.busy}
}

func (c *configd) tick() {
	if c.machine != nil {
		c.unload()
	}
}

// knock registers with clusterd, again and again until it is let in.
func (c *configd) knock() {
	if c.knocking {
		return
	}
	c.knocking = true
	var again func()
	again = func() {
		if cl := c.n.cluster; cl.running && cl.awake() && cl.register(c.life) {
			c.knocking = false
			return
		}
		c.later(knockEvery, again)
	}
	c.within(20*time.Millisecond, again)
}

// hungUp is the loss of the connection to clusterd.
func (c *configd) hungUp() {
	c.place.unload = false
	c.later(knockEvery, c.knock)
}

func (c *configd) receive(_ view.NodeID, msg fmt.Stringer) {
	c.step(txn.Received{Message: msg.(txn.Message)})
}

// update takes up what clusterd says of this node's place.
func (c *configd) update(u update) {
	was := c.place
	c.place = u
	if was.Inc != u.Inc && u.Inc != 0 {
		c.leftovers()
	}
	c.quiet = was.Start == u.Start && was.Condition == u.Condition && was.View.Seq == u.View.Seq && was.Inc == u.Inc
	c.step(u.Cluster)
	c.quiet = true
	c.step(txn.Lease{Lease: u.lease})
	c.quiet = false
	c.unload()
}

// step hands an event to the machine and carries its actions out, with a crash in between where one is due.
func (c *configd) step(e txn.Event) {
	if c.machine == nil || c.n.w.over {
		return
	}
	c.n.w.step()
	if _, tick := e.(txn.Tick); !tick && !c.quiet {
		c.n.w.show(c.n.id, e)
	}
	quiet := c.quiet
	for _, a := range c.machine.Step(c.n.clock.now(), e) {
		if c.n.acted() {
			return
		}
		if _, arm := a.(txn.Arm); !arm {
			c.n.w.show(c.n.id, a)
			quiet = false
		}
		txn.Do(c, []txn.Action{a})
	}
	if !quiet {
		c.n.w.check.configured(c.n)
	}
}

// call is a request to clusterd under way.
type call struct {
	c    *configd
	over bool
	back func(err string)
}

// end is the answer, or the loss of the connection.
func (x *call) end(err string) {
	if !x.over {
		x.over = true
		x.c.within(2*time.Millisecond, func() { x.back(err) })
	}
}

// ask has clusterd do something; back gets the error, which is also that clusterd is not there.
func (c *configd) ask(verb func(cl *clusterd, end func(err string)), back func(err string)) {
	cl := c.n.cluster
	x := &call{c: c, back: back}
	if !cl.running || cl.machine == nil {
		x.end("clusterd is not running")
		return
	}
	keep := cl.calls[:0]
	for _, o := range cl.calls {
		if !o.over {
			keep = append(keep, o)
		}
	}
	cl.calls = append(keep, x)
	cl.within(2*time.Millisecond, func() { verb(cl, x.end) })
}

// tell says something to clusterd, in order, and again until it is heard.
func (c *configd) tell(verb func(cl *clusterd)) {
	c.run("clusterd", func(done func()) {
		tries := 0
		var try func()
		try = func() {
			tries++
			c.ask(func(cl *clusterd, end func(string)) { verb(cl); end("") }, func(err string) {
				if err == "" || tries >= tellTries {
					done()
					return
				}
				c.later(knockEvery, try)
			})
		}
		try()
	})
}

// well says that this node follows: one version, its tables running, nothing under way.
func (c *configd) well() bool {
	if c.machine == nil || !c.awake() {
		return false
	}
	s := c.machine.Status()
	if s.Role == "out" || s.Stage != "" || s.Change != nil || s.Waits > 0 || len(s.Groups) != len(c.n.w.history.versions) {
		return false
	}
	for _, g := range s.Groups {
		if !g.Enabled || g.Tables != "resting" || g.Proposed != 0 || g.Version != c.n.w.history.latest(g.ID) {
			return false
		}
	}
	states, err := dm.Observe(c.n.kernel.vols, func(i dm.Info) bool { return i.Suspended || i.HasInactive })
	return err == nil && len(states) == 0
}
