// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"
	"maps"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

// Options are what a machine is told once, when it is made.
type Options struct {
	// Start numbers the lives of configd on this node for its private groups. It only grows; the edge keeps it in
	// /var/lib/plexus. The start number among the other nodes comes with Cluster.
	Start uint64
	// Homes are the home records of private groups, from /var/lib/plexus.
	Homes    []view.Home
	Protocol Protocol
	Times    Times
}

// Machine decides what becomes of the disk groups on one node. It is not safe for concurrent use: one goroutine owns it
// and calls Step, its only door.
type Machine struct {
	opt   Options
	now   view.Tick
	out   []Action
	inbox []Message // from this node to itself
	armed view.Tick
	ops   Op
	waits map[Op]wait
	step  uint64 // of the last ballot

	place    Cluster
	lease    view.Lease
	left     bool // Leave was ordered in this incarnation
	reported report
	peers    map[view.NodeID]*peer

	scan    scan
	groups  map[string]*group
	orphans map[string]view.Tick   // groups with devices found suspended, that nobody has spoken of yet, and until when
	homes   map[string]view.Home   // by group id, as far as known here
	ended   view.Ballot            // the highest shared proposal that is over: nothing as old is taken up again
	errands map[string]errand      // by disk id
	wrote   map[string]view.Ballot // by disk id: of the last errand

	private  coordinator
	shared   coordinator
	lead     *lead
	follow   *follow
	relay    relay
	attempts uint64            // configuration joins begun
	fetched  map[string]string // texts asked of others, by group
}

// wait is what an action under way is for.
type wait struct {
	kind  waitKind
	group string
	disk  string
}

type waitKind uint8

const (
	waitScan waitKind = iota
	waitTables
	waitLedger // a label copy that this node writes as coordinator
	waitHome
	waitErrand // a label copy that this node writes for the master
)

// New returns a machine that has seen nothing yet. Its first Step should be a Tick: it then asks for a scan.
func New(opt Options) *Machine {
	if err := opt.Times.Check(); err != nil {
		panic("BUG: " + err.Error())
	}
	m := &Machine{
		opt: opt, waits: map[Op]wait{}, groups: map[string]*group{}, orphans: map[string]view.Tick{}, fetched: map[string]string{}, peers: map[view.NodeID]*peer{}, homes: map[string]view.Home{}, errands: map[string]errand{}, wrote: map[string]view.Ballot{},
		shared: coordinator{shared: true},
	}
	for _, h := range opt.Homes {
		m.homes[h.GroupID] = h
	}
	return m
}

// Step takes one event at the time now and returns what is to be done, in order.
func (m *Machine) Step(now view.Tick, e Event) []Action {
	if now < m.now {
		panic(fmt.Sprintf("BUG: time went back from %v to %v", m.now, now))
	}
	m.now, m.out = now, nil
	m.take(e)
	m.settleAll()
	m.arm()
	m.check()
	return m.out
}

func (m *Machine) take(e Event) {
	switch e := e.(type) {
	case Tick:
	case Cluster:
		m.onCluster(e)
	case Lease:
		m.lease = e.Lease
	case Received:
		m.onMessage(e.Message)
	case Request:
		m.onRequest(e)
	case Scanned:
		m.onScanned(e)
	case Written:
		m.onWritten(e)
	case HomePut:
		m.onHomePut(e)
	case Finished:
		m.onFinished(e)
	default:
		panic(fmt.Sprintf("BUG: event of type %T", e))
	}
}

// settlePasses bounds how often one event may make the machine talk to itself: a transaction of one node takes a handful.
const settlePasses = 64

// settleAll lets everything that became possible happen, deadlines included, until nothing more does.
func (m *Machine) settleAll() {
	for range settlePasses {
		m.runOrphans()
		for _, g := range m.sorted() {
			m.runTables(g)
		}
		m.runRecovery()
		m.runScan()
		m.runLead()
		m.runFollow()
		m.runCoordinator(&m.private)
		m.runCoordinator(&m.shared)
		m.runRelay()
		if len(m.inbox) == 0 {
			return
		}
		inbox := m.inbox
		m.inbox = nil
		for _, msg := range inbox {
			m.deliver(msg)
		}
	}
	panic(fmt.Sprintf("BUG: %d messages of this node to itself after %d passes", len(m.inbox), settlePasses))
}

// onMessage refuses what comes from another view or an older life of the sender.
func (m *Machine) onMessage(msg Message) {
	from := msg.Head.From
	switch {
	case m.left || !m.inView() || from == m.place.Node || msg.Head.View != m.place.View.Seq:
		return
	case !hasNode(m.place.View, from):
		return
	}
	if p := m.peer(from); msg.Head.Start < p.start {
		return
	} else if msg.Head.Start > p.start {
		m.onPeerStart(from, msg.Head.Start)
	}
	m.deliver(msg)
}

