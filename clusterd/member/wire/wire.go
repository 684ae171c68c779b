// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Bounds of what another node may say.
const (
	// MessageBytesMax is the longest message; a snapshot of the membership state fits many times over.
	MessageBytesMax = 8 << 20

	addrsMax     = 8
	stringMax    = 512
	inFlightMax  = 24 * time.Hour
	reachMax     = 1 << 16
	heartbeatMax = time.Minute
)

// Marshal gives the bytes of a message.
func Marshal(m member.Message) ([]byte, error) {
	e, err := envelope(m)
	if err != nil {
		return nil, err
	}
	b, err := proto.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("marshal %v: %w", m, err)
	}
	if len(b) > MessageBytesMax {
		return nil, fmt.Errorf("marshal message: %d bytes are more than %d", len(b), MessageBytesMax)
	}
	return b, nil
}

func envelope(m member.Message) (*Envelope, error) {
	e := &Envelope{}
	switch m := m.(type) {
	case member.Raft:
		b, err := proto.Marshal(m.M)
		if err != nil {
			return nil, fmt.Errorf("marshal %v: %w", m, err)
		}
		e.Body = &Envelope_Raft{b}
	case member.Hello:
		e.Body = &Envelope_Hello{&Hello{Inc: uint64(m.Inc)}}
	case member.Ask:
		a := &Ask{Inc: uint64(m.Inc), At: int64(m.At), Reach: uint32(m.Reach), InFlight: int64(m.InFlight)}
		for _, n := range m.Silent {
			a.Silent = append(a.Silent, uint32(n))
		}
		e.Body = &Envelope_Ask{a}
	case member.Grant:
		e.Body = &Envelope_Grant{&Grant{Inc: uint64(m.Inc), At: int64(m.At)}}
	case member.Gone:
		e.Body = &Envelope_Gone{&Gone{Inc: uint64(m.Inc)}}
	case member.Condemned:
		e.Body = &Envelope_Condemned{&Condemned{Inc: uint64(m.Inc)}}
	case member.JoinAsk:
		e.Body = &Envelope_JoinAsk{&JoinAsk{Cluster: string(m.Cluster), Life: m.Life, Raft: uint64(m.Raft),
			Heartbeat: int64(m.Heartbeat), Addrs: m.Addrs}}
	case member.JoinReply:
		e.Body = &Envelope_JoinReply{&JoinReply{Life: m.Life, Inc: uint64(m.Inc), Raft: uint64(m.Raft),
			Reason: string(m.Reason), Detail: m.Detail}}
	case member.Ready:
		e.Body = &Envelope_Ready{&Ready{Inc: uint64(m.Inc)}}
	case member.Bye:
		e.Body = &Envelope_Bye{&Bye{Inc: uint64(m.Inc), Reason: string(m.Reason), Drained: m.Drained}}
	case member.Forward:
		e.Body = &Envelope_Forward{&Forward{Id: m.ID, Entry: member.MarshalEntry(m.Entry)}}
	default:
		panic(fmt.Sprintf("BUG: message of type %T", m))
	}
	return e, nil
}

// Unmarshal reads a message from another node.
func Unmarshal(b []byte) (member.Message, error) {
	if len(b) > MessageBytesMax {
		return nil, fmt.Errorf("read message: %d bytes are more than %d", len(b), MessageBytesMax)
	}
	e := &Envelope{}
	if err := proto.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	switch x := e.GetBody().(type) {
	case *Envelope_Raft:
		return unmarshalRaft(x.Raft)
	case *Envelope_Hello:
		return member.Hello{Inc: view.Incarnation(x.Hello.GetInc())}, nil
	case *Envelope_Ask:
		return unmarshalAsk(x.Ask)
	case *Envelope_Grant:
		return member.Grant{Inc: view.Incarnation(x.Grant.GetInc()), At: view.Tick(x.Grant.GetAt())}, nil
	case *Envelope_Gone:
		return member.Gone{Inc: view.Incarnation(x.Gone.GetInc())}, nil
	case *Envelope_Condemned:
		return member.Condemned{Inc: view.Incarnation(x.Condemned.GetInc())}, nil
	case *Envelope_JoinAsk:
		return unmarshalJoinAsk(x.JoinAsk)
	case *Envelope_JoinReply:
		return unmarshalJoinReply(x.JoinReply)
	case *Envelope_Ready:
		return member.Ready{Inc: view.Incarnation(x.Ready.GetInc())}, nil
	case *Envelope_Bye:
		return unmarshalBye(x.Bye)
	case *Envelope_Forward:
		return unmarshalForward(x.Forward)
	}
	return nil, fmt.Errorf("read message: of no kind that this version knows")
}

