// SPDX-License-Identifier: Apache-2.0

package member

import (
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// world is a handful of machines on a network that delivers at once and in order. All clocks run alike. It shows what a
// person would want to see: not raft's own talk, not asks and grants, unless told to.
type world struct {
	now   view.Tick
	nodes [6]*host
	mail  []letter
	cut   map[[2]view.NodeID]bool
	out   strings.Builder
	loud  bool
}

const deliveriesMax = 10_000 // at one instant

type letter struct {
	from, to view.NodeID
	msg      Message
}

// host is a node of the world: its disk survives, its machine does not. It is the Env of the machine.
type host struct {
	w       *world
	id      view.NodeID
	disk    Disk
	m       *Machine
	starts  uint64
	events  []Event
	answers bool // Hold, Leave, Close and the configuration join are answered at once
	frozen  bool
	lease   view.Lease
}

func newWorld(seed byte) *world {
	rand.Reader = mrand.NewChaCha8([32]byte{seed})
	w := &world{cut: map[[2]view.NodeID]bool{}}
	for i := range w.nodes {
		w.nodes[i] = &host{w: w, id: view.NodeID(i), answers: true}
	}
	return w
}

func (w *world) start(h *host) error {
	h.starts++
	m, err := New(Config{Node: h.id, Times: view.TimesFrom(view.HeartbeatDefault), Life: h.starts * 100}, h.disk)
	h.m, h.lease = m, view.Lease{}
	return err
}

func (w *world) do(h *host, e Event) {
	if h.m == nil || h.frozen {
		return
	}
	if err := Do(h, h.m.Step(w.now, e)); err != nil {
		w.show(h.id, "fails: %v", err)
		h.m = nil
	}
}

// run lets time pass, a heartbeat at a time.
func (w *world) run(d time.Duration) {
	w.deliver()
	for end := w.now.Add(d); w.now < end; {
		w.now = w.now.Add(view.HeartbeatDefault)
		for _, h := range w.nodes {
			w.do(h, Tick{})
		}
		w.deliver()
	}
}

func (w *world) deliver() {
	for range deliveriesMax {
		busy := false
		for _, h := range w.nodes {
			for len(h.events) > 0 && h.m != nil && !h.frozen {
				e := h.events[0]
				h.events = h.events[1:]
				w.do(h, e)
				busy = true
			}
		}
		if len(w.mail) > 0 {
			l := w.mail[0]
			w.mail = w.mail[1:]
			if !w.cut[[2]view.NodeID{l.from, l.to}] {
				w.do(w.nodes[l.to], Receive{From: l.from, Msg: l.msg})
			}
			busy = true
		}
		if !busy {
			return
		}
	}
	panic("the nodes talk for ever: " + w.out.String())
}

func (w *world) show(n view.NodeID, format string, args ...any) {
	fmt.Fprintf(&w.out, "%6dms %d  %s\n", time.Duration(w.now).Milliseconds(), n, fmt.Sprintf(format, args...))
}

func (h *host) Persist(p Persist) error {
	h.disk.Save(p)
	if h.w.loud {
		h.w.show(h.id, "%v", p)
	}
	return nil
}

func (h *host) Send(to view.NodeID, msg Message) {
	switch msg.(type) {
	case Raft, Hello, Ask, Grant, Forward, JoinAsk:
		if h.w.loud {
			h.w.show(h.id, "%v", Send{To: to, Msg: msg})
		}
	default:
		h.w.show(h.id, "%v", Send{To: to, Msg: msg})
	}
	if int(to) < len(h.w.nodes) {
		h.w.mail = append(h.w.mail, letter{h.id, to, msg})
	}
}

func (h *host) SetLease(l view.Lease) error {
	if l.State != h.lease.State || h.w.loud {
		h.w.show(h.id, "%v", SetLease{l})
	}
	h.lease = l
	return nil
}

func (h *host) answer(e Event) {
	if h.answers {
		h.events = append(h.events, e)
	}
}

func (h *host) Hold()                { h.w.show(h.id, "hold"); h.answer(Held{}) }
func (h *host) Release()             { h.w.show(h.id, "release") }
func (h *host) Close()               { h.w.show(h.id, "close"); h.answer(Closed{}) }
func (h *host) Leave(r view.Reason)  { h.w.show(h.id, "leave: %s", r); h.answer(Drained{}) }
func (h *host) ShowHome(v view.Home) { h.w.show(h.id, "%v", ShowHome{v}) }
func (h *host) Note(s string)        { h.w.show(h.id, "%s", s) }
func (h *host) Reply(r Reply)        { h.w.show(h.id, "%v", r) }
func (h *host) SetPeers([]Record)    {}

func (h *host) Stopped(r view.Reason) { h.w.show(h.id, "stopped: %s", r) }

func (h *host) Preempt(m view.Member, index uint64) { h.w.show(h.id, "%v", Preempt{m, index}) }

// SetView plays configd too: it joins as soon as it sees this life joining.
func (h *host) SetView(v view.View, index uint64) {
	h.w.show(h.id, "%v", SetView{v, index})
	if j, ok := v.Joiner(h.id); ok && j.Inc == h.m.life.inc {
		h.answer(ConfigJoined{Inc: j.Inc})
	}
}

func (w *world) host(n int) (*host, error) {
	if n < 1 || n >= len(w.nodes) {
		return nil, errors.New("no such node")
	}
	return w.nodes[n], nil
}

func (w *world) peers() []view.NodeID {
	var list []view.NodeID
	for _, h := range w.nodes[1:4] {
		list = append(list, h.id)
	}
	return slices.Clip(list)
}
