// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// inboxMax bounds the messages that wait for a daemon that gets no CPU; links drop the rest.
const inboxMax = 500

// service is a machine with its daemon, as its host sees it.
type service interface {
	process() *daemon
	start()                                     // the process begins
	kill()                                      // and ends, without a word
	tick()                                      // a heartbeat has passed
	receive(from view.NodeID, msg fmt.Stringer) // a message from the same service elsewhere
}

// daemon is a process on a host: what it does waits while it gets no CPU, and ends with it.
type daemon struct {
	n       *node
	running bool
	life    int
	hung    int // faults that keep it from the CPU
	inbox   []func()
	lanes   map[string][]func(done func())
}

func (d *daemon) process() *daemon { return d }

// awake reports whether it can do anything now.
func (d *daemon) awake() bool { return d.n.up && d.n.still == 0 && d.running && d.hung == 0 }

func (d *daemon) begin() { d.running, d.lanes = true, map[string][]func(func()){} }

func (d *daemon) end() { d.running, d.life, d.inbox, d.lanes = false, d.life+1, nil, nil }

// soon does something in the daemon, in order, when it can.
func (d *daemon) soon(do func()) {
	switch {
	case !d.n.up || !d.running:
	case d.awake() && len(d.inbox) == 0:
		do()
	default:
		d.inbox = append(d.inbox, do)
	}
}

// later does something in the daemon after a while, unless it has ended by then.
func (d *daemon) later(after time.Duration, do func()) {
	life := d.life
	d.n.w.after(after, func() {
		if d.life == life {
			d.soon(do)
		}
	})
}

// within does something in the daemon after a while of at most that long.
func (d *daemon) within(most time.Duration, do func()) { d.later(d.n.w.between(0, most), do) }

func (d *daemon) drain() {
	for len(d.inbox) > 0 && d.awake() {
		do := d.inbox[0]
		d.inbox = d.inbox[1:]
		do()
	}
}

// run puts work at the end of a lane: what is in one lane is done one after another. Work ends when it calls done.
func (d *daemon) run(lane string, work func(done func())) {
	queue, busy := d.lanes[lane]
	d.lanes[lane] = append(queue, work)
	if !busy {
		d.drive(lane)
	}
}

func (d *daemon) drive(lane string) {
	queue := d.lanes[lane]
	if len(queue) == 0 {
		delete(d.lanes, lane)
		return
	}
	d.lanes[lane] = queue[1:]
	life := d.life
	queue[0](func() {
		if d.life == life {
			d.later(0, func() { d.drive(lane) })
		}
	})
}
