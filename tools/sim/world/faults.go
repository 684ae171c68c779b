// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"strings"
	"time"
)

// plan is what the seed says about a run, printed before anything else.
type plan struct {
	calm  bool // hosts crash one at a time, nothing else: L2 is checked
	wire  bool // fence level wire, else bio
	term  time.Duration
	disks int           // shared ones
	spare int           // of those, not in the group at first
	think time.Duration // between two changes asked for, at most
	kinds []kind
	over  bool
}

// kind is a fault that a run may inject.
type kind struct {
	name string
	do   func(*World)
}

func (p plan) String() string {
	words := make([]string, len(p.kinds))
	for i, k := range p.kinds {
		words[i] = k.name
	}
	level := "bio"
	if p.wire {
		level = "wire"
	}
	return fmt.Sprintf("level %s, in-flight term %v, %d+%d disks, a change every %v: %s", level, p.term, p.disks-p.spare, p.spare, p.think, strings.Join(words, " "))
}

func (w *World) draw() plan {
	p := plan{wire: w.chance(0.5), disks: 2 + w.rng.IntN(disksMax-1), spare: 1, think: w.between(300*time.Millisecond, 3*time.Second)}
	terms := []time.Duration{2 * wireTerm, 100 * time.Millisecond, 500 * time.Millisecond, 3 * time.Second}
	p.term = terms[w.rng.IntN(len(terms))]
	if !p.wire && p.term == 2*wireTerm {
		p.term = 100 * time.Millisecond
	}
	if w.chance(0.2) {
		p.calm = true
		p.kinds = []kind{{"leader-dies", (*World).leaderDies}}
		return p
	}
	for _, k := range kinds {
		if w.chance(0.4) {
			p.kinds = append(p.kinds, k)
		}
	}
	if len(p.kinds) == 0 {
		p.kinds = kinds
	}
	return p
}

var kinds = []kind{
	{"isolate", func(w *World) { w.isolate(w.someone(), w.between(200*time.Millisecond, 9*time.Second)) }},
	{"leader-isolated", func(w *World) { w.isolate(w.leader(), w.between(200*time.Millisecond, 9*time.Second)) }},
	{"link", func(w *World) {
		a, b, d := w.someone(), w.someone(), w.between(time.Second, 15*time.Second)
		w.note(a.id, "link to %d cut for %v", b.id, d)
		w.net.block(a.id, b.id, d)
		w.net.block(b.id, a.id, d)
	}},
	{"one-way", func(w *World) {
		a, b, d := w.someone(), w.someone(), w.between(time.Second, 12*time.Second)
		w.note(a.id, "messages to %d lost for %v", b.id, d)
		w.net.block(a.id, b.id, d)
	}},
	{"outage", func(w *World) {
		d := w.between(200*time.Millisecond, 6*time.Second)
		for _, n := range w.nodes[1:] {
			w.isolate(n, d)
		}
	}},
	{"loss", func(w *World) { w.net.loss = 0.4 * w.rng.Float64(); w.later(func() { w.net.loss = 0 }) }},
	{"repeat", func(w *World) { w.net.twice = 0.4 * w.rng.Float64(); w.later(func() { w.net.twice = 0 }) }},
	{"delay", func(w *World) {
		w.net.slow = w.between(0, 400*time.Millisecond)
		w.later(func() { w.net.slow = 0 })
	}},
	{"kill", func(w *World) {
		n, back := w.someone(), w.between(50*time.Millisecond, 3*time.Second)
		n.kill(back, n.services...)
	}},
	{"kill-clusterd", func(w *World) {
		n := w.someone()
		n.kill(w.between(50*time.Millisecond, 3*time.Second), n.cluster)
	}},
	{"kill-configd", func(w *World) {
		n := w.someone()
		n.kill(w.between(50*time.Millisecond, 3*time.Second), n.config)
	}},
	{"kill-master", func(w *World) {
		n := w.master()
		n.kill(w.between(50*time.Millisecond, 3*time.Second), n.config)
	}},
	{"crash-master", func(w *World) { w.master().crashIn = 1 + w.rng.IntN(40) }},
	{"disk-lost", func(w *World) {
		n, d := w.someone(), w.disks.list[w.rng.IntN(len(w.disks.list))]
		w.note(n.id, "disk %s cannot be reached", d.id)
		n.kernel.missing[d.id] = true
		w.later(func() { delete(n.kernel.missing, d.id) })
	}},
	{"disk-bad", func(w *World) {
		d := w.disks.list[w.rng.IntN(len(w.disks.list))]
		w.note(0, "writes to disk %s fail", d.id)
		d.bad = true
		w.later(func() { d.bad = false })
	}},
	{"busy", func(w *World) {
		c := w.someone().config
		c.busy = true
		w.later(func() { c.busy = false })
	}},
	{"crash", func(w *World) { w.someone().crashIn = 1 + w.rng.IntN(40) }},
	{"crash-all", func(w *World) {
		if w.chance(0.3) {
			for _, n := range w.nodes[1:] {
				n.crash()
			}
		}
	}},
	{"hang", func(w *World) {
		n := w.someone()
		n.hang(w.between(200*time.Millisecond, 10*time.Second), n.services...)
	}},
	{"hang-configd", func(w *World) {
		n := w.someone()
		n.hang(w.between(200*time.Millisecond, 10*time.Second), n.config)
	}},
	{"freeze", func(w *World) { w.someone().freeze(w.between(200*time.Millisecond, 10*time.Second), false) }},
	{"leader-frozen", func(w *World) {
		n, d := w.leader(), w.between(200*time.Millisecond, 6*time.Second)
		n.freeze(d, false)
		if w.chance(0.5) { // its links do not survive the freeze
			w.isolate(n, d+w.between(0, time.Second))
		}
	}},
	{"pause", func(w *World) { w.someone().freeze(w.between(200*time.Millisecond, 8*time.Second), true) }},
	{"path", func(w *World) { w.someone().cutPath(w.between(200*time.Millisecond, 10*time.Second)) }},
	{"unplugged", func(w *World) {
		n, d := w.someone(), w.between(2*time.Second, 7*time.Second)
		w.isolate(n, d)
		n.cutPath(d)
		if w.chance(0.7) {
			n.hang(d, n.services...)
		}
	}},
	{"stop-all", func(w *World) {
		for _, n := range w.nodes[1:] {
			n.stop(false)
		}
	}},
	{"stop", func(w *World) { w.someone().stop(false) }},
	{"force", func(w *World) { w.someone().stop(true) }},
	{"fail", func(w *World) { w.someone().fail() }},
}

