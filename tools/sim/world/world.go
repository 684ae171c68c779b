// SPDX-License-Identifier: Apache-2.0

package world

import (
	"container/heap"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	mrand "math/rand/v2"
	"strings"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/txn"
	"github.com/plexus-cvm/plexus/dm"
)

// Options are what a run is repeated by.
type Options struct {
	Seed  uint64
	Nodes int
	Steps int  // stop after so many events given to machines; zero: when the run is over
	Trace bool // keep every line, not just the last ones
}

// Result is what came of a run.
type Result struct {
	Steps     int
	Violation string // empty: none
	Faults    string // what was drawn
	Tail      []string
	Hash      string // of all lines, with Trace
	Coverage  Coverage
}

// Coverage says how much has happened in a run.
type Coverage struct {
	Commits   int // versions of the group
	Aborts    int // changes called off after they were proposed
	TakeOvers int // views with another master
	Leaves    int // nodes that left at once
	GaveUp    int // of those, ordered by configd
	Refused   int // changes that clients were refused
	Labels    int // writes on labels
}

// Add adds what happened in another run.
func (c *Coverage) Add(o Coverage) {
	c.Commits, c.Aborts, c.TakeOvers = c.Commits+o.Commits, c.Aborts+o.Aborts, c.TakeOvers+o.TakeOvers
	c.Leaves, c.GaveUp, c.Refused, c.Labels = c.Leaves+o.Leaves, c.GaveUp+o.GaveUp, c.Refused+o.Refused, c.Labels+o.Labels
}

const coverageForm = "covered: %d commits, %d aborts, %d refusals, %d take-overs, %d leaves (%d by configd), %d label writes"

func (c Coverage) String() string {
	return fmt.Sprintf(coverageForm, c.Commits, c.Aborts, c.Refused, c.TakeOvers, c.Leaves, c.GaveUp, c.Labels)
}

// ParseCoverage reads what String prints.
func ParseCoverage(s string) (c Coverage, ok bool) {
	n, err := fmt.Sscanf(s, coverageForm, &c.Commits, &c.Aborts, &c.Refused, &c.TakeOvers, &c.Leaves, &c.GaveUp, &c.Labels)
	return c, err == nil && n == 7
}

const (
	nodesMin, nodesMax = 3, 5
	tailLines          = 120
	faultsFor          = 40 * time.Second  // the faulty phase, at most
	healWithin         = 150 * time.Second // L1: then all must be well
	setUpWithin        = 60 * time.Second
)

// World is one run. It lives in one goroutine.
type World struct {
	opt    Options
	rng    *mrand.Rand
	now    time.Duration // true time
	queue  schedule
	serial uint64
	steps  int

	times view.Times
	plan  plan
	nodes []*node // index 0 is nobody
	net   network
	disks disks
	check checker

	clients clients
	history history
	cover   Coverage
	aborted map[view.Ballot]bool

	violation string
	over      bool // nothing more is to happen
	tail      []line
	sum       hash.Hash
	lines     []string
}

type line struct {
	at   time.Duration
	node view.NodeID
	what fmt.Stringer
}

func (l line) String() string {
	return fmt.Sprintf("%10.3fms %d  %v", float64(l.at)/float64(time.Millisecond), l.node, l.what)
}

type text string

func (t text) String() string { return string(t) }

// Run runs one seed.
func Run(opt Options) (res Result) {
	opt.Nodes = min(max(opt.Nodes, nodesMin), nodesMax)
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], opt.Seed)
	binary.LittleEndian.PutUint64(seed[8:], uint64(opt.Nodes))
	old := rand.Reader
	rand.Reader = mrand.NewChaCha8(seed)
	defer func() { rand.Reader = old }()
	seed[31] = 1
	w := &World{
		opt: opt, rng: mrand.New(mrand.NewChaCha8(seed)), times: view.TimesFrom(view.HeartbeatDefault),
		sum: sha256.New(),
	}
	w.plan = w.draw()
	defer func() {
		if p := recover(); p != nil {
			w.violate("machine", "panic: %v", p)
		}
		res = w.result()
	}()
	w.live()
	return res
}

func (w *World) result() Result {
	r := Result{Steps: w.steps, Violation: w.violation, Faults: w.plan.String(), Coverage: w.cover}
	r.Coverage.Commits = len(w.history.versions[theGroup])
	r.Coverage.Aborts = len(w.aborted)
	for _, q := range w.clients.all {
		if q.ended && q.answer.Outcome == txn.Refused {
			r.Coverage.Refused++
		}
	}
	for _, l := range w.tail {
		r.Tail = append(r.Tail, l.String())
	}
	if w.opt.Trace {
		r.Tail, r.Hash = w.lines, fmt.Sprintf("%x", w.sum.Sum(nil))
	}
	return r
}

// live is the whole story: set up, faults, heal.
func (w *World) live() {
	w.net, w.disks, w.check = newNetwork(w), w.newDisks(), newChecker(w)
	w.clients, w.history, w.aborted = newClients(w), newHistory(w), map[view.Ballot]bool{}
	for i := range w.opt.Nodes + 1 {
		w.nodes = append(w.nodes, newNode(w, view.NodeID(i)))
	}
	w.setUp()
	w.note(0, "faults begin: %v", w.plan)
	w.after(w.between(0, time.Second), w.fault)
	w.after(w.between(0, time.Second), w.clients.next)
	w.runUntil(w.now+w.between(faultsFor/4, faultsFor), nil)
	w.plan.over = true
	w.heal()
	w.note(0, "faults end")
	if !w.runUntil(w.now+healWithin, w.whole) {
		w.violate("L1", "the cluster is not whole %v after the faults ended: %s", healWithin, w.describe())
	}
}

