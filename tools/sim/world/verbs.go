// SPDX-License-Identifier: Apache-2.0

package world

import (
	"maps"
	"slices"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/txn"
)

// What clusterd does for the configd of its host, and for a leave.

// registration is a configd that is connected.
type registration struct {
	life   int // of the configd's process
	start  uint64
	newest *update // not taken yet
}

// update is what a configd is told of its place.
type update struct {
	txn.Cluster
	lease  view.Lease
	unload bool
}

// fenceSet is what must be cut for one group when this node leaves.
type fenceSet struct {
	group, name string
	disks       []string
	volumes     []fenceVolume
}

type fenceVolume struct {
	name, uuid string
	owned      bool // configd has it suspended
}

// sets returns the fence sets by group.
func (k *kernel) sets() []fenceSet {
	var all []fenceSet
	for _, id := range slices.Sorted(maps.Keys(k.fences)) {
		all = append(all, k.fences[id])
	}
	return all
}

// register lets a configd in when the one before it has hung up.
func (c *clusterd) register(life int) bool {
	if c.config != nil || c.machine == nil {
		return false
	}
	c.starts++
	c.config, c.changed = &registration{life: life, start: c.starts}, true
	c.publish()
	return true
}

// hangUp is the end of a configd's connection.
func (c *clusterd) hangUp(life int) {
	if c.config != nil && c.config.life == life {
		c.config = nil
	}
}

// publish tells the connected configd what has changed; what it has not taken yet is replaced. A place in a view is not
// shown while the disks that a leave has cut are not back.
func (c *clusterd) publish() {
	s := c.status
	if !c.changed || c.config == nil || c.machine == nil || c.cut && (s.Condition == view.Joining || s.Condition == view.InView) {
		return
	}
	c.changed = false
	u := &update{lease: c.n.kernel.gate, unload: c.closing, Cluster: txn.Cluster{
		ID: s.Cluster, Node: c.n.id, Inc: s.Incarnation, Start: c.config.start, Condition: s.Condition, View: s.View,
	}}
	for _, id := range slices.Sorted(maps.Keys(c.homes)) {
		u.Homes = append(u.Homes, c.homes[id])
	}
	reg := c.config
	idle := reg.newest == nil
	reg.newest = u
	if idle {
		c.n.config.within(2*time.Millisecond, func() {
			u := reg.newest
			if reg.newest = nil; c.n.config.life == reg.life { // else it hears nothing of an old connection
				c.n.config.update(*u)
			}
		})
	}
}

// putFence takes a fence set over and says whether the volumes are held. What is handed back while they are not is
// resumed here too.
func (c *clusterd) putFence(start uint64, set fenceSet, drop bool) (holding bool, err string) {
	k := &c.n.kernel
	cond := c.status.Condition
	switch {
	case c.config == nil || c.config.start != start:
		return false, "this configd is not the registered one"
	case cond != view.Joining && cond != view.InView && cond != view.Leaving:
		return false, "this node is " + cond.String()
	case k.leaving:
		return false, "this node is leaving"
	case drop:
		delete(k.fences, set.group)
		return false, ""
	}
	before := k.fences[set.group]
	k.fences[set.group] = set
	for _, v := range set.volumes {
		was := slices.IndexFunc(before.volumes, func(x fenceVolume) bool { return x.uuid == v.uuid && x.owned })
		if was >= 0 && !v.owned && !c.holding {
			c.run("volumes", func(done func()) {
				c.within(2*time.Millisecond, func() { _ = k.vols.Resume(v.name); done() })
			})
		}
	}
	return c.holding, ""
}

// joined takes the result of a configuration join.
func (c *clusterd) joined(seq view.Seq, reason view.Reason) {
	s := c.status
	if c.seen != s.Incarnation {
		c.seen, c.seenIn = s.Incarnation, s.View.Seq
	}
	if s.Condition == view.Joining && (seq == s.View.Seq || seq >= c.seenIn) {
		c.give(member.ConfigJoined{Inc: s.Incarnation, Reason: reason})
	}
}

// putHome replaces a home record in the cluster's log if it is still what was expected.
func (c *clusterd) putHome(expect, record view.Home, back func(now view.Home, err string)) {
	if h, ok := c.homes[record.GroupID]; ok && h != expect && h != record {
		back(h, "")
		return
	}
	c.ids++
	c.requests[c.ids] = func(r member.Reply) {
		c.later(0, func() { // once all is shown
			now := c.homes[record.GroupID]
			if r.Err != nil && now != record {
				back(now, r.Err.Error())
				return
			}
			back(now, "")
		})
	}
	c.give(member.Request{ID: c.ids, Entry: member.SetHome{Home: record}})
}

// leave goes from below upwards: the gate is shut already, the transport is cut, the volumes answer with errors and go
// aside when nothing of this node is under way any more. It is finished by the next clusterd if this one dies in it.
func (c *clusterd) leave(done func()) {
	k := &c.n.kernel
	c.closing, c.holding, c.changed, k.leaving = false, false, true, true
	sets := k.sets()
	c.within(5*time.Millisecond, func() {
		k.cut()
		c.within(20*time.Millisecond, func() {
			c.eachLeft(sets, k.vols.toError)
			c.later(c.n.w.between(2*wireTerm, 400*time.Millisecond), func() {
				c.eachLeft(sets, func(name string) { c.aside(name) })
				clear(k.fences)
				k.leaving, c.cut, c.changed = false, true, true
				c.n.w.cover.Leaves++
				done()
				c.publish()
			})
		})
	})
}

// eachLeft does something with every device of the sets that exists.
func (c *clusterd) eachLeft(sets []fenceSet, do func(name string)) {
	for _, set := range sets {
		for _, v := range set.volumes {
			if info, ok := c.n.kernel.vols.byUUID(v.uuid); ok {
				do(info.Name)
			}
		}
	}
}

// aside frees the name of a device that was left. It is removed when its last user closes it.
func (c *clusterd) aside(name string) {
	c.n.w.serial++
	to := name + "-left-" + time.Duration(c.n.w.serial).String()
	v, boot := c.n.kernel.vols, c.n.kernel.boot
	if v.Rename(name, to) == nil {
		c.n.w.after(c.n.w.between(0, 10*time.Second), func() {
			if c.n.kernel.boot == boot {
				_ = v.Remove(to)
			}
		})
	}
}

// back brings the disks back that a leave has cut.
func (c *clusterd) back() {
	if !c.cut || c.backing {
		return
	}
	c.backing = true
	c.within(300*time.Millisecond, func() {
		c.n.kernel.gone, c.backing, c.cut, c.changed = false, false, false, true
		c.n.kernel.vols.replug()
		c.publish()
	})
}
