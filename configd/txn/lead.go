// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"
	"maps"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// lead is the master's side of the configuration join. A master first reads the labels and decides every shared group
// under its own ballot; then it takes the other nodes in, whatever they were before.
type lead struct {
	stage    leadStage
	scan     uint64
	since    view.Tick
	announce view.Tick // when next
	rounds   uint64
	peers    map[view.NodeID]*follower
}

type leadStage uint8

const (
	reading    leadStage = iota // the labels
	recovering                  // the groups
	leading
)

var leadStageWords = [...]string{"reading", "recovering", "leading"}

func (s leadStage) String() string { return word(leadStageWords[:], s) }

// follower is another node as its master sees it.
type follower struct {
	inc      view.Incarnation
	stage    followerStage
	join     Join // what it said last
	round    uint64
	loaded   bool      // it may have tables: nothing may move without it
	deadline view.Tick // for joining
	retry    view.Tick
}

type followerStage uint8

const (
	absent  followerStage = iota // not heard of in this view
	asked                        // waits for an offer
	offered                      // loads tables
	joined                       // takes part in changes
)

var followerStageWords = [...]string{"absent", "asked", "offered", "joined"}

func (s followerStage) String() string { return word(followerStageWords[:], s) }

// viewAsMaster begins to lead, or goes on in a new view.
func (m *Machine) viewAsMaster() {
	m.follow = nil
	m.relay.abandon(m, "this node became the master meanwhile: look whether the change was made")
	if m.lead == nil {
		m.lead = &lead{scan: m.wantScan(), since: m.now, peers: map[view.NodeID]*follower{}}
	}
	l := m.lead
	l.announce = m.now
	v := m.place.View
	for _, n := range slices.Sorted(maps.Keys(l.peers)) {
		if l.peers[n].inc != incOf(v, n) {
			delete(l.peers, n)
			m.losePart(n, "it left the cluster")
		}
	}
	newcomer := false
	for _, x := range slices.Concat(v.Members, v.Joining) {
		if x.Node == m.place.Node || x.Witness || l.peers[x.Node] != nil {
			continue
		}
		l.peers[x.Node] = &follower{inc: x.Inc, deadline: m.now.Add(m.opt.Times.Join)}
		newcomer = true
	}
	if newcomer {
		m.joinFirst()
	}
	if l.stage == leading {
		m.reportReady()
	}
}

// joinFirst lets a join go before a change whose tables nobody has prepared yet.
func (m *Machine) joinFirst() {
	if tx := m.shared.tx; tx != nil && tx.stage == asking {
		tx.again = true
		m.giveUp(&m.shared, "a node joins first")
	}
}

// lose forgets what a node had promised.
func (l *lead) lose(m *Machine, n view.NodeID) {
	if f := l.peers[n]; f != nil {
		l.peers[n] = &follower{inc: f.inc, loaded: f.loaded, deadline: m.now.Add(m.opt.Times.Join)}
		l.announce = m.now
	}
}

// obstacle says why the coordinator cannot begin a change now, and whether to wait.
func (m *Machine) obstacle(c *coordinator, q queued) (why string, wait bool) {
	g := m.groups[q.group]
	switch {
	case g != nil && g.tx != nil:
		return fmt.Sprintf("group %s has another change under way", g.name), true
	case g != nil && g.cur != nil && !m.ledgerOf(g).settled:
		return fmt.Sprintf("the label copies of group %s are not decided: %s", g.name, m.ledgerOf(g).why), true
	case g != nil && g.tables.stage != resting:
		return fmt.Sprintf("the tables of group %s are still %v", g.name, g.tables.stage), true
	case m.scan.done == 0 || m.scan.done < q.scan:
		return "the disks are being read", true
	case !c.shared:
		return "", false
	case m.lead == nil:
		return "this node is not the master any more", false
	case m.lead.stage != leading:
		return "the master is still reading the labels", true
	}
	for _, n := range slices.Sorted(maps.Keys(m.lead.peers)) {
		f := m.lead.peers[n]
		_, member := m.place.View.Member(n)
		switch {
		case f.stage == joined:
		case (member || f.loaded) && f.stage == absent:
			return fmt.Sprintf("configd not enabled on node %d", n), m.now < f.deadline
		case f.stage == absent && m.now >= f.deadline: // it has no tables, and gets the groups as they are then
		default:
			return fmt.Sprintf("node %d is joining", n), true
		}
	}
	return "", false
}

