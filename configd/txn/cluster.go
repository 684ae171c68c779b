// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// peer is what is known of the configd on another node.
type peer struct {
	inc   view.Incarnation
	start uint64 // the highest heard of: what is older is refused
	last  uint64 // of its forwarded changes, the latest taken up
	reply *Result
}

// peer returns what is known of a node of the view; a new incarnation of it is another peer.
func (m *Machine) peer(n view.NodeID) *peer {
	inc := incOf(m.place.View, n)
	p := m.peers[n]
	if p == nil || p.inc != inc {
		p = &peer{inc: inc}
		m.peers[n] = p
	}
	return p
}

func incOf(v view.View, n view.NodeID) view.Incarnation {
	if x, ok := v.Member(n); ok {
		return x.Inc
	}
	x, _ := v.Joiner(n)
	return x.Inc
}

func hasNode(v view.View, n view.NodeID) bool { return incOf(v, n) != 0 }

// inView reports whether this incarnation of the node is in the view, as a member or joining.
func (m *Machine) inView() bool {
	return m.place.Node != 0 && m.place.View.Has(m.place.Node, m.place.Inc) &&
		(m.place.Condition == view.Joining || m.place.Condition == view.InView || m.place.Condition == view.Leaving)
}

// isWitness reports whether that node votes for views and has no disks.
func isWitness(v view.View, n view.NodeID) bool {
	x, _ := v.Member(n)
	if y, ok := v.Joiner(n); ok {
		x = y
	}
	return x.Witness
}

// onCluster takes up this node's place.
func (m *Machine) onCluster(e Cluster) {
	was := m.place
	if e.View.Seq < was.View.Seq && e.ID == was.ID && e.Inc == was.Inc {
		return // older than what is known
	}
	e.View = e.View.Clone()
	m.place = e
	for _, h := range e.Homes {
		if old, ok := m.homes[h.GroupID]; !ok || h.Ballot.Compare(old.Ballot) > 0 {
			m.homes[h.GroupID] = h
		}
	}
	if was.Inc != e.Inc || was.ID != e.ID || was.Start != e.Start {
		m.forgetCluster("this node has begun anew in its cluster")
	}
	switch {
	case !m.inView():
		m.forgetCluster("this node is in no cluster")
	case m.left:
	case isWitness(e.View, e.Node), e.View.Master == 0:
		m.lead, m.follow = nil, nil
		m.reportReady()
	case e.View.Master == e.Node:
		m.viewAsMaster()
	default:
		m.viewAsSlave()
	}
	m.dropPeers()
}

// forgetCluster begins from nothing, after the old place has gone for good.
func (m *Machine) forgetCluster(why string) {
	m.dropShared(why)
	m.left, m.reported = false, report{}
	m.peers = map[view.NodeID]*peer{}
	m.wrote, m.errands = map[string]view.Ballot{}, map[string]errand{}
	m.ended = view.Ballot{}
}

// dropPeers forgets the nodes that are not in the view.
func (m *Machine) dropPeers() {
	for n := range m.peers {
		if incOf(m.place.View, n) != m.peers[n].inc {
			delete(m.peers, n)
		}
	}
}

// onPeerStart is for a configd that has begun anew in the same view: it knows nothing of what it had promised.
func (m *Machine) onPeerStart(n view.NodeID, start uint64) {
	p := m.peer(n)
	was := p.start
	p.start, p.last, p.reply = start, 0, nil
	if was == 0 {
		return
	}
	if m.lead != nil {
		m.losePart(n, "its configd was started anew")
		m.lead.lose(m, n)
	}
	if m.follow != nil && m.follow.master == n {
		m.relay.lost(m, "the master's configd was started anew meanwhile: look whether the change was made")
		m.begunFollow(start)
	}
}

// report is what clusterd was told of the configuration join.
type report struct {
	view  view.Seq
	start uint64
}

// reportReady tells clusterd, once in each view in which it matters.
func (m *Machine) reportReady() {
	r := report{m.place.View.Seq, m.place.Start}
	if m.reported == r {
		return
	}
	m.reported = r
	m.do(ReportJoin{View: r.view})
}

// cannotJoin tells why this node does not follow. One that is a member already has to leave.
func (m *Machine) cannotJoin(reason view.Reason, why string) {
	if _, member := m.place.View.Member(m.place.Node); member {
		m.leave(reason, why)
		return
	}
	m.do(ReportJoin{m.place.View.Seq, reason, why})
	m.left = true // until clusterd begins another incarnation
	m.dropShared(fmt.Sprintf("this node cannot join: %s", why))
}
