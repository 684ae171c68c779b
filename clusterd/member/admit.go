// SPDX-License-Identifier: Apache-2.0

package member

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"go.etcd.io/raft/v3"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// receiveJoin admits a new life of an enrolled node, or says why not.
func (m *Machine) receiveJoin(from view.NodeID, j JoinAsk) {
	r := m.state.Node(from)
	refuse := func(why view.Reason, format string, args ...any) {
		m.send(from, JoinReply{Life: j.Life, Reason: why, Detail: fmt.Sprintf(format, args...)})
	}
	switch {
	case r == nil:
		refuse(view.ReasonRefusedByMaster, "node %d is not enrolled in this cluster; enroll it with a join token", from)
	case j.Cluster != "" && j.Cluster != m.state.Cluster:
		refuse(view.ReasonRefusedByMaster, "node %d belongs to cluster %s, this is %s", from, j.Cluster, m.state.Cluster)
	case j.Heartbeat != m.state.Heartbeat:
		refuse(view.ReasonRefusedByMaster, "heartbeat is %v on node %d and %v in the cluster; make them equal in plexus.toml",
			j.Heartbeat, from, m.state.Heartbeat)
	case j.Life < r.Life:
		// a late message of a former life
	case j.Life == r.Life:
		m.send(from, JoinReply{Life: j.Life, Inc: r.Inc, Raft: r.Raft})
	case m.viewHas(from) && j.Raft != r.Raft:
		// Its log is gone. The former life is over, and says so by asking: it leaves the view, then this one joins.
		m.dropWith(from, r.Inc, view.ProofSelf, view.ReasonLeftBefore)
	default:
		m.propose(Admit{Node: from, Life: j.Life, Raft: j.Raft, Addrs: j.Addrs})
	}
}

func (m *Machine) viewHas(n view.NodeID) bool {
	return slices.ContainsFunc(m.inView(), func(o view.Member) bool { return o.Node == n })
}

// admitted takes learners that have caught up into the view, as joining.
func (m *Machine) admitted() {
	for _, r := range m.state.Nodes {
		if !r.Admitted || m.viewHas(r.Node) {
			continue
		}
		m.remind(r)
		id := raftID(r.Node, r.Raft)
		at := m.progress(id)
		if at == 0 || at+learnLagMax < m.applied {
			continue
		}
		v := m.state.View.Clone()
		v.Joining = insert(v.Joining, view.Member{Node: r.Node, Name: r.Name, Inc: r.Inc, Witness: r.Witness})
		m.propose(NewView{View: m.nextView(v)})
		return
	}
}

// remind tells an admitted node under which identity it learns; its own repeats are the fallback.
func (m *Machine) remind(r Record) {
	key := fmt.Sprintf("admitted %d.%d", r.Node, r.Inc)
	if at, ok := m.lead.proposed[key]; ok && m.now.Sub(at) < m.beats(retryEvery) {
		return
	}
	m.lead.proposed[key] = m.now
	m.send(r.Node, JoinReply{Life: r.Life, Inc: r.Inc, Raft: r.Raft})
}

// receiveReady makes a joining node a member.
func (m *Machine) receiveReady(from view.NodeID, r Ready) {
	o, ok := m.state.View.Joiner(from)
	if !ok || o.Inc != r.Inc || m.inDoubt(from) {
		return
	}
	v := without(m.state.View, from)
	v.Members = insert(v.Members, o)
	m.propose(NewView{View: m.nextView(v)})
}

// receiveBye lets a node go that says it must. Until it has drained it is condemned: no lease any more, and the proof
// by lease begins to run.
func (m *Machine) receiveBye(from view.NodeID, b Bye) {
	r := m.state.Node(from)
	switch {
	case r == nil:
	case m.state.View.Has(from, b.Inc) && b.Drained:
		m.dropWith(from, b.Inc, view.ProofSelf, b.Reason)
	case m.state.View.Has(from, b.Inc):
		m.lead.bye[life0{from, b.Inc}] = b.Reason
	case r.Admitted && r.Inc == b.Inc:
		m.propose(Abandon{Node: from, Inc: b.Inc})
	default:
		m.letGo(from, b.Inc)
	}
}

// follow makes the voters follow the view, one change at a time: out with those in no view, in with learners, up to
// votersMax members vote. A joining node keeps the vote it has, so that a cluster that restarts whole keeps its quorum.
func (m *Machine) follow() {
	if len(m.conf.GetVotersOutgoing()) > 0 {
		return
	}
	key := "voters"
	if at, ok := m.lead.proposed[key]; ok && m.now.Sub(at) < m.times.Heartbeat {
		return
	}
	change, id, ok := m.nextChange()
	if !ok {
		return
	}
	m.lead.proposed[key] = m.now
	_ = m.node.ProposeConfChange(&raftpb.ConfChange{Type: change.Enum(), NodeId: new(id)}) // refused: next time
}

func (m *Machine) nextChange() (raftpb.ConfChangeType, uint64, bool) {
	voters, learners := m.conf.GetVoters(), m.conf.GetLearners()
	for _, id := range slices.Concat(voters, learners) {
		if m.wanted(id) {
			continue
		}
		if id == m.raftID() {
			m.giveUp()
			continue
		}
		if len(voters) > 1 || !slices.Contains(voters, id) {
			return raftpb.ConfChangeRemoveNode, id, true
		}
	}
	for _, r := range m.state.Nodes {
		id := raftID(r.Node, r.Raft)
		if r.Raft != 0 && m.wanted(id) && !slices.Contains(voters, id) && !slices.Contains(learners, id) {
			return raftpb.ConfChangeAddLearnerNode, id, true
		}
	}
	if len(voters) >= votersMax {
		return 0, 0, false
	}
	for _, o := range m.state.View.Members {
		id := raftID(o.Node, m.state.Node(o.Node).Raft)
		if slices.Contains(learners, id) && m.progress(id)+learnLagMax >= m.applied && !m.inDoubt(o.Node) {
			return raftpb.ConfChangeAddNode, id, true
		}
	}
	return 0, 0, false
}

// giveUp hands leadership over: this node is to leave the voters, which another leader must see to.
func (m *Machine) giveUp() {
	if m.now.Sub(m.lead.moved) >= m.beats(retryEvery) {
		m.lead.moved = m.now
		m.transfer(0)
	}
}

// wanted reports whether a log identity belongs to a node in the view or on its way there.
func (m *Machine) wanted(id uint64) bool {
	r := m.state.Node(raftNode(id))
	return r != nil && id == raftID(r.Node, r.Raft) && (r.Admitted || m.viewHas(r.Node))
}

// inLog reports whether an identity of that node votes or learns.
func (m *Machine) inLog(n view.NodeID) bool {
	return slices.ContainsFunc(slices.Concat(m.conf.GetVoters(), m.conf.GetLearners()),
		func(id uint64) bool { return raftNode(id) == n })
}

// progress is up to where a log identity is known to have the leader's log; zero if it does not take part.
func (m *Machine) progress(id uint64) uint64 {
	match := uint64(0)
	m.node.WithProgress(func(other uint64, _ raft.ProgressType, pr tracker.Progress) {
		if other == id {
			match = pr.Match
		}
	})
	return match
}

func clearOld(seen map[string]view.Tick, now view.Tick, after time.Duration) {
	maps.DeleteFunc(seen, func(_ string, at view.Tick) bool { return now.Sub(at) >= after })
}
