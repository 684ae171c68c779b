// SPDX-License-Identifier: Apache-2.0

package member

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Machine is the membership of one node. Create it with New; Step is the only way in. Not safe for concurrent use.
type Machine struct {
	cfg   Config
	times view.Times

	// The step under way.
	now     view.Tick
	acts    []Action
	mail    []Message // from this node to itself
	started bool
	ticked  view.Tick // last tick given to raft

	// The log.
	meta    Meta
	store   *storage
	node    *raft.RawNode // nil: this node has no log
	conf    *raftpb.ConfState
	applied uint64
	term    uint64 // of the applied entry
	snapped uint64 // index of the newest snapshot
	state   State
	leader  view.NodeID // as raft knows it; zero: nobody
	shown   view.Seq    // last view looked at
	told    view.Seq    // last view given to SetView

	heard    map[view.NodeID]view.Tick // last message of each node
	alive    map[view.NodeID]view.Tick // last word of its incarnation in the view: a log that merely votes does not count
	known    map[view.NodeID]view.Incarnation
	suspects map[view.NodeID]view.Tick // named by Suspect, when last

	life  life     // this node's place in the cluster
	asked requests // of this node, waiting for the cluster
	disks Disks    // as last told

	rounds uint64 // quorum rounds begun, over all terms led
	lead   *lead  // while this node is raft's leader
}

// New returns the machine of a node with that disk. Its raft log takes part in the cluster at once, so that a cluster
// comes up from its logs; the node itself is out until Init or Join.
func New(cfg Config, disk Disk) (*Machine, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.JoinLimit == 0 {
		cfg.JoinLimit = JoinLimitDefault
	}
	m := &Machine{
		cfg: cfg, times: cfg.Times, meta: disk.Meta,
		heard: map[view.NodeID]view.Tick{}, alive: map[view.NodeID]view.Tick{},
		known: map[view.NodeID]view.Incarnation{}, suspects: map[view.NodeID]view.Tick{},
		life: life{number: cfg.Life},
	}
	if disk.Meta.Raft == 0 {
		return m, nil
	}
	if disk.Meta.Node != cfg.Node {
		return nil, fmt.Errorf("start node %d: the state directory belongs to node %d", cfg.Node, disk.Meta.Node)
	}
	if err := m.load(disk); err != nil {
		return nil, fmt.Errorf("start node %d from its log: %w", cfg.Node, err)
	}
	m.act(SetPeers{Nodes: cloneRecords(m.state.Nodes)})
	return m, nil
}

// Step takes one event at the node's CLOCK_BOOTTIME now and returns what is to be done, in order.
func (m *Machine) Step(now view.Tick, e Event) []Action {
	if now < m.now {
		now = m.now // two readings crossed on their way here
	}
	m.wake(now)
	m.handle(e)
	m.settle()
	m.check()
	acts := m.acts
	m.acts = nil
	return acts
}

// wake notices that time has passed before anything else is looked at: an answer that waited while this node was
// frozen must find the lease already lapsed, and one that did not listen must accuse nobody of silence.
func (m *Machine) wake(now view.Tick) {
	gap := now.Sub(m.now)
	m.now = now
	if m.started && gap > m.times.ElectionMin {
		for n := range m.alive {
			m.alive[n] = now
		}
		if m.lead != nil {
			m.lead.listened(now)
		}
		m.note("no step for %v", gap)
	}
	m.started = true
	m.lapse()
}

func (m *Machine) handle(e Event) {
	switch e := e.(type) {
	case Tick:
		m.tick()
	case Receive:
		m.receive(e.From, e.Msg)
	case Init:
		m.init(e)
	case Join:
		m.join(e)
	case Stop:
		m.stop(e)
	case Cancel:
		m.cancel()
	case Closed:
		m.closed()
	case Drained:
		m.drained()
	case Held:
		m.held()
	case Refused:
		m.refused(e)
	case Failed:
		m.abort(e.Reason)
	case ConfigJoined:
		m.configJoined(e)
	case Disks:
		m.disks = e
	case Suspect:
		m.suspects[e.Node] = m.now
	case Fenced:
		m.fenced(e)
	case Request:
		m.request(e)
	default:
		panic(fmt.Sprintf("BUG: event of type %T", e))
	}
}

