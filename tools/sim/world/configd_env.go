// SPDX-License-Identifier: Apache-2.0

package world

import (
	"strings"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/txn"
	"github.com/plexus-cvm/plexus/dm"
)

var _ txn.Env = (*configd)(nil)

// scanLimit is how long a read waits for a disk whose path is cut.
const scanLimit = 2 * time.Second

// Scan reads all labels; what cannot be read in time is not there.
func (c *configd) Scan(a txn.Scan) {
	inc, since := c.place.Inc, c.n.w.now
	c.run("scan", func(done func()) {
		var read func()
		read = func() {
			if c.n.kernel.pathCut > 0 && c.n.w.now-since < scanLimit {
				c.later(100*time.Millisecond, read)
				return
			}
			e := c.scanned(a.Op, inc)
			done()
			c.step(e)
		}
		c.within(5*time.Millisecond, read)
	})
}

func (c *configd) scanned(op txn.Op, inc view.Incarnation) txn.Scanned {
	e, k := txn.Scanned{Op: op}, &c.n.kernel
	clear(c.seen)
	for _, d := range c.n.w.disks.list {
		_, guarded := k.guard[d.id]
		if k.gone || k.missing[d.id] || k.pathCut > 0 || guarded && !k.gate.Open(c.n.clock.now()) {
			continue
		}
		if l, err := d.read(); err == nil {
			c.seen[d.id] = true
			e.Disks = append(e.Disks, txn.Disk{ID: d.id, Label: l})
		}
	}
	states, err := dm.Observe(k.vols, func(i dm.Info) bool { return incarnationOf(i.UUID) == inc })
	if err != nil {
		panic("BUG: " + err.Error())
	}
	held := map[string]bool{}
	for _, s := range states {
		group := partsOf(s.UUID)[0]
		if s.Suspended && !held[group] {
			held[group] = true
			e.Held = append(e.Held, group)
		}
		if volume := partsOf(s.UUID)[1]; volume == firstVolume && k.users {
			e.Open = append(e.Open, txn.Open{Group: group, Volume: volume, Holder: "the writer"})
		}
	}
	return e
}

// Write writes a label if the gate is open for this incarnation. It looks at the gate itself: what it was told of the
// lease may be old, and a disk that is new in its group is not guarded yet.
func (c *configd) Write(a txn.Write) {
	inc := c.place.Inc
	c.run("disk "+a.Write.Disk, func(done func()) {
		end := func(err string) { c.soon(func() { done(); c.step(txn.Written{Op: a.Op, Err: err}) }) }
		c.within(2*time.Millisecond, func() {
			switch {
			case !c.seen[a.Write.Disk]:
				end("the disk was not found")
			case !c.in(inc):
				end("this node leaves its cluster")
			case !c.n.kernel.open(inc):
				end("this node has no lease")
			default:
				life := c.life
				c.n.kernel.writeLabel(inc, a.Write, func(err string) {
					if c.life == life {
						end(err)
					}
				})
			}
		})
	})
}

func (c *configd) PutHome(a txn.PutHome) {
	c.run("home", func(done func()) {
		e := txn.HomePut{Op: a.Op}
		c.ask(func(cl *clusterd, end func(string)) {
			cl.putHome(a.Expect, a.Record, func(now view.Home, err string) {
				e.Current, e.Ok = now, now == a.Record
				end(err)
			})
		}, func(err string) {
			if e.Err = err; e.Ok {
				e.Err = ""
			}
			done()
			c.step(e)
		})
	})
}

func (c *configd) Send(a txn.Send) {
	if b, ok := a.Message.Body.(txn.Abort); ok {
		c.n.w.aborted[b.Tx] = true
	}
	c.n.w.net.send(c.n.id, a.To, configdService, a.Message)
}

