// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

// tables is where the device-mapper tables of one group stand on this node.
//
//	resting -> guarding -> owning -> loading -> suspended -> returning -> resuming -> resting
//	               \_________\__________\___________\-> clearing -> reclaiming -> reviving -> resting
//
// The upper way ends with the tables of want, the lower with those of have. From suspended on only a decision leads
// further up; the lower way is open to this node's own deadline until it has acked, and after that to a decision alone.
type tables struct {
	stage    tableStage
	have     *text // loaded and running; nil is none that is known
	want     *text
	op       Op
	deadline view.Tick // of what is suspended, or about to be
	undo     string    // why to go back when the operation under way has ended; empty: do not
	retry    view.Tick
	holding  bool // clusterd holds: it resumes, not we
	orphan   bool // suspended by an earlier life of configd, which may have acked
	guarded  *text
	handed   *text
}

type tableStage uint8

const (
	resting    tableStage = iota
	guarding              // the disks of both go into the guard map
	owning                // clusterd gets the fence set, with what will be suspended marked as ours
	loading               // inactive tables loaded, then what changes suspended
	suspended             // waits for the decision
	returning             // clusterd gets the fence set of want, nothing in it ours
	resuming              // tables swapped in
	clearing              // inactive tables dropped
	reclaiming            // clusterd gets the fence set of have, nothing in it ours
	reviving              // the old tables run again
)

var tableStageWords = [...]string{"resting", "guarding", "owning", "loading", "suspended", "returning", "resuming",
	"clearing", "reclaiming", "reviving"}

func (s tableStage) String() string { return word(tableStageWords[:], s) }

// forward reports whether the stage is one from which the tables may still go either way.
func (s tableStage) open() bool { return s >= guarding && s <= suspended }

// settle moves the tables towards what is in force. While a proposal is open they move by its messages alone.
func (m *Machine) settle(g *group) {
	t := &g.tables
	switch {
	case g.tx != nil || m.groups[g.id] != g:
	case t.stage == resting && g.cur == nil:
		m.applied(g, true)
	case t.stage == resting && same(t.have, g.cur) && !t.orphan:
		m.applied(g, g.failed == "")
	case t.stage == resting && g.failed != "":
		m.applied(g, false)
	case t.stage == resting:
		m.beginTables(g, g.cur, m.now.Add(m.opt.Times.Hold))
	case !t.stage.open():
	case same(t.want, g.cur) && t.undo == "":
		t.deadline = m.now.Add(m.opt.Times.Hold)
		if t.stage == suspended {
			m.handBack(g, returning)
		}
	case t.stage != suspended:
		t.undo = undecided
	case g.cur == nil || same(t.have, g.cur):
		m.clear(g)
	default: // neither what runs nor what is loaded: straight on, for what runs may be in the wrong place by now
		m.beginTables(g, g.cur, m.now.Add(m.opt.Times.Hold))
	}
}

// beginTables starts on the upper way. The disks are guarded and the fence set handed over before any table is loaded.
func (m *Machine) beginTables(g *group, want *text, deadline view.Tick) {
	t := &g.tables
	t.want, t.deadline, t.undo = want, deadline, ""
	if !g.shared {
		m.load(g)
		return
	}
	t.stage, t.guarded, t.handed = guarding, nil, nil
	t.op = m.begin(wait{kind: waitTables, group: g.id})
	m.do(Guard{t.op, g.id, union(disksOf(t.have.value()), disksOf(want.value()))})
}

func (m *Machine) own(g *group) {
	t := &g.tables
	t.stage, t.guarded = owning, t.want
	t.op = m.begin(wait{kind: waitTables, group: g.id})
	m.do(Hand{t.op, fenceOf(g, t.have, t.want)})
}

func (m *Machine) load(g *group) {
	t := &g.tables
	t.stage, t.handed = loading, t.want
	t.op = m.begin(wait{kind: waitTables, group: g.id})
	m.do(Load{t.op, t.have.value(), t.want.group, t.deadline})
}

func (m *Machine) clear(g *group) {
	t := &g.tables
	t.stage = clearing
	t.op = m.begin(wait{kind: waitTables, group: g.id})
	m.do(Clear{t.op, t.have.value(), t.want.group})
}

// handBack gives the suspended volumes back to clusterd, on the upper way or on the lower one, before they are resumed.
func (m *Machine) handBack(g *group, stage tableStage) {
	t := &g.tables
	t.stage = stage
	if !g.shared {
		m.run(g)
		return
	}
	t.op = m.begin(wait{kind: waitTables, group: g.id})
	ends := t.want
	if stage == reclaiming {
		ends = t.have
	}
	m.do(Hand{t.op, fenceOf(g, ends, ends)})
}

// run resumes, after handBack.
func (m *Machine) run(g *group) {
	t := &g.tables
	t.retry = 0
	t.op = m.begin(wait{kind: waitTables, group: g.id})
	if t.stage == returning || t.stage == resuming {
		t.stage = resuming
		m.do(Resume{t.op, t.have.value(), t.want.group, t.holding})
		return
	}
	t.stage = reviving
	m.do(Revive{t.op, t.have.value(), t.want.group, t.holding})
}

