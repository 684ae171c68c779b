// SPDX-License-Identifier: Apache-2.0

package member

import (
	"fmt"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// check panics when the machine contradicts itself. It runs after every step, in production too: the gate shuts by
// itself when the process is gone.
func (m *Machine) check() {
	l := &m.life
	running := l.lease.State == view.LeaseRunning || l.lease.State == view.LeaseJoining
	switch {
	case m.state.View.Check() != nil:
		m.bug("%v", m.state.View.Check())
	case running && l.inc == 0:
		m.bug("a lease without an incarnation")
	case running && l.cond != view.InView && l.cond != view.Joining && l.cond != view.Leaving:
		m.bug("lease %v while %v", l.lease.State, l.cond)
	case l.lease.State == view.LeaseRunning && l.cond == view.Joining:
		m.bug("a joining node may write")
	case running && l.lease.Deadline > m.now.Add(m.times.Lease):
		m.bug("lease until %v is longer than %v", l.lease.Deadline, m.times.Lease)
	case l.cond == view.InView && l.inc == 0:
		m.bug("a member without an incarnation")
	case m.lead != nil && m.node == nil:
		m.bug("leads without a log")
	case len(m.asked.list) > requestsMax:
		m.bug("%d requests wait", len(m.asked.list))
	}
}

func (m *Machine) bug(format string, args ...any) {
	panic(fmt.Sprintf("BUG: node %d at %v: %s: %s", m.cfg.Node, m.now, fmt.Sprintf(format, args...), m.Status(m.now)))
}

// beats is the length of n heartbeats.
func (m *Machine) beats(n int) time.Duration { return time.Duration(n) * m.times.Heartbeat }

// silence is for how long nothing was heard of a node; nodes never heard of have been silent for ever.
func (m *Machine) silence(n view.NodeID) time.Duration {
	if n == m.cfg.Node {
		return 0
	}
	t, ok := m.heard[n]
	if !ok {
		return 1 << 62
	}
	return m.now.Sub(t)
}