// settle runs until nothing is left to do at this instant: raft's output, mail to this node, the leader's duties.
func (m *Machine) settle() {
	for range settleMax {
		busy := m.pump()
		for len(m.mail) > 0 {
			msg := m.mail[0]
			m.mail = m.mail[1:]
			m.receive(m.cfg.Node, msg)
			busy = true
		}
		if m.lead != nil && m.lead.ready {
			m.duties()
		}
		if !busy && !m.pending() {
			return
		}
	}
	panic(fmt.Sprintf("BUG: node %d does not settle: %s", m.cfg.Node, m.Status(m.now)))
}

func (m *Machine) pending() bool {
	return len(m.mail) > 0 || m.node != nil && m.node.HasReady()
}

// tick lets time pass for raft and looks at everything that waits for time.
func (m *Machine) tick() {
	if m.votes() && m.now.Sub(m.ticked) >= m.times.Heartbeat*9/10 {
		m.ticked = m.now
		m.node.Tick()
	}
	m.hello()
	m.tickLife()
	m.tickRequests()
	if m.lead != nil {
		m.tickLead()
	}
}

func (m *Machine) receive(from view.NodeID, msg Message) {
	if from == 0 || from > view.NodesMax {
		return
	}
	m.heard[from] = m.now
	switch msg := msg.(type) {
	case Raft:
		m.stepRaft(from, msg)
	case Hello:
		m.lives(from, msg.Inc)
	case Grant:
		m.granted(msg)
	case Gone:
		m.gone(msg)
	case Condemned:
		m.condemned(msg)
	case JoinReply:
		m.joinReply(msg)
	case Ask, JoinAsk, Ready, Bye, Forward:
		if a, ok := msg.(Ask); ok {
			m.lives(from, a.Inc)
		}
		if m.lead != nil && m.lead.ready {
			m.receiveLead(from, msg)
		}
	default:
		panic(fmt.Sprintf("BUG: message of type %T", msg))
	}
}

// lives notes that an incarnation in the view has spoken.
func (m *Machine) lives(n view.NodeID, inc view.Incarnation) {
	if m.state.View.Has(n, inc) {
		m.alive[n] = m.now
	}
}

func (m *Machine) act(a Action) { m.acts = append(m.acts, a) }

func (m *Machine) note(format string, args ...any) { m.act(Note{Text: fmt.Sprintf(format, args...)}) }

// send hands msg to another node, or to this one within the same step.
func (m *Machine) send(to view.NodeID, msg Message) {
	if to == m.cfg.Node {
		m.mail = append(m.mail, msg)
		return
	}
	m.act(Send{To: to, Msg: msg})
}

// sendLeader sends to the leader, or to every other node while it is not known who leads: only a leader answers.
func (m *Machine) sendLeader(msg Message) {
	if m.lead != nil {
		m.send(m.cfg.Node, msg)
		return
	}
	if m.leader != 0 && m.silence(m.leader) < m.times.ElectionMax {
		m.send(m.leader, msg)
		return
	}
	for _, n := range m.others() {
		m.send(n, msg)
	}
}

// others returns all nodes this one may talk to, itself excepted.
func (m *Machine) others() []view.NodeID {
	var list []view.NodeID
	for _, r := range m.state.Nodes {
		if r.Node != m.cfg.Node {
			list = append(list, r.Node)
		}
	}
	for _, n := range m.life.peers {
		if n != m.cfg.Node && m.state.Node(n) == nil {
			list = append(list, n)
		}
	}
	return list
}

// hello lets every member hear this node, whoever leads: that is how two nodes notice that a link between them is cut.
func (m *Machine) hello() {
	l := &m.life
	if l.inc == 0 || l.cond == view.Out || l.cond == view.Aborting || m.now.Sub(l.hello) < m.beats(helloEvery) {
		return
	}
	l.hello = m.now
	for _, list := range [][]view.Member{m.state.View.Members, m.state.View.Joining} {
		for _, o := range list {
			if o.Node != m.cfg.Node {
				m.act(Send{To: o.Node, Msg: Hello{Inc: l.inc}})
			}
		}
	}
}