func (m *Machine) onFinished(e Finished) {
	w, ok := m.over(e.Op, waitTables)
	if !ok {
		return
	}
	g := m.groups[w.group]
	if g == nil || g.tables.op != e.Op {
		return
	}
	t := &g.tables
	t.op = 0
	if e.Err != "" {
		m.tablesFailed(g, e.Err)
		return
	}
	switch t.stage {
	case guarding, owning, loading:
		m.tablesForward(g)
	case returning, reclaiming:
		t.holding = e.Holding
		m.run(g)
	case clearing:
		m.handBack(g, reclaiming)
	case resuming:
		t.have, t.orphan = t.want, false
		m.rest(g)
	case reviving:
		m.rest(g)
	}
}

// tablesForward takes the next step up, unless somebody has called it back meanwhile.
func (m *Machine) tablesForward(g *group) {
	t := &g.tables
	switch {
	case t.undo != "":
		m.goBack(g)
	case t.stage == guarding:
		m.own(g)
	case t.stage == owning:
		m.load(g)
	default:
		t.stage = suspended
		if g.tx != nil {
			m.ack(g)
			return
		}
		m.settle(g)
	}
}

// goBack takes the lower way. Devices that an earlier life left suspended may not run on their old tables: this node
// may have acked then.
func (m *Machine) goBack(g *group) {
	if g.tables.orphan {
		m.stuck(g, g.tables.undo)
		return
	}
	m.clear(g)
}

func (m *Machine) tablesFailed(g *group, err string) {
	t := &g.tables
	switch t.stage {
	case guarding, owning, loading:
		if t.undo == "" {
			t.undo = err
		}
		m.goBack(g)
	default:
		if !g.shared || t.stage == returning || t.stage == reclaiming {
			g.failed = err
			t.retry = m.now.Add(m.opt.Times.Retry)
			return
		}
		m.stuck(g, fmt.Sprintf("%v: %s", t.stage, err))
	}
}

// rest ends either way.
func (m *Machine) rest(g *group) {
	t := &g.tables
	why := t.undo
	t.stage, t.want, t.undo, t.holding, t.deadline = resting, nil, "", false, 0
	switch {
	case g.tx != nil && g.tx.stage == preparing:
		m.nack(g, why)
	case g.tx == nil && why != "" && g.cur != nil && !same(t.have, g.cur) && why != undecided:
		m.cannotFollow(g, why)
	default:
		if why == "" {
			g.failed = ""
		}
		m.settle(g)
	}
}

// undecided calls the tables back without a fault of this node's.
const undecided = "decided otherwise"

// stuck is for devices that can neither go on nor back. Nobody may wait for them for ever.
func (m *Machine) stuck(g *group, why string) {
	if !g.shared {
		g.failed = why
		g.tables.retry = m.now.Add(m.opt.Times.Retry)
		return
	}
	m.leave(view.ReasonReconfiguration, "group "+g.name+": "+why)
}

// runTables acts on the deadlines of the tables.
func (m *Machine) runTables(g *group) {
	t := &g.tables
	if t.retry != 0 && m.now >= t.retry {
		m.retryTables(g)
		return
	}
	if t.deadline == 0 || m.now < t.deadline {
		return
	}
	switch {
	case t.stage == resting && t.orphan:
		m.stuck(g, "volumes left suspended by an earlier start, and no decision in time")
	case t.stage == resting:
		t.deadline = 0
	case g.tx != nil && g.tx.stage == acked:
		m.stuck(g, "suspended, and no decision in time")
	case t.stage.open() && t.undo == "" && g.tx != nil:
		t.undo = "not ready in time"
		if t.stage == suspended {
			panic("BUG: suspended for a proposal without an ack")
		}
	case !t.stage.open() && g.shared, g.tx == nil && g.shared:
		m.stuck(g, fmt.Sprintf("%v, and not done in time", t.stage))
	default:
		t.deadline = m.now.Add(m.opt.Times.Hold) // a private group waits for its own disks
	}
}

func (m *Machine) retryTables(g *group) {
	t := &g.tables
	t.retry = 0
	switch t.stage {
	case returning, reclaiming:
		m.handBack(g, t.stage)
	case resuming, reviving:
		m.run(g)
	case clearing:
		m.clear(g)
	}
}

// fenceOf returns the fence set that covers both; what differs between them is marked as owned.
func fenceOf(g *group, have, want *text) Fence {
	f := Fence{Group: g.id, Name: g.name, Disks: union(disksOf(have.value()), disksOf(want.value()))}
	var old, next config.Group
	if have != nil {
		old = have.group
	}
	if want != nil {
		next = want.group
	}
	owned := map[string]bool{}
	for _, d := range config.Compare(old, next) {
		owned[d.ID] = true
	}
	for _, v := range next.Volumes {
		f.Volumes = append(f.Volumes, FenceVolume{v.ID, v.Name, owned[v.ID]})
	}
	for _, v := range old.Volumes {
		if !slices.ContainsFunc(next.Volumes, func(w config.Volume) bool { return w.ID == v.ID }) {
			f.Volumes = append(f.Volumes, FenceVolume{v.ID, v.Name, true})
		}
	}
	return f
}

// union returns the strings of both, sorted, each once.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
