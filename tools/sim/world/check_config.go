// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/label"
	"github.com/plexus-cvm/plexus/dm"
)

// tornLooks is how often a write that lands is looked at half done.
const tornLooks = 0.1

// configured looks at what a node has in force: S3 and S4.
func (c *checker) configured(n *node) {
	if n.config.machine == nil {
		return
	}
	for _, g := range n.config.machine.Status().Groups {
		if g.Version > 0 {
			c.w.history.seen(n.id, g)
		}
	}
}

// homed remembers the newest home record that any node has shown.
func (c *checker) homed(h view.Home) {
	if h.Ballot.Compare(c.homes[h.GroupID].Ballot) > 0 {
		c.homes[h.GroupID] = h
	}
}

// beyond says that a write of a former member was held up by a fault that its fence level does not cover.
func (c *checker) beyond(b *bio) bool {
	who := life{b.node, b.inc}
	_, gone := c.gone[who]
	return gone && (b.exposed || c.excused[who])
}

// labels checks S6: whoever comes now and reads finds what is in force, or what came after it.
func (c *checker) labels(when string) {
	last := c.w.history.latest(theGroup)
	if last == 0 {
		return
	}
	choice, err := label.Choose(label.Want{Group: theGroup, Cluster: cluster}, c.w.disks.labels(), c.homes[theGroup])
	switch {
	case err != nil:
		c.w.violate("S6", "after %s: %v", when, err)
	case choice.Group.Version < last:
		c.w.violate("S4", "after %s the labels say version %d, and version %d was in force", when, choice.Group.Version, last)
	case choice.Group.Version == last && choice.Hash != c.w.history.hashes[groupVersion{theGroup, last}]:
		c.w.violate("S3", "after %s the labels say version %d is %.12s", when, last, choice.Hash)
	}
}

// torn looks, now and then, at the labels as a crash in the middle of this write would leave them.
func (c *checker) torn(b *bio) {
	if !c.w.chance(tornLooks) {
		return
	}
	d := c.w.disks.find(b.label.Disk)
	before, _ := d.get(b.label.Offset, len(b.label.Bytes))
	d.put(b.label, func(int) bool { return c.w.chance(0.5) })
	c.labels(fmt.Sprintf("half a write of node %d", b.node))
	d.put(label.Write{Disk: d.id, Offset: b.label.Offset, Bytes: before}, func(int) bool { return true })
}

// written checks a label write that has landed: S3 for its text, S7 for its writer, S6 for what can be read now.
func (c *checker) written(b *bio) {
	if s, err := label.DecodeSlot(b.label.Bytes); err == nil {
		c.w.history.same(b.node, s.Group, s.Version, s.Hash)
		c.writer(b, fmt.Sprintf("slot of %s under %v", b.label.Disk, s.Ballot))
		return
	}
	h, err := label.DecodeHeader(b.label.Bytes)
	if err != nil {
		c.w.violate("S6", "node %d writes a label that nobody can read: %v", b.node, err)
		return
	}
	c.writer(b, fmt.Sprintf("header of %s under %v", b.label.Disk, h.Ballot))
	c.labels(fmt.Sprintf("a header of node %d", b.node))
}

// writer checks that a label has one writer in a transaction. Another may follow one that has left the view.
func (c *checker) writer(b *bio, what string) {
	who := life{b.node, b.inc}
	old, ok := c.writers[what]
	if _, gone := c.gone[old]; ok && old != who && !gone {
		c.w.violate("S7", "the %s is written by %v and by %v", what, old, who)
	}
	c.writers[what] = who
}

// loaded checks S7 for a table: its disks are guarded for the group, and the fence set with the volume is handed over.
func (c *checker) loaded(n *node, name string, t dm.Table) {
	info, err := n.kernel.vols.Info(name)
	if err != nil {
		return
	}
	group := partsOf(info.UUID)[0]
	for _, seg := range t {
		l, ok := seg.Target.(dm.Linear)
		if !ok {
			continue
		}
		d := n.kernel.vols.disk(l.Dev.Num)
		if d == nil || n.kernel.gone {
			continue // it stands on what was cut
		}
		if n.kernel.guard[d.id] != group {
			c.w.violate("S7", "node %d loads %s on disk %s, which is not guarded", n.id, name, d.id)
		}
		has := func(v fenceVolume) bool { return v.uuid == info.UUID }
		if !slices.ContainsFunc(n.kernel.fences[group].volumes, has) {
			c.w.violate("S7", "node %d loads %s (%s), which is in no fence set", n.id, name, info.UUID)
		}
	}
}

// running checks S5 and S9 when something begins to run on a node: no other node that can do I/O maps a sector of a
// volume, or a sector of a disk, to another place; and no device of an earlier incarnation is among them.
func (c *checker) running(n *node) {
	if !c.active(n) {
		return
	}
	mine := n.kernel.vols.running()
	for _, d := range mine {
		if d.inc != n.kernel.gateInc {
			c.w.violate("S9", "device %s (%s), made in incarnation %d, runs on node %d in incarnation %d", d.name, d.uuid, d.inc, n.id, n.kernel.gateInc)
		}
	}
	for _, o := range c.w.nodes[1:] {
		writes := n.kernel.gate.State == view.LeaseRunning || o.kernel.gate.State == view.LeaseRunning
		if o == n || !writes || !c.active(o) {
			continue
		}
		for _, a := range mine {
			for _, b := range o.kernel.vols.running() {
				c.apart(n, o, a, b)
			}
		}
		c.behind(n, o)
		c.behind(o, n)
	}
}

// behind checks S5 for two nodes of which one has gone on to a later version: what that has shortened or moved does not
// run as it was before on the other, for that would have come back to its old tables after the ack.
func (c *checker) behind(old, next *node) {
	if old.kernel.vols.going >= next.kernel.vols.version {
		return
	}
	for _, a := range old.kernel.vols.running() {
		for _, b := range next.kernel.vols.running() {
			if a.volume == b.volume && a.length > b.length {
				c.w.violate("S5", "node %d runs %s with %d sectors by version %d, and node %d with %d by version %d", old.id, a.name, a.length,
					old.kernel.vols.going, next.id, b.length, next.kernel.vols.version)
			}
		}
	}
}

// active says that a node can do I/O, and is not beyond what is promised.
func (c *checker) active(n *node) bool {
	who := life{n.id, n.kernel.gateInc}
	_, gone := c.gone[who]
	return n.up && n.kernel.gate.Open(n.clock.now()) && !(gone && c.excused[who])
}

// apart checks S5 for one device on each of two nodes.
func (c *checker) apart(n, o *node, a, b mapped) {
	for _, p := range a.pieces {
		for _, q := range b.pieces {
			samePlace := p.disk == q.disk && p.on < q.on+q.length && q.on < p.on+p.length
			sameSector := a.volume == b.volume && p.at < q.at+q.length && q.at < p.at+p.length
			agree := p.disk == q.disk && a.volume == b.volume && p.at-p.on == q.at-q.on
			if (samePlace || sameSector) && !agree {
				c.w.violate("S5", "node %d maps %s at %d to %s:%d, node %d maps %s at %d to %s:%d, both %d sectors or so",
					n.id, a.name, p.at, p.disk.id, p.on, o.id, b.name, q.at, q.disk.id, q.on, p.length)
			}
		}
	}
}
