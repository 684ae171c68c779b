// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// node is a host: clock, kernel, services, and the faults it suffers.
type node struct {
	w        *World
	id       view.NodeID
	clock    *clock
	kernel   kernel
	cluster  *clusterd
	config   *configd
	services []service

	up      bool // the host
	still   int  // faults that keep the whole host still
	crashIn int  // actions until the host dies; zero: it does not
}

func newNode(w *World, id view.NodeID) *node {
	n := &node{w: w, id: id, clock: newClock(w), up: true}
	n.kernel = newKernel(n)
	n.cluster = &clusterd{daemon: daemon{n: n}}
	n.config = &configd{daemon: daemon{n: n}}
	n.services = []service{n.cluster, n.config}
	for _, s := range n.services {
		s.process().begin()
	}
	return n
}

func (n *node) condition() string {
	s := fmt.Sprintf("up %v still %d", n.up, n.still)
	for i, name := range []string{"clusterd", "configd"} {
		p := n.services[i].process()
		s += fmt.Sprintf(", %s running %v hung %d", name, p.running, p.hung)
	}
	return s
}

// every calls do at a period of this host's life, whether or not it can act; do looks for itself.
func (n *node) every(d time.Duration, do func()) {
	n.w.after(n.w.between(0, d), func() { n.repeat(d, do) })
}

func (n *node) repeat(d time.Duration, do func()) {
	do()
	n.w.after(d, func() { n.repeat(d, do) })
}

func (n *node) tick() {
	for _, s := range n.services {
		p := s.process()
		if !p.awake() {
			continue
		}
		if len(p.inbox) > 0 && n.w.chance(0.3) {
			n.w.after(time.Millisecond, p.drain) // which of its sources a daemon looks at first is not settled
		} else {
			p.drain()
		}
		if p.awake() {
			s.tick()
		}
	}
}

// deliver hands a message to a service, at once or when the daemon runs again.
func (n *node) deliver(service int, from view.NodeID, msg fmt.Stringer) {
	s := n.services[service]
	if len(s.process().inbox) < inboxMax {
		s.process().soon(func() { s.receive(from, msg) })
	}
}

// acted counts an action; it reports whether the host has just died of it.
func (n *node) acted() bool {
	if n.crashIn == 0 {
		return false
	}
	if n.crashIn--; n.crashIn > 0 {
		return false
	}
	n.crash()
	return true
}

// kill ends daemons; they are started again after a while. The kernel goes on.
func (n *node) kill(back time.Duration, which ...service) {
	for _, s := range which {
		if n.up && s.process().running {
			n.w.note(n.id, "daemon %T killed", s)
			s.kill()
			s.process().end()
			n.w.after(back, func() { n.restart(s) })
		}
	}
}

// crash ends the host; it boots after a while with what is on its disk.
func (n *node) crash() {
	if !n.up {
		return
	}
	n.w.note(n.id, "host crashes")
	n.crashIn = 0
	for _, s := range n.services {
		if s.process().running {
			s.kill()
			s.process().end()
		}
	}
	n.up = false
	n.kernel.lost()
	n.w.after(n.w.between(2*time.Second, 8*time.Second), n.boot)
}

func (n *node) boot() {
	if n.up {
		return
	}
	n.up = true
	n.clock.boot()
	n.w.note(n.id, "host boots")
	for _, s := range n.services {
		n.restart(s)
	}
}

// restart begins a daemon anew once nothing of its former life is under way in the kernel.
func (n *node) restart(s service) {
	switch {
	case !n.up || s.process().running:
	case s == n.config && n.kernel.labels > 0:
		n.w.after(20*time.Millisecond, func() { n.restart(s) })
	default:
		n.w.note(n.id, "daemon %T starts", s)
		s.process().begin()
		s.start()
	}
}

// hang keeps daemons from the CPU for a while.
func (n *node) hang(d time.Duration, which ...service) {
	for _, s := range which {
		p := s.process()
		n.w.note(n.id, "daemon %T hangs for %v", s, d)
		p.hung++
		n.w.after(d, func() { p.hung = max(0, p.hung-1) })
	}
}

// freeze lets the host stand still; with its clock it is a pause.
func (n *node) freeze(d time.Duration, withClock bool) {
	if !n.up || n.still > 0 {
		return
	}
	n.w.note(n.id, "host stands still for %v, clock too: %v", d, withClock)
	n.still++
	n.kernel.frozen(withClock)
	if withClock {
		n.clock.pause()
	}
	n.w.after(d, func() {
		if n.still == 0 {
			return
		}
		n.w.note(n.id, "host moves again")
		n.still = 0
		if n.clock.paused {
			n.clock.resume()
		}
		n.kernel.thawed()
	})
}

// cutPath keeps what is queued on this host from the disks for a while.
func (n *node) cutPath(d time.Duration) {
	n.w.note(n.id, "path to the disks cut for %v", d)
	n.kernel.pathCut++
	n.w.after(d, func() { n.kernel.pathCut = max(0, n.kernel.pathCut-1) })
}

// found makes this node the first of a cluster.
func (n *node) found() { n.cluster.found() }

// enroll lets the cluster know this node, then starts it.
func (n *node) enroll() { n.cluster.enroll() }

// stop asks for a clean leave, or by force for an abort; the node comes back by itself.
func (n *node) stop(force bool) {
	n.cluster.soon(func() { n.cluster.give(member.Stop{Force: force}) })
}

// fail lets the local configuration fail to follow the cluster.
func (n *node) fail() {
	n.cluster.soon(func() { n.cluster.give(member.Failed{Reason: view.ReasonReconfiguration}) })
}
