// SPDX-License-Identifier: Apache-2.0

package world

import (
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/label"
)

// wireTerm is how long a packet may be under way once the network device has it.
const wireTerm = 5 * time.Millisecond

// kernel is what outlives the daemons on a host: the gate, the volumes, and what is queued below the gate's hook; with
// it the fence sets, which lie in /run.
type kernel struct {
	n       *node
	gate    view.Lease
	gateInc view.Incarnation  // on whose word the gate is open
	guard   map[string]string // disk -> group
	vols    *volumes
	fences  map[string]fenceSet // by group
	leaving bool                // the fence sets stay as they are
	gone    bool                // the disks were cut, and are not back
	missing map[string]bool     // a fault: disks that cannot be reached here
	users   bool                // somebody has the first volume open
	pathCut int
	queue   []*bio
	labels  int // label writes under way
	refused uint64
	serial  uint64
	boot    int
}

func newKernel(n *node) kernel {
	k := kernel{n: n, guard: map[string]string{}, fences: map[string]fenceSet{}, missing: map[string]bool{}, users: true}
	k.vols = newVolumes(n)
	return k
}

// bio is one write on its way to a shared disk: a numbered block of a volume, or a part of a label.
type bio struct {
	node     view.NodeID
	inc      view.Incarnation
	volume   string // uuid; empty: a label
	serial   uint64
	boot     int           // of its host
	at       time.Duration // true time of submission
	guarded  bool
	deadline view.Tick // of the lease it was let through with
	passed   view.Tick // on the node's clock
	exposed  bool      // it went through a fault that the fence level does not cover
	gone     bool
	label    label.Write
	done     func(err string) // of a label write
}

// setLease is the gate's map write.
func (k *kernel) setLease(l view.Lease, inc view.Incarnation) { k.gate, k.gateInc = l, inc }

// open reports whether the gate lets writes of that incarnation through at this instant.
func (k *kernel) open(inc view.Incarnation) bool {
	return k.n.up && k.gateInc == inc && k.gate.State == view.LeaseRunning && k.gate.Open(k.n.clock.now())
}

// lapsed reports whether a lease was set and has run out: what is refused then is told.
func (k *kernel) lapsed() bool {
	used := k.gate.State == view.LeaseRunning || k.gate.State == view.LeaseJoining
	return used && !k.gate.Open(k.n.clock.now())
}

// write submits one block to a volume that takes it; the gate decides.
func (k *kernel) write() {
	if !k.n.up || k.n.still > 0 {
		return
	}
	d, ok := k.vols.pick()
	if !ok {
		return
	}
	now := k.n.clock.now()
	if k.gate.State != view.LeaseRunning && !k.lapsed() {
		return // a joiner's volumes can be read; nobody writes to them yet
	}
	if k.lapsed() {
		k.refused++
		k.vols.wrong[d.uuid] = true
		k.n.w.note(k.n.id, "the gate refuses a write to %s", d.name)
		return
	}
	k.submit(&bio{inc: d.inc, volume: d.uuid, guarded: true, deadline: k.gate.Deadline, passed: now})
}

// writeLabel submits a write on a label; the gate decides if the disk is guarded.
func (k *kernel) writeLabel(inc view.Incarnation, x label.Write, done func(err string)) {
	now := k.n.clock.now()
	b := &bio{inc: inc, label: x, done: done, deadline: k.gate.Deadline, passed: now}
	_, b.guarded = k.guard[x.Disk]
	switch {
	case k.gone || k.missing[x.Disk]:
		done("no such device")
	case b.guarded && k.lapsed():
		k.refused++
		done("input/output error")
	case b.guarded && k.gate.State != view.LeaseRunning:
		done("input/output error")
	default:
		k.labels++
		k.submit(b)
	}
}

func (k *kernel) submit(b *bio) {
	k.serial++
	b.node, b.serial, b.boot, b.at = k.n.id, k.serial, k.boot, k.n.w.now
	k.n.w.check.submitted(b)
	k.queue = append(k.queue, b)
	k.vols.inflight[b.volume]++
	k.n.w.after(k.n.w.between(time.Millisecond, 20*time.Millisecond), func() { k.egress(b) })
}

// egress is where what is queued goes to the wire, if the way is free.
func (k *kernel) egress(b *bio) {
	w := k.n.w
	shut := w.plan.wire && b.guarded && !k.gate.Open(k.n.clock.now())
	switch {
	case b.gone || !k.n.up || k.n.still > 0:
		return // dropped, lost, or looked at again at the thaw
	case shut && b.done == nil:
		k.drop(b) // the packet gate
		k.ended(b, "input/output error")
	case !w.plan.wire && !b.exposed && w.now-b.at > w.plan.term-2*wireTerm:
		k.drop(b) // the transport gives up
		k.ended(b, "input/output error")
	case shut || k.pathCut > 0:
		w.after(50*time.Millisecond, func() { k.egress(b) })
	default:
		k.drop(b)
		w.after(w.between(0, wireTerm-time.Millisecond), func() { w.disks.land(k, b) })
	}
}

// ended tells whoever waits for a write how it ended.
func (k *kernel) ended(b *bio, err string) {
	k.vols.inflight[b.volume]--
	if b.done != nil {
		k.labels--
		b.done(err)
	}
}

// drop takes a write out of the queue.
func (k *kernel) drop(b *bio) {
	b.gone = true
	for i, q := range k.queue {
		if q == b {
			k.queue = append(k.queue[:i], k.queue[i+1:]...)
			return
		}
	}
}

// cut takes the transport away: nothing that is queued can go out any more, and the disks are gone.
func (k *kernel) cut() {
	all := k.queue
	k.queue, k.gone = nil, true
	clear(k.guard)
	k.vols.plug(0)
	for _, b := range all {
		b.gone = true
		k.ended(b, "no such device")
	}
}

// lost is what a crash leaves of a kernel: nothing. A label write that was queued may have reached its disk in part.
func (k *kernel) lost() {
	for _, b := range k.queue {
		b.gone = true
		if b.done != nil && k.pathCut == 0 {
			k.n.w.disks.tear(b)
		}
	}
	old := *k
	*k = newKernel(k.n)
	k.serial, k.refused, k.pathCut, k.boot = old.serial, old.refused, old.pathCut, old.boot+1
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
