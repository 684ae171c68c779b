// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

var (
	seedFlag  = flag.Uint64("txn.seed", 0, "run this seed alone, and print its trace")
	seedsFlag = flag.Int("txn.seeds", 1500, "how many seeds to run")
)

// TestRandomRunsKeepTheInvariants lets clients ask for changes while messages are lost, nodes and daemons die, disks
// fail and nodes join; then all is healed and must come to rest.
func TestRandomRunsKeepTheInvariants(t *testing.T) {
	if *seedFlag != 0 {
		w := randomRun(t, *seedFlag)
		t.Log(w.trace.String())
		return
	}
	done := 0
	for seed := range uint64(*seedsFlag) {
		w := randomRun(t, seed+1)
		for _, a := range w.judge.answer {
			if a.Outcome == Done {
				done++
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d: go test -run RandomRuns -args -txn.seed=%d", seed+1, seed+1)
		}
	}
	t.Logf("%d changes done in %d runs", done, *seedsFlag)
	if done < 2**seedsFlag {
		t.Errorf("only %d changes were done in %d runs: the runs try nothing", done, *seedsFlag)
	}
}

// manager stands for clusterd on all nodes: it takes out who is dead or has left, and takes in who wants in.
type manager struct {
	w     *world
	busy  bool
	heals bool
}

func randomRun(t *testing.T, seed uint64) (w *world) {
	rng := rand.New(rand.NewPCG(seed, 7))
	names := []string{"a", "b", "c", "d", "e"}[:1+rng.IntN(5)]
	w = newWorld(t, 3, names...)
	w.rng = rng
	defer func() {
		if p := recover(); p != nil {
			w.failed = true
			t.Errorf("seed %d at %v: %v", seed, w.now, p)
			if *seedFlag != 0 {
				t.Log(w.trace.String())
				panic(p)
			}
		}
	}()
	for _, id := range w.ids() {
		w.nodes[id].boot(true)
	}
	w.install([]view.NodeID{1}, nil, 1)
	w.run(time.Second)
	w.ask(1, 1, "", createGroup(w, "g", true, names...))
	m := &manager{w: w}
	m.tick()
	w.run(3 * time.Second)
	w.loss = rng.Float64() * 0.3
	for i := range 4 + rng.IntN(12) {
		m.mischief(uint64(i) + 2)
		w.run(w.delay(3 * time.Second))
	}
	m.heal()
	w.run(3 * time.Minute)
	if !w.failed {
		w.judge.final()
	}
	return w
}

// mischief does one thing that may happen to a cluster.
func (m *manager) mischief(id uint64) {
	w := m.w
	n := w.nodes[view.NodeID(1+w.rng.IntN(3))]
	switch k := w.rng.IntN(20); {
	case k < 11:
		m.change(n, id)
		if w.rng.IntN(3) == 0 {
			w.run(w.delay(60 * time.Millisecond))
			m.kill(w.nodes[view.NodeID(1+w.rng.IntN(3))])
		}
	case k < 14:
		m.kill(n)
	case k == 14:
		n.loadErr = "device or resource busy"
		w.later(w.delay(5*time.Second), func() { n.loadErr = "" })
	case k == 15:
		d := w.disks[slices.Sorted(maps.Keys(w.disks))[w.rng.IntN(len(w.disks))]]
		d.bad = true
		w.later(w.delay(8*time.Second), func() { d.bad = false })
	case k == 16:
		d := slices.Sorted(maps.Keys(w.disks))[w.rng.IntN(len(w.disks))]
		n.lost[d] = true
		w.later(w.delay(8*time.Second), func() { delete(n.lost, d) })
	case k == 17:
		other := view.NodeID(1 + w.rng.IntN(3))
		w.cut[[2]view.NodeID{n.id, other}], w.cut[[2]view.NodeID{other, n.id}] = true, true
		w.later(w.delay(8*time.Second), func() { clear(w.cut) })
	default:
		n.holding = !n.holding
	}
}

// change asks for something at random.
func (m *manager) change(n *node, id uint64) {
	if !n.up {
		return
	}
	name := fmt.Sprintf("v%d", id)
	old := "v1"
	if s := n.m.Status(); len(s.Groups) > 0 && s.Groups[0].Config != nil && len(s.Groups[0].Config.Volumes) > 0 {
		volumes := s.Groups[0].Config.Volumes
		old = volumes[m.w.rng.IntN(len(volumes))].Name
	}
	size := config.Size{Amount: config.Extent * config.Sectors(1+m.w.rng.IntN(4))}
	switch m.w.rng.IntN(5) {
	case 0:
		m.w.ask(n.id, id, "g", config.RemoveVolume{Volume: old})
	case 1:
		size.Sign = '+'
		m.w.ask(n.id, id, "g", config.Resize{Volume: old, Size: size})
	case 2:
		size.Amount = config.Extent
		m.w.ask(n.id, id, "g", config.Resize{Volume: old, Size: size, Shrink: true})
	default:
		m.w.ask(n.id, id, "g", createVolume(name, size.Amount))
	}
}

// kill ends a daemon, or the whole node.
func (m *manager) kill(n *node) {
	if !n.up {
		return
	}
	power := m.w.rng.IntN(2) == 0
	for _, other := range m.w.nodes {
		if power && !other.up {
			power = false // one node at a time
		}
	}
	m.w.logf("-- kill node %d, power %v", n.id, power)
	n.stop(power)
	n.dark = power
	if !power {
		m.w.later(m.w.delay(time.Second), func() { m.restart(n) })
	}
}

// restart begins a new life when nothing of the old one is under way any more: the lock file sees to that.
func (m *manager) restart(n *node) {
	if n.up || n.dark {
		return
	}
	if n.writing > 0 {
		m.w.later(time.Millisecond, func() { m.restart(n) })
		return
	}
	n.boot(false)
}

func (m *manager) heal() {
	w := m.w
	w.logf("-- heal")
	m.heals, w.loss = true, 0
	clear(w.cut)
	for _, d := range w.disks {
		d.bad = false
	}
	for _, n := range w.nodes {
		clear(n.lost)
		n.loadErr, n.holding = "", false
	}
}

// tick looks after the membership.
func (m *manager) tick() {
	m.w.later(100*time.Millisecond, m.tick)
	if m.busy {
		return
	}
	w := m.w
	for _, id := range w.ids() {
		n := w.nodes[id]
		inside := w.view.Has(id, n.inc) && n.inc != 0
		switch {
		case inside && (n.dark || n.left != nil || n.refused != ""):
			m.soon(w.delay(2*time.Second)+3*time.Second, func() { m.without(n) })
			return
		case !inside && n.dark:
			n.dark = false
			n.boot(true)
		case !inside && n.up && (m.heals || w.rng.IntN(10) == 0):
			m.soon(w.delay(time.Second), func() { m.admit(n) })
			return
		}
		if _, joins := w.view.Joiner(id); joins && inside && n.ready != 0 && n.up {
			m.soon(w.delay(300*time.Millisecond), func() { m.full(n) })
			return
		}
	}
}

func (m *manager) soon(d time.Duration, do func()) {
	m.busy = true
	m.w.later(d, func() { m.busy = false; do() })
}

func idsOf(list []view.Member) []view.NodeID {
	var ids []view.NodeID
	for _, x := range list {
		ids = append(ids, x.Node)
	}
	return ids
}

func (m *manager) put(members, joining []view.NodeID) {
	master := m.w.view.Master
	if !slices.Contains(members, master) {
		master = 0
		if len(members) > 0 {
			master = slices.Min(members)
		}
	}
	if len(members) == 0 && len(joining) > 0 {
		members, joining, master = joining[:1], joining[1:], joining[0]
	}
	m.w.install(members, joining, master)
}

func (m *manager) without(n *node) {
	is := func(id view.NodeID) bool { return id == n.id }
	m.put(slices.DeleteFunc(idsOf(m.w.view.Members), is), slices.DeleteFunc(idsOf(m.w.view.Joining), is))
}

// admit takes a node in as a new incarnation: on new devices.
func (m *manager) admit(n *node) {
	if !n.up || m.w.view.Has(n.id, n.inc) {
		return
	}
	n.kernel, n.guard, n.fences = map[string]*tablesOf{}, map[string]string{}, map[string]Fence{}
	n.left, n.refused, n.ready = nil, "", 0
	m.put(idsOf(m.w.view.Members), append(idsOf(m.w.view.Joining), n.id))
}

func (m *manager) full(n *node) {
	if !n.up || n.refused != "" || n.left != nil {
		return
	}
	m.put(append(idsOf(m.w.view.Members), n.id), slices.DeleteFunc(idsOf(m.w.view.Joining), func(id view.NodeID) bool { return id == n.id }))
}