// setUp founds a cluster on node 1 and lets the others join, without faults.
func (w *World) setUp() {
	w.nodes[1].found()
	for _, n := range w.nodes[1:] {
		n.every(w.times.Heartbeat, n.tick)
		n.writer()
	}
	w.runUntil(w.now+2*time.Second, nil)
	w.clients.found()
	w.runUntil(w.now+time.Second, nil)
	for _, n := range w.nodes[2:] {
		n.enroll()
	}
	if !w.runUntil(w.now+setUpWithin, w.whole) {
		w.violate("L1", "the cluster does not come up without any fault: %s", w.describe())
	}
}

// runUntil carries out what is due until end, or until done says so; it reports whether done did, or the run is over.
func (w *World) runUntil(end time.Duration, done func() bool) bool {
	for len(w.queue) > 0 && w.queue[0].at <= end && !w.over {
		e := heap.Pop(&w.queue).(*entry)
		w.now = e.at
		e.do()
		if done != nil && done() {
			return true
		}
	}
	if !w.over {
		w.now = end
	}
	return w.over
}

// whole says that every node is a member and voter of one view, with its lease running and nothing held or condemned.
func (w *World) whole() bool {
	var seq view.Seq
	for _, n := range w.nodes[1:] {
		if !n.cluster.well() || !n.config.well() {
			return false
		}
		s := n.cluster.machine.View()
		voters := n.cluster.machine.Status(n.clock.now()).Voters
		if len(voters) != w.opt.Nodes || len(s.Members) != w.opt.Nodes || seq != 0 && s.Seq != seq {
			return false
		}
		seq = s.Seq
	}
	return seq != 0 && w.history.latest(theGroup) > 0 && len(w.clients.waiting) == 0
}

func (w *World) describe() string {
	var b strings.Builder
	for _, n := range w.nodes[1:] {
		fmt.Fprintf(&b, "\n  node %d %s: ", n.id, n.condition())
		if m := n.cluster.machine; m != nil {
			fmt.Fprintf(&b, "%v", m.Status(n.clock.now()))
		}
		fmt.Fprintf(&b, "\n    disks cut %v gone %v, configd registered %v", n.cluster.cut, n.kernel.gone, n.cluster.config != nil)
		if m := n.config.machine; m != nil {
			fmt.Fprintf(&b, "\n    %v", m.Status())
		}
		states, _ := dm.Observe(n.kernel.vols, func(i dm.Info) bool { return true })
		for _, s := range states {
			fmt.Fprintf(&b, "\n    device %s suspended %v inactive %v", s.Name, s.Suspended, s.HasInactive)
		}
	}
	fmt.Fprintf(&b, "\n  clients wait for %d answers", len(w.clients.waiting))
	return b.String()
}

// step counts an event given to a machine.
func (w *World) step() {
	w.steps++
	w.over = w.over || w.opt.Steps > 0 && w.steps >= w.opt.Steps
}

// violate keeps the first violation and ends the run once the event under way is through.
func (w *World) violate(id, format string, args ...any) {
	if w.violation != "" {
		return
	}
	w.violation, w.over = id+": "+fmt.Sprintf(format, args...), true
	w.note(0, "%s", w.violation)
}

func (w *World) note(n view.NodeID, format string, args ...any) {
	w.show(n, text(fmt.Sprintf(format, args...)))
}

// show adds a line to the trace; it is printed only when somebody wants to see it.
func (w *World) show(n view.NodeID, what fmt.Stringer) {
	l := line{w.now, n, what}
	if w.opt.Trace {
		s := l.String()
		w.lines = append(w.lines, s)
		w.sum.Write([]byte(s))
		w.sum.Write([]byte{'\n'})
		return
	}
	if len(w.tail) >= 2*tailLines {
		w.tail = append(w.tail[:0], w.tail[tailLines:]...)
	}
	w.tail = append(w.tail, l)
}

// between draws a duration.
func (w *World) between(a, b time.Duration) time.Duration {
	if b <= a {
		return a
	}
	return a + time.Duration(w.rng.Int64N(int64(b-a)))
}

func (w *World) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// after schedules do.
func (w *World) after(d time.Duration, do func()) {
	w.serial++
	heap.Push(&w.queue, &entry{at: w.now + d, serial: w.serial, do: do})
}

type entry struct {
	at     time.Duration
	serial uint64
	do     func()
}

// schedule is a heap by time, then by order of scheduling.
type schedule []*entry

func (s schedule) Len() int { return len(s) }
func (s schedule) Less(i, j int) bool {
	return s[i].at < s[j].at || s[i].at == s[j].at && s[i].serial < s[j].serial
}
func (s schedule) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(x any)   { *s = append(*s, x.(*entry)) }
func (s *schedule) Pop() any {
	old := *s
	e := old[len(old)-1]
	*s = old[:len(old)-1]
	return e
}
