// SPDX-License-Identifier: Apache-2.0

package world

import (
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// wireTerm is how long a packet may be under way once the network device has it.
const wireTerm = 5 * time.Millisecond

// kernel is what outlives the daemons on a host: the gate, the volume's device with its page cache, and what is
// queued below the gate's hook.
type kernel struct {
	n       *node
	gate    view.Lease
	gateInc view.Incarnation // on whose word the gate is open
	dev     *device          // nil: none
	held    bool             // the device is suspended
	pathCut int
	queue   []*bio
	refused uint64
	serial  uint64
}

// device is the dm device of one life: a later life gets a new one, with an empty page cache.
type device struct {
	inc   view.Incarnation
	dead  bool // it has the error table, for ever
	wrong bool // somebody has seen an error on it
}

// bio is one numbered block on its way to the shared disk.
type bio struct {
	node     view.NodeID
	inc      view.Incarnation
	serial   uint64
	at       time.Duration // true time of submission
	deadline view.Tick     // of the lease it was let through with
	passed   view.Tick     // on the node's clock
	exposed  bool          // it went through a fault that the fence level does not cover
	gone     bool
}

// setLease is the gate's map write.
func (k *kernel) setLease(l view.Lease, inc view.Incarnation) { k.gate, k.gateInc = l, inc }

// open reports whether the gate lets writes of that incarnation through at this instant.
func (k *kernel) open(inc view.Incarnation) bool {
	return k.n.up && k.gateInc == inc && k.gate.State == view.LeaseRunning && k.gate.Open(k.n.clock.now())
}

// write submits one block if there is a device to write to; the gate decides.
func (k *kernel) write() {
	d := k.dev
	if !k.n.up || k.n.still > 0 || d == nil || d.dead || d.wrong || k.held {
		return
	}
	now := k.n.clock.now()
	if !k.gate.Open(now) || k.gate.State != view.LeaseRunning {
		k.refused++
		d.wrong = true
		k.n.w.note(k.n.id, "the gate refuses a write")
		return
	}
	k.serial++
	b := &bio{node: k.n.id, inc: d.inc, serial: k.serial, at: k.n.w.now, deadline: k.gate.Deadline, passed: now}
	k.n.w.check.submitted(b)
	k.queue = append(k.queue, b)
	k.n.w.after(k.n.w.between(time.Millisecond, 20*time.Millisecond), func() { k.egress(b) })
}

// egress is where a queued block goes to the wire, if the way is free.
func (k *kernel) egress(b *bio) {
	w := k.n.w
	switch {
	case b.gone || !k.n.up || k.n.still > 0:
		return // dropped, lost, or looked at again at the thaw
	case w.plan.wire && !k.gate.Open(k.n.clock.now()):
		k.drop(b) // the packet gate
	case !w.plan.wire && !b.exposed && w.now-b.at > w.plan.term-2*wireTerm:
		k.drop(b) // the transport gives up
	case k.pathCut > 0:
		w.after(50*time.Millisecond, func() { k.egress(b) })
	default:
		k.drop(b)
		w.after(w.between(0, wireTerm-time.Millisecond), func() { w.disk.land(b) })
	}
}

// drop takes a block out of the queue.
func (k *kernel) drop(b *bio) {
	b.gone = true
	for i, q := range k.queue {
		if q == b {
			k.queue = append(k.queue[:i], k.queue[i+1:]...)
			return
		}
	}
}

// cut takes the transport away: nothing that is queued can go out any more.
func (k *kernel) cut() {
	for _, b := range k.queue {
		b.gone = true
	}
	k.queue = nil
}

// lost is what a crash leaves of a kernel.
func (k *kernel) lost() {
	k.cut()
	k.gate, k.gateInc, k.dev, k.held = view.Lease{}, 0, nil, false
}

// frozen marks what the fence level does not cover: level bio nothing queued, no level a stopped clock.
func (k *kernel) frozen(withClock bool) {
	for _, b := range k.queue {
		b.exposed = b.exposed || withClock || !k.n.w.plan.wire
	}
	if withClock {
		k.n.w.check.paused(k.n.id, k.gateInc)
	}
}

func (k *kernel) thawed() {
	for _, b := range append([]*bio{}, k.queue...) {
		k.egress(b)
	}
}

// disk is the shared one. It takes what comes.
type disk struct {
	w      *World
	blocks int
}

func (d *disk) land(b *bio) {
	d.blocks++
	d.w.check.landed(b)
}
