// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

const latencyMin, latencyMax = 200 * time.Microsecond, 4 * time.Millisecond

// network carries messages between services of the same name.
type network struct {
	w     *World
	cut   map[[2]view.NodeID]int // how many faults cut this direction
	loss  float64
	twice float64
	slow  time.Duration // extra delay of some messages, which also reorders them
}

func newNetwork(w *World) network { return network{w: w, cut: map[[2]view.NodeID]int{}} }

// send takes a message on its way to the service with that index on another host.
func (n *network) send(from, to view.NodeID, service int, msg fmt.Stringer) {
	if to == 0 || int(to) >= len(n.w.nodes) {
		return
	}
	copies := 1
	if n.w.chance(n.twice) {
		copies = 2
	}
	for range copies {
		if n.w.chance(n.loss) || n.cut[[2]view.NodeID{from, to}] > 0 {
			continue
		}
		d := n.w.between(latencyMin, latencyMax)
		if n.slow > 0 && n.w.chance(0.3) {
			d += n.w.between(0, n.slow)
		}
		n.w.after(d, func() {
			if n.cut[[2]view.NodeID{from, to}] == 0 {
				n.w.nodes[to].deliver(service, from, msg)
			}
		})
	}
}

func (n *network) block(a, b view.NodeID, d time.Duration) {
	n.cut[[2]view.NodeID{a, b}]++
	n.w.after(d, func() { n.cut[[2]view.NodeID{a, b}] = max(0, n.cut[[2]view.NodeID{a, b}]-1) })
}

func (n *network) heal() {
	clear(n.cut)
	n.loss, n.twice, n.slow = 0, 0, 0
}