func unmarshalRaft(b []byte) (member.Message, error) {
	m := &raftpb.Message{}
	if err := proto.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("read raft message: %w", err)
	}
	if raft.IsLocalMsg(m.GetType()) || len(m.GetResponses()) > 0 {
		return nil, fmt.Errorf("read raft message: %v never comes from another node", m.GetType())
	}
	if err := checkRaft(m); err != nil {
		return nil, err
	}
	return member.Raft{M: m}, nil
}

// checkRaft reads what the machine will have to read later, when it is too late to refuse: log entries and snapshots.
func checkRaft(m *raftpb.Message) error {
	for _, e := range m.GetEntries() {
		var err error
		switch {
		case e.GetType() == raftpb.EntryConfChange:
			err = proto.Unmarshal(e.GetData(), &raftpb.ConfChange{})
		case e.GetType() == raftpb.EntryConfChangeV2:
			err = proto.Unmarshal(e.GetData(), &raftpb.ConfChangeV2{})
		case len(e.GetData()) > 0:
			_, err = member.UnmarshalEntry(e.GetData())
		}
		if err != nil {
			return fmt.Errorf("read raft message: entry %d: %w", e.GetIndex(), err)
		}
	}
	if m.GetType() == raftpb.MsgSnap {
		if _, err := member.UnmarshalState(m.GetSnapshot().GetData()); err != nil {
			return fmt.Errorf("read raft message: %w", err)
		}
	}
	return nil
}

func unmarshalAsk(a *Ask) (member.Message, error) {
	m := member.Ask{Inc: view.Incarnation(a.GetInc()), At: view.Tick(a.GetAt()), Reach: int(a.GetReach()),
		InFlight: time.Duration(a.GetInFlight())}
	if m.Reach > reachMax || m.InFlight < 0 || m.InFlight > inFlightMax || len(a.GetSilent()) > view.NodesMax {
		return nil, fmt.Errorf("read ask: reach %d, in-flight term %v or %d silent nodes are out of range",
			m.Reach, m.InFlight, len(a.GetSilent()))
	}
	for _, n := range a.GetSilent() {
		if n == 0 || n > view.NodesMax {
			return nil, fmt.Errorf("read ask: node %d is not in 1..%d", n, view.NodesMax)
		}
		m.Silent = append(m.Silent, view.NodeID(n))
	}
	return m, nil
}

func unmarshalJoinAsk(j *JoinAsk) (member.Message, error) {
	m := member.JoinAsk{Cluster: view.ClusterID(j.GetCluster()), Life: j.GetLife(), Raft: view.Incarnation(j.GetRaft()),
		Heartbeat: time.Duration(j.GetHeartbeat()), Addrs: j.GetAddrs()}
	if len(m.Cluster) > stringMax || m.Heartbeat < 0 || m.Heartbeat > heartbeatMax || len(m.Addrs) > addrsMax {
		return nil, fmt.Errorf("read join: heartbeat %v, %d addresses or the cluster id are out of range", m.Heartbeat, len(m.Addrs))
	}
	for _, a := range m.Addrs {
		if len(a) > stringMax {
			return nil, fmt.Errorf("read join: an address of %d bytes is longer than %d", len(a), stringMax)
		}
	}
	return m, nil
}

func unmarshalJoinReply(j *JoinReply) (member.Message, error) {
	m := member.JoinReply{Life: j.GetLife(), Inc: view.Incarnation(j.GetInc()), Raft: view.Incarnation(j.GetRaft()),
		Reason: view.Reason(j.GetReason()), Detail: j.GetDetail()}
	if !m.Reason.Known() || len(m.Detail) > stringMax || m.Reason == view.ReasonNone && (m.Inc == 0 || m.Raft == 0) {
		return nil, fmt.Errorf("read join reply: reason %.40q, incarnation %d and raft identity %d make no sense", m.Reason, m.Inc, m.Raft)
	}
	return m, nil
}

func unmarshalBye(b *Bye) (member.Message, error) {
	m := member.Bye{Inc: view.Incarnation(b.GetInc()), Reason: view.Reason(b.GetReason()), Drained: b.GetDrained()}
	if !m.Reason.Known() {
		return nil, fmt.Errorf("read bye: unknown reason %.40q", m.Reason)
	}
	return m, nil
}

func unmarshalForward(f *Forward) (member.Message, error) {
	e, err := member.UnmarshalEntry(f.GetEntry())
	if err != nil {
		return nil, fmt.Errorf("read forwarded request: %w", err)
	}
	switch e.(type) {
	case member.Enroll, member.MakeToken, member.SetHome, member.Condemn:
		return member.Forward{ID: f.GetId(), Entry: e}, nil
	}
	return nil, fmt.Errorf("read forwarded request: %v is not a request", e)
}