// finish does work in the lane of a group's devices and reports its end.
func (c *configd) finish(op txn.Op, group string, work func(end func(holding bool, err string))) {
	inc := c.place.Inc
	c.run("group "+group, func(done func()) {
		if !c.in(inc) {
			c.soon(func() { done(); c.step(txn.Finished{Op: op, Err: "this node leaves its cluster"}) })
			return
		}
		work(func(holding bool, err string) {
			done()
			c.step(txn.Finished{Op: op, Err: err, Holding: holding})
		})
	})
}

// in says that this incarnation is in the cluster still, and has its volumes.
func (c *configd) in(inc view.Incarnation) bool {
	return c.place.Inc == inc && c.unloaded != inc &&
		(c.place.Condition == view.Joining || c.place.Condition == view.InView || c.place.Condition == view.Leaving)
}

// leftovers takes away what earlier incarnations have left of the volumes behind the back of their leave: a daemon that
// was in the middle of a change then. Their names must be free.
func (c *configd) leftovers() {
	c.run("group "+theGroup, func(done func()) {
		c.within(opMost, func() {
			v := c.n.kernel.vols
			list, _ := v.List()
			for _, e := range list {
				info, err := v.Info(e.Name)
				if err == nil && incarnationOf(info.UUID) != c.place.Inc && !strings.Contains(e.Name, "-left-") {
					v.toError(e.Name)
					c.n.cluster.aside(e.Name)
				}
			}
			done()
		})
	})
}

// ended turns an error into the end of an action.
func ended(end func(bool, string)) func(error) {
	return func(err error) {
		if err != nil {
			end(false, err.Error())
			return
		}
		end(false, "")
	}
}

func (c *configd) Guard(a txn.Guard) {
	c.finish(a.Op, a.Group, func(end func(bool, string)) {
		c.within(time.Millisecond, func() {
			for _, d := range a.Disks {
				if c.seen[d] && !c.n.kernel.gone {
					c.n.kernel.guard[d] = a.Group
				}
			}
			end(false, "")
		})
	})
}

func (c *configd) Hand(a txn.Hand) {
	start, inc := c.place.Start, c.place.Inc
	set := fenceSet{group: a.Fence.Group, name: a.Fence.Name}
	for _, d := range a.Fence.Disks {
		if c.seen[d] {
			set.disks = append(set.disks, d)
		}
	}
	for _, v := range a.Fence.Volumes {
		set.volumes = append(set.volumes, fenceVolume{dm.VolumeName(a.Fence.Name, v.Name), uuidOf(set.group, v.ID, inc), v.Owned})
	}
	c.finish(a.Op, a.Fence.Group, func(end func(bool, string)) {
		holding := false
		c.ask(func(cl *clusterd, answer func(string)) {
			h, err := cl.putFence(start, set, len(a.Fence.Disks) == 0)
			holding = h
			answer(err)
		}, func(err string) { end(holding, err) })
	})
}

func (c *configd) Load(a txn.Load) {
	inc := c.place.Inc
	c.finish(a.Op, a.Want.ID, func(end func(bool, string)) {
		c.n.kernel.vols.going = a.Want.Version
		c.load(a.Want, inc, a.Deadline, ended(end))
	})
}

func (c *configd) Resume(a txn.Resume) {
	inc := c.place.Inc
	c.finish(a.Op, a.Want.ID, func(end func(bool, string)) {
		c.resume(a.Want, inc, a.Holding, func(err error) {
			if err == nil {
				c.n.kernel.vols.version = a.Want.Version
				c.n.w.check.running(c.n)
			}
			ended(end)(err)
		})
	})
}

func (c *configd) Clear(a txn.Clear) {
	inc := c.place.Inc
	c.finish(a.Op, a.Want.ID, func(end func(bool, string)) {
		c.within(opMost, func() { ended(end)(c.clear(a.Want.ID, inc)) })
	})
}

