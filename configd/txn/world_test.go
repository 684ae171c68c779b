// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"container/heap"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/label"
)

const testCluster = view.ClusterID("c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0")

// world is some nodes, the disks that they share, the link between them, and the cluster's log.
type world struct {
	t      testing.TB
	rng    *rand.Rand // nil: every action takes one millisecond
	now    view.Tick
	queue  happenings
	order  int
	nodes  map[view.NodeID]*node
	disks  map[string]*disk
	homes  map[string]view.Home
	view   view.View
	inc    view.Incarnation
	trace  strings.Builder
	loss   float64
	cut    map[[2]view.NodeID]bool
	drop   func(to view.NodeID, m Message) bool
	after  func(n *node, a Action) // sees every action before it is carried out
	judge  *judge
	failed bool
}

type happening struct {
	at    view.Tick
	order int
	do    func()
}

type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings) Push(x any)   { *h = append(*h, x.(happening)) }
func (h *happenings) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// disk is a label region in memory.
type disk struct {
	id    string
	bytes map[uint64][]byte // by block
	bad   bool              // writes fail
}

// node is one machine, its kernel, and what survives of it.
type node struct {
	w       *world
	id      view.NodeID
	inc     view.Incarnation
	start   uint64
	life    int
	up      bool // configd runs
	dark    bool // the whole node is off
	m       *Machine
	lost    map[string]bool // disks that it cannot reach
	kernel  map[string]*tablesOf
	guard   map[string]string // disk -> group
	fences  map[string]Fence
	homes   map[string]view.Home // private
	stale   map[string]view.Home // the shared ones as its clusterd has them, where that lags behind
	open    []Open
	answers map[uint64]Answer
	left    *Leave
	ready   view.Seq
	refused view.Reason
	armed   int
	writing int // label writes under way: configd exits only when they have ended
	loadErr string
	holding bool
}

// tablesOf are the devices of one group in a node's kernel.
type tablesOf struct {
	live, inactive map[string]config.Volume
	suspended      map[string]bool
	disks          map[string]string // name -> id, of the group that was loaded last
	failed         bool
	version        uint64 // of the live tables
}

func newWorld(t testing.TB, nodes int, disks ...string) *world {
	w := &world{t: t, nodes: map[view.NodeID]*node{}, disks: map[string]*disk{}, homes: map[string]view.Home{},
		cut: map[[2]view.NodeID]bool{}}
	w.judge = newJudge(w)
	for i := range nodes {
		n := &node{w: w, id: view.NodeID(i + 1), lost: map[string]bool{}, kernel: map[string]*tablesOf{}, guard: map[string]string{},
			fences: map[string]Fence{}, homes: map[string]view.Home{}, answers: map[uint64]Answer{}}
		w.nodes[n.id] = n
	}
	for _, name := range disks {
		w.addDisk(name)
	}
	return w
}

// idOf makes a readable id of a name.
func idOf(name string) string {
	return (strings.Repeat(fmt.Sprintf("%x", name), 32))[:32]
}

func (w *world) addDisk(name string) {
	g, err := label.GeometryFor(64 << 20)
	if err != nil {
		w.t.Fatal(err)
	}
	d := &disk{id: idOf(name), bytes: map[uint64][]byte{}}
	for _, x := range label.Init(d.id, g) {
		d.write(x, len(x.Bytes))
	}
	w.disks[d.id] = d
}

func (d *disk) write(x label.Write, n int) {
	for at := 0; at < n; at += label.BlockBytes {
		d.bytes[(x.Offset+uint64(at))/label.BlockBytes] = slices.Clone(x.Bytes[at:min(at+label.BlockBytes, n)])
	}
}

func (d *disk) read(offset uint64, n int) ([]byte, error) {
	b := make([]byte, 0, n)
	for at := 0; at < n; at += label.BlockBytes {
		block := make([]byte, label.BlockBytes)
		copy(block, d.bytes[(offset+uint64(at))/label.BlockBytes])
		b = append(b, block...)
	}
	return b, nil
}

// publicOf returns a disk as a client names it.
func (w *world) publicOf(name string) config.Disk {
	c, err := label.Read(w.disks[idOf(name)].read)
	if err != nil {
		w.t.Fatal(err)
	}
	offset, length := c.Header.Public()
	return config.Disk{Name: name, ID: idOf(name), WWID: "wwn-" + name, Offset: offset, Length: length}
}

func (w *world) later(d time.Duration, f func()) {
	w.order++
	heap.Push(&w.queue, happening{w.now.Add(d), w.order, f})
}

// delay is how long something takes.
func (w *world) delay(most time.Duration) time.Duration {
	if w.rng == nil {
		return time.Millisecond
	}
	return time.Duration(w.rng.Int64N(int64(most))) + 1
}