// participants returns who votes, loads and follows.
func (m *Machine) participants(shared bool) []view.NodeID {
	nodes := []view.NodeID{m.place.Node}
	if shared {
		for n, f := range m.lead.peers {
			if f.stage == joined {
				nodes = append(nodes, n)
			}
		}
	}
	slices.Sort(nodes)
	return nodes
}

// onJoin takes note of a node that wants the groups.
func (m *Machine) onJoin(from view.NodeID, j Join) {
	if m.lead == nil || m.lead.peers[from] == nil {
		return
	}
	f := m.lead.peers[from]
	switch {
	case j.Cluster != m.place.ID:
		m.send(from, Refuse{j.Attempt, view.ReasonRefusedByMaster, "it belongs to another cluster"})
	case j.Inc != f.inc:
		m.send(from, Refuse{j.Attempt, view.ReasonRefusedByMaster, "it is another incarnation than the one in the view"})
	case !j.Protocol.Meets(m.opt.Protocol):
		m.send(from, Refuse{j.Attempt, view.ReasonProtocolVersion, fmt.Sprintf("it speaks versions %d to %d, the master %d to %d: install versions that have one in common",
			j.Protocol.Min, j.Protocol.Max, m.opt.Protocol.Min, m.opt.Protocol.Max)})
	case f.stage != absent && f.join.Attempt > j.Attempt: // late
	case f.stage == joined && f.join.Attempt == j.Attempt: // twice
	default:
		if f.stage == joined {
			m.losePart(from, "it has lost track, and joins anew")
		}
		f.stage, f.join = asked, j
		m.joinFirst()
		if m.lead.stage != reading {
			m.takeUp(j.Labels)
			m.recoverWith()
		}
	}
}

// runLead announces, offers, and gives up on who is too slow.
func (m *Machine) runLead() {
	l := m.lead
	if l == nil {
		return
	}
	if l.stage == recovering && m.recovered() {
		l.stage = leading
		m.reportReady()
	}
	again := m.now >= l.announce
	if again {
		l.announce = m.now.Add(m.opt.Times.Retry)
	}
	for _, n := range slices.Sorted(maps.Keys(l.peers)) {
		f := l.peers[n]
		switch {
		case f.stage == absent && again:
			m.send(n, Announce{})
		case f.stage == asked && l.stage == leading && m.shared.tx == nil:
			l.rounds++
			f.stage, f.loaded, f.round, f.deadline = offered, true, l.rounds, m.now.Add(m.opt.Times.Join)
			m.offer(n, f)
		case f.stage == offered && m.now >= f.deadline:
			f.deadline = m.now.Add(m.opt.Times.Join)
			m.do(Accuse{n, "it does not finish its configuration join"})
		case f.stage == offered && m.now >= f.retry:
			m.offer(n, f)
		}
	}
}

// offerAnew is for a group that was decided only after the others had joined.
func (l *lead) offerAnew() {
	for _, f := range l.peers {
		if f.stage > asked {
			f.stage = asked
		}
	}
}

func (m *Machine) offer(n view.NodeID, f *follower) {
	f.retry = m.now.Add(m.opt.Times.Retry)
	o := Offer{Attempt: f.join.Attempt, Round: f.round}
	for _, g := range m.sharedGroups() {
		if g.cur != nil && m.ledgerOf(g).settled {
			o.Groups = append(o.Groups, Ident{g.id, g.cur.version(), g.cur.hash, g.decision})
		}
	}
	m.send(n, o)
}

func (m *Machine) onReady(from view.NodeID, r Ready) {
	f := m.followerOf(from, r.Attempt)
	switch {
	case f == nil || f.round != r.Round || f.stage < offered:
	default:
		f.stage = joined
		m.send(from, Welcome{r.Attempt})
	}
}

func (m *Machine) onDeclined(from view.NodeID, d Declined) {
	if f := m.followerOf(from, d.Attempt); f != nil {
		f.stage, f.deadline = absent, m.now
	}
}

func (m *Machine) followerOf(n view.NodeID, attempt uint64) *follower {
	if m.lead == nil || m.lead.peers[n] == nil || m.lead.peers[n].join.Attempt != attempt {
		return nil
	}
	return m.lead.peers[n]
}

// onFetch gives a text to whoever asks for it by its hash.
func (m *Machine) onFetch(from view.NodeID, f Fetch) {
	if body, ok := m.findText(f.Hash); ok {
		m.send(from, Text{f.Group, body})
	}
}
