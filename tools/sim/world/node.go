// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// inboxMax bounds what waits for a daemon that gets no CPU; links drop the rest.
const inboxMax = 500

// service is a machine with its daemon, as its host sees it.
type service interface {
	start()                                     // the process begins
	kill()                                      // and ends, without a word
	tick()                                      // a heartbeat has passed
	receive(from view.NodeID, msg fmt.Stringer) // a message from the same service elsewhere
	joined(inc view.Incarnation, member bool)   // the membership of this host has changed
}

// node is a host: clock, kernel, services, and the faults it suffers.
type node struct {
	w        *World
	id       view.NodeID
	clock    *clock
	kernel   kernel
	cluster  *clusterd
	services []service

	up       bool // the host
	running  bool // the daemons
	hung     int  // faults that keep the daemons from the CPU
	still    int  // faults that keep the whole host still
	boots    int
	crashIn  int // actions until the host dies; zero: it does not
	inbox    []func()
	inboxDue bool
}

func newNode(w *World, id view.NodeID) *node {
	n := &node{w: w, id: id, clock: newClock(w), up: true, running: true}
	n.kernel = kernel{n: n}
	n.cluster = &clusterd{n: n}
	n.services = []service{n.cluster}
	return n
}

func (n *node) condition() string {
	return fmt.Sprintf("up %v running %v hung %d still %d", n.up, n.running, n.hung, n.still)
}

// awake reports whether the daemons can do anything now.
func (n *node) awake() bool { return n.up && n.running && n.hung == 0 && n.still == 0 }

// every calls do at a period of this host's life, whether or not it can act; do looks for itself.
func (n *node) every(d time.Duration, do func()) {
	n.w.after(n.w.between(0, d), func() { n.repeat(d, do) })
}

func (n *node) repeat(d time.Duration, do func()) {
	do()
	n.w.after(d, func() { n.repeat(d, do) })
}

func (n *node) tick() {
	if !n.awake() {
		return
	}
	if len(n.inbox) > 0 && n.w.chance(0.3) {
		n.w.after(time.Millisecond, n.drainInbox) // which of its sources a daemon looks at first is not settled
	} else {
		n.drainInbox()
	}
	for _, s := range n.services {
		if n.awake() {
			s.tick()
		}
	}
}

// deliver hands a message to a service, at once or when the daemon runs again.
func (n *node) deliver(service int, from view.NodeID, msg fmt.Stringer) {
	n.soon(func() { n.services[service].receive(from, msg) })
}

// soon does something in the daemons, in order, when they can.
func (n *node) soon(do func()) {
	if !n.up || !n.running {
		return
	}
	if n.awake() && len(n.inbox) == 0 {
		do()
		return
	}
	if len(n.inbox) < inboxMax {
		n.inbox = append(n.inbox, do)
	}
}

// later does something in the daemons after a while, unless their process has ended by then.
func (n *node) later(d time.Duration, do func()) {
	boot := n.boots
	n.w.after(d, func() {
		if n.boots == boot {
			n.soon(do)
		}
	})
}

func (n *node) drainInbox() {
	for len(n.inbox) > 0 && n.awake() {
		do := n.inbox[0]
		n.inbox = n.inbox[1:]
		do()
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

// kill ends the daemons; they are started again after a while. The kernel goes on.
func (n *node) kill(back time.Duration) {
	if !n.up || !n.running {
		return
	}
	n.w.note(n.id, "daemon killed")
	n.end()
	n.w.after(back, n.restart)
}

// crash ends the host; it boots after a while with what is on its disk.
func (n *node) crash() {
	if !n.up {
		return
	}
	n.w.note(n.id, "host crashes")
	n.end()
	n.up = false
	n.kernel.lost()
	n.w.after(n.w.between(2*time.Second, 8*time.Second), n.boot)
}

func (n *node) end() {
	n.running, n.boots, n.crashIn, n.inbox = false, n.boots+1, 0, nil
	for _, s := range n.services {
		s.kill()
	}
}

func (n *node) boot() {
	if n.up {
		return
	}
	n.up = true
	n.clock.boot()
	n.w.note(n.id, "host boots")
	n.restart()
}

func (n *node) restart() {
	if !n.up || n.running {
		return
	}
	n.running = true
	n.w.note(n.id, "daemon starts")
	for _, s := range n.services {
		s.start()
	}
}

// hang keeps the daemons from the CPU for a while.
func (n *node) hang(d time.Duration) {
	n.w.note(n.id, "daemon hangs for %v", d)
	n.hung++
	n.w.after(d, func() { n.hung = max(0, n.hung-1) })
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
	n.soon(func() { n.cluster.give(member.Stop{Force: force}) })
}

// fail lets the local configuration fail to follow the cluster.
func (n *node) fail() {
	n.soon(func() { n.cluster.give(member.Failed{Reason: view.ReasonReconfiguration}) })
}