// run lets everything happen until the time is over.
func (w *world) run(d time.Duration) {
	until := w.now.Add(d)
	for len(w.queue) > 0 && w.queue[0].at <= until && !w.failed {
		h := heap.Pop(&w.queue).(happening)
		w.now = h.at
		h.do()
	}
	if !w.failed {
		w.now = until
	}
}

func (w *world) logf(format string, args ...any) {
	fmt.Fprintf(&w.trace, format+"\n", args...)
}

// boot starts configd on a node, and with fresh the whole node.
func (n *node) boot(fresh bool) {
	if fresh {
		n.kernel, n.guard, n.fences, n.left = map[string]*tablesOf{}, map[string]string{}, map[string]Fence{}, nil
	}
	n.life++
	n.start++
	n.up, n.armed = true, 0
	var homes []view.Home
	for _, id := range slices.Sorted(maps.Keys(n.homes)) {
		homes = append(homes, n.homes[id])
	}
	n.m = New(Options{Start: n.start, Homes: homes, Protocol: ProtocolNow, Times: TimesFrom(view.TimesFrom(view.HeartbeatDefault))})
	n.step(Tick{})
	n.tell()
}

// stop ends configd; what it has in flight to its disks lands first. With power gone nothing does for certain.
func (n *node) stop(power bool) {
	n.up = false
	n.life++
	if power {
		n.kernel, n.writing = map[string]*tablesOf{}, 0
	}
}

// tell gives the node its place.
func (n *node) tell() {
	if !n.up {
		return
	}
	c := Cluster{ID: testCluster, Node: n.id, Inc: n.inc, Start: n.start, View: n.w.view, Condition: view.Out}
	state := view.LeaseNone
	if _, ok := n.w.view.Member(n.id); ok && n.w.view.Has(n.id, n.inc) {
		c.Condition, state = view.InView, view.LeaseRunning
	} else if n.w.view.Has(n.id, n.inc) {
		c.Condition, state = view.Joining, view.LeaseJoining
	}
	homes := n.w.homes
	if n.stale != nil {
		homes = n.stale
	}
	for _, id := range slices.Sorted(maps.Keys(homes)) {
		c.Homes = append(c.Homes, homes[id])
	}
	n.step(c)
	if n.left == nil {
		n.step(Lease{view.Lease{State: state, Deadline: n.w.now.Add(time.Hour)}})
	}
}

// install makes a new view and tells it to everybody. Who is given as a new node of it becomes a new incarnation.
func (w *world) install(members, joiners []view.NodeID, master view.NodeID) {
	v := view.View{Seq: w.view.Seq + 1, Master: master}
	for i, ids := range [][]view.NodeID{members, joiners} {
		slices.Sort(ids)
		for _, id := range ids {
			n := w.nodes[id]
			if !w.view.Has(id, n.inc) {
				w.inc++
				n.inc = w.inc
			}
			x := view.Member{Node: id, Name: fmt.Sprintf("n%d", id), Inc: n.inc}
			if i == 0 {
				v.Members = append(v.Members, x)
			} else {
				v.Joining = append(v.Joining, x)
			}
		}
	}
	w.view = v
	w.logf("-- %v", v)
	if err := v.Check(); err != nil {
		w.t.Fatal(err)
	}
	for _, id := range w.ids() {
		w.later(w.delay(20*time.Millisecond), w.nodes[id].tell)
	}
}

func (w *world) ids() []view.NodeID { return slices.Sorted(maps.Keys(w.nodes)) }

// step gives the machine an event and carries out what it wants.
func (n *node) step(e Event) {
	if !n.up || n.w.failed {
		return
	}
	life := n.life
	actions := n.m.Step(n.w.now, e)
	quiet := false
	switch e.(type) {
	case Tick, Lease:
		quiet = true
	}
	if !quiet {
		n.w.logf("%d: %v", n.id, e)
	}
	for _, a := range actions {
		if _, ok := a.(Arm); !ok {
			n.w.logf("%d:   %v", n.id, a)
		}
		if n.w.after != nil {
			n.w.after(n, a)
		}
		if n.life != life {
			return // it died between two actions
		}
		Do(n, []Action{a})
	}
	n.w.judge.look()
}

// end brings the end of an action, unless configd died meanwhile.
func (n *node) end(most time.Duration, do func() Event) {
	life := n.life
	n.w.later(n.w.delay(most), func() {
		if n.life != life && n.dark {
			return
		}
		e := do()
		if n.life == life && e != nil {
			n.step(e)
		}
	})
}

// ask gives a node a client's request.
func (w *world) ask(node view.NodeID, id uint64, group string, c config.Change) {
	w.judge.asked[id] = c
	if group != "" {
		group = idOf(group)
	}
	w.nodes[node].step(Request{ID: id, Group: group, Change: c})
}
