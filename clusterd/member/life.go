// SPDX-License-Identifier: Apache-2.0

package member

import (
	"go.etcd.io/raft/v3/raftpb"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// life is one attempt of this node to be in the cluster, from Init or Join to Stopped.
//
//	out --Join--> joining --ready--> member --Stop--> leaving --Closed, let go--> out
//	                 \------------------\--lapse, evicted, failed--> aborting --Drained--> out
type life struct {
	number uint64 // of this life; set anew by each Join
	inc    view.Incarnation
	cond   view.Condition
	reason view.Reason // of the last leave, kept while out

	peers []view.NodeID
	addrs []string
	since view.Tick // of the join
	tried view.Tick // last message that waits for an answer
	hello view.Tick

	ready   bool // the configuration join is done, the cluster does not know it yet
	closing bool // a clean leave waits for the volumes
	handing bool // a clean leave has shut everything and waits to be let go
	bye     *Bye // repeated until the cluster has let this incarnation go

	lease lease
}

// init founds a cluster: a log whose snapshot holds this node alone.
func (m *Machine) init(e Init) {
	if m.node != nil || m.life.cond != view.Out {
		m.note("init refused: this node is in cluster %s", m.meta.Cluster)
		return
	}
	self := e.Self
	self.Node, self.Life, self.Inc, self.Raft, self.Admitted = m.cfg.Node, m.life.number, 1, 1, false
	one := view.Member{Node: self.Node, Name: self.Name, Inc: 1}
	state := State{
		Cluster: e.Cluster, Heartbeat: m.times.Heartbeat, Nodes: []Record{self},
		View: view.View{Seq: 1, Members: []view.Member{one}, Master: self.Node},
	}
	m.meta = Meta{Cluster: e.Cluster, Node: m.cfg.Node, Raft: 1}
	meta := m.meta
	snap := &raftpb.Snapshot{Data: state.marshal(), Metadata: &raftpb.SnapshotMetadata{
		Index: new(uint64(1)), Term: new(uint64(1)), ConfState: &raftpb.ConfState{Voters: []uint64{m.raftID()}},
	}}
	hard := &raftpb.HardState{Term: new(uint64(1)), Commit: new(uint64(1))}
	m.act(Persist{Reset: true, Meta: &meta, Snap: snap, Hard: hard})
	m.emptyLog(snap)
	m.act(SetPeers{Nodes: cloneRecords(m.state.Nodes)})
	m.life.inc, m.life.cond, m.life.reason = 1, view.InView, view.ReasonNone
	m.viewed()
	must(m.node.Campaign())
}

// join begins a new life.
func (m *Machine) join(e Join) {
	if m.life.cond != view.Out {
		m.note("join refused: this node is %v", m.life.cond)
		return
	}
	if m.meta.Cluster != "" && e.Cluster != "" && m.meta.Cluster != e.Cluster {
		m.note("join refused: the state directory belongs to cluster %s", m.meta.Cluster)
		m.act(Stopped{Reason: view.ReasonRefusedByMaster})
		return
	}
	number := m.life.number
	if m.life.inc != 0 || m.life.since != 0 {
		number++
	}
	m.life = life{number: number, cond: view.Joining, peers: e.Peers, addrs: e.Addrs, since: m.now}
	if m.meta.Cluster == "" {
		m.meta.Cluster = e.Cluster
	}
	m.tryJoin()
}

func (m *Machine) tryJoin() {
	m.life.tried = m.now
	m.sendLeader(JoinAsk{
		Cluster: m.meta.Cluster, Life: m.life.number, Raft: m.meta.Raft,
		Heartbeat: m.times.Heartbeat, Addrs: m.life.addrs,
	})
}

// joinReply learns whether the cluster has admitted this life, and under which identity its log is to be.
func (m *Machine) joinReply(r JoinReply) {
	if m.life.cond != view.Joining || m.life.inc != 0 || r.Life != m.life.number {
		return
	}
	if r.Reason != view.ReasonNone {
		m.note("join refused: %s", r.Detail)
		m.life.cond, m.life.reason = view.Out, r.Reason
		m.act(Stopped{Reason: r.Reason})
		return
	}
	if r.Raft == m.meta.Raft && m.node != nil && !m.meta.Left {
		return
	}
	reset := m.node == nil || r.Raft != m.meta.Raft
	m.meta = Meta{Cluster: m.meta.Cluster, Node: m.cfg.Node, Raft: r.Raft}
	meta := m.meta
	m.act(Persist{Reset: reset, Meta: &meta})
	if reset {
		m.emptyLog(nil)
	}
}

// configJoined takes the result of the configuration join from the local configd.
func (m *Machine) configJoined(e ConfigJoined) {
	if m.life.cond != view.Joining || m.life.inc == 0 || e.Inc != m.life.inc {
		return
	}
	if e.Reason != view.ReasonNone {
		m.abort(e.Reason)
		return
	}
	m.life.ready, m.life.tried = true, m.now
	m.sendLeader(Ready{Inc: m.life.inc})
}

// viewed compares the state with what this node knew: its own place in the view first, then the watchers.
func (m *Machine) viewed() {
	v := m.state.View
	if v.Seq == m.shown {
		return
	}
	m.shown = v.Seq
	for _, list := range [][]view.Member{v.Members, v.Joining} {
		for _, o := range list {
			if old, ok := m.known[o.Node]; !ok || old != o.Inc {
				m.known[o.Node], m.alive[o.Node] = o.Inc, m.now // its silence counts from here
				if m.lead != nil {
					m.lead.renewed(o.Node)
				}
			}
		}
	}
	m.place(v)
	m.show()
}

// show hands the view to the watchers. What a restarted node finds in its own log is old news until there is a leader.
func (m *Machine) show() {
	if m.life.inc == 0 && m.leader == 0 {
		return
	}
	if v := m.state.View; v.Seq != m.told {
		m.told = v.Seq
		m.act(SetView{View: v.Clone(), Index: m.applied})
	}
}

// place follows this node's own place in the view.
func (m *Machine) place(v view.View) {
	l := &m.life
	self := m.state.Node(m.cfg.Node)
	if l.cond == view.Joining && l.inc == 0 && self != nil && self.Life == l.number && v.Has(self.Node, self.Inc) {
		l.inc = self.Inc
		l.ready = self.Witness // a witness has no configuration to join with
		m.belong()
		m.ask()
	}
	if l.inc == 0 || l.cond == view.Out {
		return
	}
	if !v.Has(m.cfg.Node, l.inc) {
		if l.cond == view.InView || l.cond == view.Joining || l.closing {
			m.abort(view.ReasonEvicted)
		}
		return
	}
	if _, member := v.Member(m.cfg.Node); member && l.cond == view.Joining {
		l.cond, l.ready = view.InView, false
		m.promote()
	}
}

// belong lets the log take part again, where the answer to the join was lost and only the view tells.
func (m *Machine) belong() {
	if m.meta.Left {
		m.meta.Left = false
		meta := m.meta
		m.act(Persist{Meta: &meta})
	}
}

// tickLife is what this node does for its own place as time passes.
func (m *Machine) tickLife() {
	l := &m.life
	if l.cond == view.Joining && m.now.Sub(l.since) > m.cfg.JoinLimit {
		m.joinTimedOut()
	}
	if l.inc != 0 && (l.cond == view.Joining || l.cond == view.InView || l.closing) {
		m.tickLease()
	}
	if m.now.Sub(l.tried) < m.beats(retryEvery) {
		return
	}
	l.tried = m.now
	switch {
	case l.cond == view.Joining && l.inc == 0:
		m.tryJoin()
	case l.cond == view.Joining && l.ready:
		m.sendLeader(Ready{Inc: l.inc})
	case l.handing:
		m.handOver()
	case l.bye != nil:
		m.sendLeader(*l.bye)
	}
}

func (m *Machine) joinTimedOut() {
	if m.life.inc != 0 {
		m.abort(view.ReasonJoinTimeout)
		return
	}
	m.life.cond, m.life.reason = view.Out, view.ReasonRegistrationLimit
	m.act(Stopped{Reason: view.ReasonRegistrationLimit})
}