func (c *configd) Revive(a txn.Revive) {
	inc := c.place.Inc
	c.finish(a.Op, a.Want.ID, func(end func(bool, string)) {
		if a.Have != nil {
			c.n.kernel.vols.going = a.Have.Version
		}
		c.reach(a.Have, a.Want.ID, inc, a.Holding, ended(end))
	})
}

// Fail puts the error table under all devices of a group, of whatever incarnation.
func (c *configd) Fail(a txn.Fail) {
	c.run("group "+a.Group, func(done func()) {
		c.within(opMost, func() {
			list, _ := c.n.kernel.vols.List()
			for _, e := range list {
				if info, err := c.n.kernel.vols.Info(e.Name); err == nil && partsOf(info.UUID)[0] == a.Group {
					c.n.kernel.vols.toError(e.Name)
				}
			}
			done()
		})
	})
}

func (c *configd) Leave(a txn.Leave) {
	c.n.w.cover.GaveUp++
	c.tell(func(cl *clusterd) { cl.give(member.Failed{Reason: a.Reason}) })
}

func (c *configd) Accuse(a txn.Accuse) {
	c.tell(func(cl *clusterd) { cl.give(member.Suspect{Node: a.Node}) })
}

func (c *configd) ReportJoin(a txn.ReportJoin) {
	c.tell(func(cl *clusterd) { cl.joined(a.View, a.Reason) })
}

func (c *configd) Answer(a txn.Answer) { c.n.w.clients.answered(a) }

// Arm sets the one timer. It is never early.
func (c *configd) Arm(a txn.Arm) {
	c.timers++
	if a.At == 0 {
		return
	}
	mine := c.timers
	var fire func()
	fire = func() {
		if c.timers != mine {
			return
		}
		if left := a.At.Sub(c.n.clock.now()); left > 0 {
			c.later(left+left/1000+time.Microsecond, fire)
			return
		}
		c.step(txn.Tick{})
	}
	c.later(max(0, a.At.Sub(c.n.clock.now())), fire)
}

// unload takes the volumes away for a clean leave once nobody has any open.
func (c *configd) unload() {
	if !c.place.unload || c.closing || c.machine == nil {
		return
	}
	inc, start := c.place.Inc, c.place.Start
	var groups []string
	s := c.machine.Status()
	if s.Change != nil {
		return
	}
	for _, g := range s.Groups {
		if g.Tables != "resting" || g.Proposed != 0 {
			return // a change is under way: it ends first
		}
		groups = append(groups, g.ID)
	}
	c.closing = true
	c.run("clusterd", func(done func()) {
		over := func() { c.closing = false; done() }
		c.within(opMost, func() { c.unloadAll(groups, inc, start, over) })
	})
}

func (c *configd) unloadAll(groups []string, inc view.Incarnation, start uint64, over func()) {
	k := &c.n.kernel
	inflight := 0
	for _, n := range k.vols.inflight {
		inflight += n
	}
	busy := k.labels > 0
	for lane := range c.lanes {
		busy = busy || strings.HasPrefix(lane, "group ") || strings.HasPrefix(lane, "disk ")
	}
	if k.users || inflight > 0 || busy {
		over()
		return
	}
	c.unloaded = inc // from here on nothing is loaded any more in this incarnation
	var next func(i int)
	next = func(i int) {
		if i == len(groups) {
			over()
			return
		}
		c.unloadOne(groups[i], inc, start, func(err string) {
			if err != "" {
				over()
				return
			}
			next(i + 1)
		})
	}
	next(0)
}

func (c *configd) unloadOne(id string, inc view.Incarnation, start uint64, done func(err string)) {
	var none *config.Group
	c.reach(none, id, inc, false, func(err error) {
		if err != nil {
			done(err.Error())
			return
		}
		for d, g := range c.n.kernel.guard {
			if g == id {
				delete(c.n.kernel.guard, d)
			}
		}
		c.ask(func(cl *clusterd, end func(string)) {
			_, err := cl.putFence(start, fenceSet{group: id}, true)
			end(err)
		}, done)
	})
}
