// SPDX-License-Identifier: Apache-2.0

package member

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

const (
	raftIncBits     = 48 // of a raft id: the rest is the node
	raftMessageMax  = 1 << 20
	raftInflightMax = 64
)

// raftID is the identity of a log: the node, and the incarnation in which the log began.
func raftID(n view.NodeID, inc view.Incarnation) uint64 {
	return uint64(n)<<raftIncBits | uint64(inc)&(1<<raftIncBits-1)
}

func raftNode(id uint64) view.NodeID { return view.NodeID(id >> raftIncBits) }

func raftName(id uint64) string {
	if id == 0 {
		return "-"
	}
	return fmt.Sprintf("%d.%d", id>>raftIncBits, id&(1<<raftIncBits-1))
}

func (m *Machine) raftID() uint64 { return raftID(m.cfg.Node, m.meta.Raft) }

// load starts raft from a disk.
func (m *Machine) load(d Disk) error {
	m.store = &storage{MemoryStorage: raft.NewMemoryStorage(), m: m}
	if d.Snap != nil {
		if err := m.store.ApplySnapshot(d.Snap); err != nil {
			return err
		}
		state, err := UnmarshalState(d.Snap.GetData())
		if err != nil {
			return err
		}
		m.state = state
		at := d.Snap.GetMetadata()
		m.applied, m.snapped, m.term, m.conf = at.GetIndex(), at.GetIndex(), at.GetTerm(), at.GetConfState()
	}
	if err := checkEntries(d); err != nil {
		return err
	}
	if err := m.store.Append(d.Entries); err != nil {
		return err
	}
	if d.Hard != nil {
		if err := m.store.SetHardState(d.Hard); err != nil {
			return err
		}
	}
	return m.startRaft()
}

// checkEntries refuses a log with a hole, which raft would panic about.
func checkEntries(d Disk) error {
	next := d.Snap.GetMetadata().GetIndex() + 1
	for _, e := range d.Entries {
		if e.GetIndex() != next {
			return fmt.Errorf("entry %d is missing, found %d", next, e.GetIndex())
		}
		next++
	}
	if c := d.Hard.GetCommit(); c >= next {
		return fmt.Errorf("entry %d is missing, the log says that it was committed", c)
	}
	return nil
}

func (m *Machine) startRaft() error {
	node, err := raft.NewRawNode(&raft.Config{
		ID:                        m.raftID(),
		ElectionTick:              int(m.times.ElectionMin / m.times.Heartbeat),
		HeartbeatTick:             1,
		Storage:                   m.store,
		Applied:                   m.applied,
		MaxSizePerMsg:             raftMessageMax,
		MaxInflightMsgs:           raftInflightMax,
		MaxUncommittedEntriesSize: math.MaxUint64,
		CheckQuorum:               true,
		PreVote:                   true,
		ReadOnlyOption:            raft.ReadOnlySafe,
		StepDownOnRemoval:         true,
		DisableProposalForwarding: true, // what is proposed depends on what the leader knows
		Logger:                    quiet{},
	})
	m.node = node
	return err
}

// emptyLog begins a new log for a new identity.
func (m *Machine) emptyLog(snap *raftpb.Snapshot) {
	m.store = &storage{MemoryStorage: raft.NewMemoryStorage(), m: m}
	m.state, m.conf, m.applied, m.snapped, m.term = State{}, nil, 0, 0, 0
	m.lead, m.leader = nil, 0
	if snap != nil {
		if err := m.load(Disk{Snap: snap, Hard: &raftpb.HardState{Term: new(uint64(1)), Commit: new(uint64(1))}}); err != nil {
			m.bug("start a new log: %v", err)
		}
		return
	}
	if err := m.startRaft(); err != nil {
		m.bug("start an empty log: %v", err)
	}
}

// votes reports whether this node's log belongs to the cluster's: one that was let go must not campaign.
func (m *Machine) votes() bool { return m.node != nil && !m.meta.Left }

func (m *Machine) stepRaft(from view.NodeID, msg Raft) {
	switch {
	case m.node == nil || msg.M.GetTo() != m.raftID() || raftNode(msg.M.GetFrom()) != from:
		return // to a former identity of this node, or not from whom it says
	case raft.IsLocalMsg(msg.M.GetType()) || msg.M.GetType() == raftpb.MsgProp || msg.M.GetType() == raftpb.MsgReadIndex:
		return // never sent by a machine
	}
	_ = m.node.Step(msg.M) // its errors are messages of nodes it does not know (any more): dropped, like lost ones
}

// pump takes what raft has ready: persist first, then send, then apply.
func (m *Machine) pump() bool {
	busy := false
	for m.node != nil && m.node.HasReady() {
		busy = true
		rd := m.node.Ready()
		m.persist(rd)
		for _, msg := range rd.Messages {
			m.act(Send{To: raftNode(msg.GetTo()), Msg: Raft{M: msg}})
			if msg.GetType() == raftpb.MsgSnap {
				m.node.ReportSnapshot(msg.GetTo(), raft.SnapshotFinish) // lost ones show as a new probe
			}
		}
		if rd.SoftState != nil {
			m.leader = raftNode(rd.SoftState.Lead)
			m.show()
			m.turn(rd.SoftState.RaftState == raft.StateLeader)
		}
		for _, e := range rd.CommittedEntries {
			m.apply(e)
		}
		for _, r := range rd.ReadStates {
			m.confirmed(r)
		}
		m.node.Advance(rd)
		m.compact()
	}
	return busy
}

