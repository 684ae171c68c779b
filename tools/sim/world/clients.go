// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/txn"
)

var (
	theGroup    = idOf('a', 1)
	firstVolume = idOf('b', 0) // it is open on every member, and stays
)

// clients ask for changes on any node, and remember what they were told.
type clients struct {
	w       *World
	last    uint64
	waiting map[uint64]*request
	all     []*request
	closed  map[string]bool // volumes that nobody writes to any more, for they are to go
}

// request is one change asked for.
type request struct {
	id     uint64
	node   view.NodeID
	volume string // id of the one to be removed
	change config.Change
	ended  bool
	answer txn.Answer // when ended: without an answer the outcome is not known
}

func (r *request) String() string { return fmt.Sprintf("request %d: %v", r.id, r.change) }

func newClients(w *World) clients {
	return clients{w: w, waiting: map[uint64]*request{}, closed: map[string]bool{}}
}

// found creates the group with its first volume.
func (c *clients) found() {
	g := config.CreateGroup{Name: "g", ID: theGroup, Shared: true, Cluster: cluster}
	for _, d := range c.w.disks.list[:c.w.plan.disks-c.w.plan.spare] {
		g.Disks = append(g.Disks, c.disk(d))
	}
	c.ask(c.w.nodes[1], g)
	c.w.runUntil(c.w.now+time.Second, nil)
	c.ask(c.w.nodes[1], config.CreateVolume{Name: "v0", ID: firstVolume, Layout: config.Concat, Size: config.Size{Amount: 2 * config.Extent}})
}

func (c *clients) disk(d *disk) config.Disk {
	m, err := d.member()
	if err != nil {
		c.w.violate("S6", "the label of disk %s cannot be read: %v", d.id, err)
	}
	return m
}

func (c *clients) ask(n *node, change config.Change) *request {
	c.last++
	r := &request{id: c.last, node: n.id, change: change}
	c.waiting[r.id] = r
	c.all = append(c.all, r)
	n.config.step(txn.Request{ID: r.id, Group: theGroup, Change: change})
	return r
}

// go on for as long as there are faults.
func (c *clients) next() {
	if c.w.plan.over {
		return
	}
	if n := c.w.someone(); n.config.machine != nil && n.config.awake() {
		c.random(n)
	}
	c.w.after(c.w.between(50*time.Millisecond, c.w.plan.think), c.next)
}

// random asks for something that may be possible as the node sees it.
func (c *clients) random(n *node) {
	rng := c.w.rng
	groups := n.config.machine.Status().Groups
	size := config.Size{Amount: config.Extent * config.Sectors(1+rng.IntN(4))}
	id := int(c.last) + 1
	create := config.CreateVolume{Name: fmt.Sprintf("v%d", id), ID: idOf('b', id), Layout: config.Concat, Size: size}
	if len(groups) == 0 || groups[0].Config == nil || len(groups[0].Config.Volumes) == 0 {
		c.ask(n, create)
		return
	}
	volumes := groups[0].Config.Volumes
	v := volumes[rng.IntN(len(volumes))]
	switch k := rng.IntN(13); {
	case k < 5 || k < 8 && v.ID == firstVolume:
		c.ask(n, create)
	case k < 8:
		c.closed[v.ID] = true
		r := c.ask(n, config.RemoveVolume{Volume: v.Name})
		r.volume = v.ID
		if r.ended && r.answer.Outcome == txn.Refused {
			delete(c.closed, v.ID)
		}
	case k < 10:
		size.Sign = '+'
		c.ask(n, config.Resize{Volume: v.Name, Size: size})
	case k < 12:
		size.Amount = config.Extent
		c.ask(n, config.Resize{Volume: v.Name, Size: size, Shrink: true})
	default:
		list := c.w.disks.list
		c.ask(n, config.AddDisks{Disks: []config.Disk{c.disk(list[len(list)-1])}})
	}
}

func (c *clients) answered(a txn.Answer) {
	r := c.waiting[a.ID]
	if r == nil {
		c.w.violate("S4", "request %d was answered twice, or nobody asked", a.ID)
		return
	}
	delete(c.waiting, a.ID)
	r.ended, r.answer = true, a
	if a.Outcome == txn.Refused && r.volume != "" {
		delete(c.closed, r.volume)
	}
	c.w.check.configured(c.w.nodes[r.node])
	c.w.history.answered(r)
}

// lost is for the clients of a daemon that has died.
func (c *clients) lost(n view.NodeID) {
	for _, r := range c.all {
		if r.node == n && !r.ended {
			r.ended, r.answer = true, txn.Answer{ID: r.id, Outcome: txn.Unknown}
			delete(c.waiting, r.id)
		}
	}
}