func (m *Machine) deliver(msg Message) {
	from := msg.Head.From
	switch b := msg.Body.(type) {
	case Announce:
		m.onAnnounce(from)
	case Join:
		m.onJoin(from, b)
	case Refuse:
		m.onRefuse(from, b)
	case Offer:
		m.onOffer(from, b)
	case Fetch:
		m.onFetch(from, b)
	case Text:
		m.onText(from, b)
	case Ready:
		m.onReady(from, b)
	case Declined:
		m.onDeclined(from, b)
	case Welcome:
		m.onWelcome(from, b)
	case Propose:
		m.onPropose(from, b)
	case Vote:
		m.onVote(from, b)
	case Prepare:
		m.onPrepare(from, b)
	case Prepared:
		m.onPrepared(from, b)
	case Commit:
		m.onCommit(from, b)
	case Abort:
		m.onAbort(from, b)
	case Applied:
		m.onApplied(from, b)
	case Inscribe:
		m.onInscribe(from, b)
	case Inscribed:
		m.onInscribed(from, b)
	case Forward:
		m.onForward(from, b)
	case Result:
		m.onResult(from, b)
	default:
		panic(fmt.Sprintf("BUG: message of type %T", b))
	}
}

// do appends an action.
func (m *Machine) do(a Action) { m.out = append(m.out, a) }

// begin numbers an action that will end in an event.
func (m *Machine) begin(w wait) Op {
	m.ops++
	m.waits[m.ops] = w
	return m.ops
}

// over takes an action off those under way.
func (m *Machine) over(op Op, kinds ...waitKind) (wait, bool) {
	w, ok := m.waits[op]
	if !ok || !slices.Contains(kinds, w.kind) {
		return wait{}, false // of an earlier life of this machine, or told twice
	}
	delete(m.waits, op)
	return w, true
}

// send hands a message to the link, or to this node itself before the step ends.
func (m *Machine) send(to view.NodeID, b Body) {
	msg := Message{Head{From: m.place.Node, View: m.place.View.Seq, Start: m.place.Start}, b}
	if to == m.place.Node {
		m.inbox = append(m.inbox, msg)
		return
	}
	m.do(Send{to, msg})
}

// ballot returns the next one; it is higher than all before it of this node in this view.
func (m *Machine) ballot(shared bool) view.Ballot {
	m.step++
	if !shared {
		return view.Ballot{Start: m.opt.Start, Step: m.step}
	}
	return view.Ballot{View: m.place.View.Seq, Start: m.place.Start, Step: m.step}
}

// leave gives up this node's part in the cluster: shared I/O ends, nothing more is said or written.
func (m *Machine) leave(reason view.Reason, why string) {
	if m.left {
		return
	}
	for _, g := range m.sharedGroups() {
		if g.tables.stage != resting {
			m.do(Fail{g.id})
		}
	}
	m.do(Leave{reason, why})
	m.left = true
	m.dropShared("this node left its cluster: " + why)
}

// sorted returns the groups by id, so that one event always has the same actions.
func (m *Machine) sorted() []*group {
	ids := slices.Sorted(maps.Keys(m.groups))
	all := make([]*group, len(ids))
	for i, id := range ids {
		all[i] = m.groups[id]
	}
	return all
}

func (m *Machine) sharedGroups() []*group {
	return slices.DeleteFunc(m.sorted(), func(g *group) bool { return !g.shared })
}

// text is one version of a group.
type text struct {
	hash   string
	parent string // hash of the text that it was made from; empty for the first, and where only labels tell it
	body   string
	group  config.Group
}

func newText(g config.Group, parent *text) *text {
	body := config.Encode(g)
	t := &text{hash: config.Hash(body), body: string(body), group: g}
	if parent != nil {
		t.parent = parent.hash
	}
	return t
}

// readText decodes the bytes; they must have that hash.
func readText(body, hash string) (*text, error) {
	if h := config.Hash([]byte(body)); h != hash {
		return nil, fmt.Errorf("read group configuration: its hash is %s, not %s", short(h), short(hash))
	}
	g, err := config.Decode([]byte(body))
	if err != nil {
		return nil, err
	}
	return &text{hash: hash, body: body, group: g}, nil
}

func (t *text) version() uint64 {
	if t == nil {
		return 0
	}
	return t.group.Version
}

func (t *text) value() *config.Group {
	if t == nil {
		return nil
	}
	return &t.group
}

func same(a, b *text) bool { return a == nil && b == nil || a != nil && b != nil && a.hash == b.hash }