func (m *Machine) persist(rd raft.Ready) {
	p := Persist{Entries: rd.Entries}
	if !raft.IsEmptyHardState(rd.HardState) {
		p.Hard = rd.HardState
		must(m.store.SetHardState(rd.HardState))
	}
	if !raft.IsEmptySnap(rd.Snapshot) {
		p.Snap = rd.Snapshot
		must(m.store.ApplySnapshot(rd.Snapshot))
	}
	must(m.store.Append(rd.Entries))
	if p.Hard != nil || p.Snap != nil || len(p.Entries) > 0 {
		m.act(p)
	}
	if p.Snap != nil {
		m.install(p.Snap)
	}
}

// install takes over the state of a snapshot.
func (m *Machine) install(s *raftpb.Snapshot) {
	state, err := UnmarshalState(s.GetData())
	if err != nil {
		m.bug("install snapshot %d: %v", s.GetMetadata().GetIndex(), err)
	}
	homes := m.state.Homes
	at := s.GetMetadata()
	m.state, m.conf = state, at.GetConfState()
	m.applied, m.term, m.snapped = at.GetIndex(), at.GetTerm(), at.GetIndex()
	m.act(SetPeers{Nodes: cloneRecords(state.Nodes)})
	for _, h := range state.Homes {
		if !slices.Contains(homes, h) {
			m.act(ShowHome{Home: h})
		}
	}
	m.viewed()
}

// apply carries one committed entry into the state.
func (m *Machine) apply(e *raftpb.Entry) {
	switch e.GetType() {
	case raftpb.EntryConfChangeV2, raftpb.EntryConfChange:
		cc := &raftpb.ConfChangeV2{}
		if e.GetType() == raftpb.EntryConfChange {
			one := &raftpb.ConfChange{}
			must(proto.Unmarshal(e.GetData(), one))
			cc = one.AsV2()
		} else {
			must(proto.Unmarshal(e.GetData(), cc))
		}
		// While this call runs, raft may ask for a snapshot: applied, state and voters must still be those before e.
		conf := m.node.ApplyConfChange(cc)
		m.conf, m.applied, m.term = conf, e.GetIndex(), e.GetTerm()
	default:
		m.applied, m.term = e.GetIndex(), e.GetTerm()
		m.applyData(e)
	}
	if m.lead != nil && m.term == m.node.BasicStatus().GetTerm() && !m.lead.ready {
		m.lead.ready = true
		m.note("leads in term %d", m.term)
		for _, d := range m.state.Doomed {
			m.preempt(d.Node, d.Inc)
		}
	}
}

func (m *Machine) applyData(e *raftpb.Entry) {
	if len(e.GetData()) == 0 {
		return // raft's own, at the start of a term
	}
	origin, id, entry, err := unmarshalRecord(e.GetData())
	if err != nil {
		m.bug("apply entry %d: %v", e.GetIndex(), err)
	}
	node, refusal := m.state.apply(e.GetIndex(), entry)
	if origin == m.cfg.Node && id != 0 {
		m.answer(id, node, refusal)
	}
	switch entry := entry.(type) {
	case Enroll, Admit:
		m.act(SetPeers{Nodes: cloneRecords(m.state.Nodes)})
	case SetHome:
		if refusal == nil {
			m.act(ShowHome{Home: entry.Home})
		}
	case Condemn:
		m.doomed(entry, e.GetIndex())
	}
	m.viewed()
}

// compact takes a snapshot from time to time, so that the log stays short.
func (m *Machine) compact() {
	if m.applied < m.snapped+compactEvery {
		return
	}
	snap, err := m.store.Snapshot()
	if err != nil {
		m.bug("take snapshot %d: %v", m.applied, err)
	}
	m.snapped = m.applied
	must(m.store.Compact(m.applied - compactKeep))
	m.act(Persist{Snap: snap})
}

// storage is raft's in memory, except that a snapshot is always of now: a node that is brought in by one must find
// itself among the voters or learners in it.
type storage struct {
	*raft.MemoryStorage
	m *Machine
}

func (s *storage) Snapshot() (*raftpb.Snapshot, error) {
	_, err := s.CreateSnapshot(s.m.applied, s.m.conf, s.m.state.marshal())
	if err != nil && !errors.Is(err, raft.ErrSnapOutOfDate) {
		return nil, err
	}
	return s.MemoryStorage.Snapshot()
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("BUG: raft storage: %v", err))
	}
}

func cloneRecords(list []Record) []Record {
	list = slices.Clone(list)
	for i := range list {
		list[i].Addrs = slices.Clone(list[i].Addrs)
	}
	return list
}