// fault injects one of the drawn faults, and comes again.
func (w *World) fault() {
	if w.plan.over {
		return
	}
	w.plan.kinds[w.rng.IntN(len(w.plan.kinds))].do(w)
	w.after(w.between(200*time.Millisecond, 4*time.Second), w.fault)
}

func (w *World) later(do func()) { w.after(w.between(time.Second, 6*time.Second), do) }

func (w *World) someone() *node { return w.nodes[1+w.rng.IntN(w.opt.Nodes)] }

// leader is the node that most likely leads, else anyone.
func (w *World) leader() *node {
	for _, n := range w.nodes[1:] {
		if m := n.cluster.machine; m != nil && m.Status(n.clock.now()).Leader == n.id {
			return n
		}
	}
	return w.someone()
}

// master is the node that coordinates changes, else anyone.
func (w *World) master() *node {
	if n := w.check.master; n != 0 {
		return w.nodes[n]
	}
	return w.someone()
}

// leaderDies crashes the leader's host if all are well: one at a time, so that a quorum stays up and connected.
func (w *World) leaderDies() {
	if w.whole() {
		w.leader().crash()
	}
}

func (w *World) isolate(n *node, d time.Duration) {
	w.note(n.id, "isolated for %v", d)
	for _, o := range w.nodes[1:] {
		w.net.block(n.id, o.id, d)
		w.net.block(o.id, n.id, d)
	}
}

// heal ends every fault.
func (w *World) heal() {
	w.net.heal()
	for _, d := range w.disks.list {
		d.bad = false
	}
	for _, n := range w.nodes[1:] {
		n.crashIn, n.kernel.pathCut, n.config.busy = 0, 0, false
		clear(n.kernel.missing)
		for _, s := range n.services {
			s.process().hung = 0
		}
		if n.still > 0 {
			n.still = 0
			if n.clock.paused {
				n.clock.resume()
			}
			n.kernel.thawed()
		}
		n.boot()
		for _, s := range n.services {
			n.restart(s)
		}
	}
}
