// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/label"
)

// A node of the world is the Env of its machine.

func (n *node) Scan(a Scan) {
	n.end(5*time.Millisecond, func() Event {
		s := Scanned{Op: a.Op, Open: n.open}
		for _, id := range slices.Sorted(maps.Keys(n.w.disks)) {
			if n.lost[id] {
				continue
			}
			if c, err := label.Read(n.w.disks[id].read); err == nil {
				s.Disks = append(s.Disks, Disk{id, c})
			}
		}
		for _, id := range slices.Sorted(maps.Keys(n.kernel)) {
			if len(n.kernel[id].suspended) > 0 {
				s.Held = append(s.Held, id)
			}
		}
		return s
	})
}

func (n *node) Write(a Write) {
	n.w.judge.write(n, a)
	n.writing++
	life := n.life
	d := n.w.disks[a.Write.Disk]
	n.w.later(n.w.delay(10*time.Millisecond), func() {
		killed := n.life != life && n.writing == 0 // power went
		err := ""
		switch {
		case d == nil || d.bad || n.lost[a.Write.Disk]:
			err = "input/output error"
		case killed && n.w.rng != nil && n.w.rng.IntN(2) == 0:
		case killed && n.w.rng != nil && n.w.rng.IntN(2) == 0:
			d.write(a.Write, len(a.Write.Bytes)/label.BlockBytes/2*label.BlockBytes) // torn: a header is one block, it is not
		default:
			d.write(a.Write, len(a.Write.Bytes))
			n.w.judge.landed(n, a)
		}
		if !killed {
			n.writing--
		}
		if n.life == life {
			n.step(Written{a.Op, err})
		}
	})
}

func (n *node) PutHome(a PutHome) {
	n.end(20*time.Millisecond, func() Event {
		homes := n.w.homes
		if !a.Shared {
			homes = n.homes
		}
		if now := homes[a.Record.GroupID]; now != a.Expect {
			return HomePut{Op: a.Op, Current: now}
		}
		homes[a.Record.GroupID] = a.Record
		return HomePut{Op: a.Op, Ok: true, Current: a.Record}
	})
}

func (n *node) Send(a Send) {
	w := n.w
	if w.cut[[2]view.NodeID{n.id, a.To}] || w.drop != nil && w.drop(a.To, a.Message) {
		w.logf("%d:     lost", n.id)
		return
	}
	times := 1
	if w.rng != nil && w.rng.Float64() < w.loss {
		times = w.rng.IntN(3) // lost, or twice
	}
	for range times {
		w.later(w.delay(10*time.Millisecond), func() { w.nodes[a.To].step(Received{a.Message}) })
	}
}

func (n *node) Guard(a Guard) {
	n.end(time.Millisecond, func() Event {
		for _, d := range a.Disks {
			n.guard[d] = a.Group
		}
		return Finished{Op: a.Op}
	})
}

func (n *node) Hand(a Hand) {
	n.end(time.Millisecond, func() Event {
		n.fences[a.Fence.Group] = a.Fence
		return Finished{Op: a.Op, Holding: n.holding}
	})
}

func (n *node) of(group string) *tablesOf {
	k := n.kernel[group]
	if k == nil {
		k = &tablesOf{live: map[string]config.Volume{}, inactive: map[string]config.Volume{}, suspended: map[string]bool{}}
		n.kernel[group] = k
	}
	return k
}

func (n *node) Load(a Load) {
	if a.Want.Shared {
		n.w.judge.load(n, a)
	}
	n.end(10*time.Millisecond, func() Event {
		k := n.of(a.Want.ID)
		clear(k.inactive)
		for _, v := range a.Want.Volumes {
			if old, ok := k.live[v.ID]; !ok || fmt.Sprint(old) != fmt.Sprint(v) {
				k.inactive[v.ID] = v
				if ok {
					k.suspended[v.ID] = true
				}
			}
		}
		for id := range k.live {
			if !slices.ContainsFunc(a.Want.Volumes, func(v config.Volume) bool { return v.ID == id }) {
				k.suspended[id] = true
			}
		}
		k.disks = map[string]string{}
		for _, d := range a.Want.Disks {
			k.disks[d.Name] = d.ID
		}
		return Finished{Op: a.Op, Err: n.loadErr}
	})
}

func (n *node) Resume(a Resume) {
	n.end(5*time.Millisecond, func() Event {
		k := n.of(a.Want.ID)
		maps.Copy(k.live, k.inactive)
		k.version = a.Want.Version
		for id := range k.live {
			if !slices.ContainsFunc(a.Want.Volumes, func(v config.Volume) bool { return v.ID == id }) {
				delete(k.live, id)
			}
		}
		clear(k.inactive)
		clear(k.suspended)
		return Finished{Op: a.Op}
	})
}

func (n *node) Clear(a Clear) {
	n.end(time.Millisecond, func() Event { clear(n.of(a.Want.ID).inactive); return Finished{Op: a.Op} })
}

func (n *node) Revive(a Revive) {
	n.end(time.Millisecond, func() Event { clear(n.of(a.Want.ID).suspended); return Finished{Op: a.Op} })
}

func (n *node) Fail(a Fail) {
	k := n.of(a.Group)
	k.failed = true
	clear(k.suspended)
	clear(k.inactive)
}

func (n *node) Leave(a Leave) {
	n.left = &a
	for _, k := range n.kernel {
		k.failed = true
	}
}

func (n *node) Accuse(a Accuse) {}

func (n *node) ReportJoin(a ReportJoin) {
	if a.Reason == view.ReasonNone {
		n.ready = a.View
	} else {
		n.refused = a.Reason
	}
}

func (n *node) Answer(a Answer) {
	n.answers[a.ID] = a
	n.w.judge.answered(a)
}

func (n *node) Arm(a Arm) {
	n.armed++
	if a.At == 0 {
		return
	}
	mine, life := n.armed, n.life
	n.w.later(a.At.Sub(n.w.now), func() {
		if n.life == life && n.armed == mine {
			n.step(Tick{})
		}
	})
}
