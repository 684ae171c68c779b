// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

func samples() []member.Message {
	vote := &raftpb.Message{Type: raftpb.MsgVote.Enum(), To: new(uint64(2)), From: new(uint64(1)), Term: new(uint64(7))}
	return []member.Message{
		member.Raft{M: vote},
		member.Hello{Inc: 3},
		member.Ask{Inc: 3, At: 1 << 40, Reach: 4, InFlight: 3 * time.Second, Silent: []view.NodeID{2, 64}},
		member.Grant{Inc: 3, At: 1 << 40},
		member.Gone{Inc: 3},
		member.Condemned{Inc: 3},
		member.JoinAsk{Cluster: "c0", Life: 12, Raft: 1, Heartbeat: time.Second, Addrs: []string{"192.0.2.1:4841"}},
		member.JoinReply{Life: 12, Inc: 4, Raft: 1},
		member.JoinReply{Life: 12, Reason: view.ReasonRefusedByMaster, Detail: "not enrolled"},
		member.Ready{Inc: 4},
		member.Bye{Inc: 4, Reason: view.ReasonUserStop, Drained: true},
		member.Forward{ID: 5, Entry: member.MakeToken{Hash: "h", Uses: 2}},
		member.Forward{ID: 6, Entry: member.Enroll{Name: "n1", Addrs: []string{"a"}, Key: "k", Token: "t"}},
	}
}

func TestMessagesComeBackAsTheyWent(t *testing.T) {
	for _, m := range samples() {
		b, err := Marshal(m)
		if err != nil {
			t.Fatalf("%v: %v", m, err)
		}
		back, err := Unmarshal(b)
		if err != nil {
			t.Fatalf("%v: %v", m, err)
		}
		if diff := cmp.Diff(m, back, protocmp.Transform()); diff != "" {
			t.Errorf("%v: %s", m, diff)
		}
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	local := &raftpb.Message{Type: raftpb.MsgHup.Enum()}
	for name, m := range map[string]member.Message{
		"local raft message":  member.Raft{M: local},
		"unreadable entry":    member.Raft{M: &raftpb.Message{Type: raftpb.MsgApp.Enum(), Entries: []*raftpb.Entry{{Data: []byte("x")}}}},
		"snapshot of nothing": member.Raft{M: &raftpb.Message{Type: raftpb.MsgSnap.Enum()}},
		"node 65":             member.Ask{Silent: []view.NodeID{65}},
		"negative term":       member.Ask{InFlight: -1},
		"unknown reason":      member.Bye{Reason: "because"},
		"admitted as nobody":  member.JoinReply{Life: 1},
		"view from a slave":   member.Forward{ID: 1, Entry: member.NewView{}},
		"admission by itself": member.Forward{ID: 1, Entry: member.Admit{Node: 1}},
	} {
		b, err := Marshal(m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if back, err := Unmarshal(b); err == nil {
			t.Errorf("%s was accepted: %v", name, back)
		}
	}
	if _, err := Unmarshal(nil); err == nil {
		t.Error("an empty message was accepted")
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, m := range samples() {
		b, err := Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Unmarshal(b)
		if err != nil {
			return
		}
		_ = m.String()
		again, err := Marshal(m)
		if err != nil {
			t.Fatalf("%v was read and cannot be written: %v", m, err)
		}
		if _, err := Unmarshal(again); err != nil {
			t.Fatalf("%v does not come back: %v", m, err)
		}
	})
}
