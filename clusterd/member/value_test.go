// SPDX-License-Identifier: Apache-2.0

package member

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

func entries() []Entry {
	two := view.Member{Node: 2, Name: "n2", Inc: 3}
	return []Entry{
		Enroll{Name: "n1", Addrs: []string{"192.0.2.1:4841"}, Key: "k", Token: "t"},
		MakeToken{Hash: "t", Uses: 1},
		SetHome{Home: view.Home{GroupID: "g", Version: 4, Hash: "h", Ballot: view.Ballot{View: 2, Start: 1}}},
		Admit{Node: 2, Life: 9, Raft: 1},
		Abandon{Node: 2, Inc: 3},
		Condemn{Node: 2, Inc: 3, Why: view.ReasonEvicted},
		NewView{View: view.View{Seq: 2, Members: []view.Member{two}, Master: 2}, Dropped: []Drop{{Node: 1, Inc: 1, Proof: view.ProofSelf}}},
		SetTerm{Node: 2, InFlight: time.Second},
	}
}

func TestEntriesComeBackAsTheyWent(t *testing.T) {
	for _, e := range entries() {
		back, err := UnmarshalEntry(MarshalEntry(e))
		if diff := cmp.Diff(e, back); err != nil || diff != "" {
			t.Errorf("%v: %v %s", e, err, diff)
		}
	}
}

func FuzzUnmarshalEntry(f *testing.F) {
	for _, e := range entries() {
		f.Add(MarshalEntry(e))
	}
	f.Add([]byte(`{"abandon":{},"condemn":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := UnmarshalEntry(b)
		if err != nil {
			return
		}
		s := State{View: view.View{Seq: 1, Members: []view.Member{{Node: 1, Inc: 1}}, Master: 1}, Nodes: []Record{{Node: 1, Inc: 1}}}
		_, _ = s.apply(5, e)
		if err := s.View.Check(); err != nil {
			t.Fatalf("%v broke the view: %v", e, err)
		}
	})
}

func FuzzUnmarshalState(f *testing.F) {
	s := State{Cluster: "c0", View: view.View{Seq: 1, Members: []view.Member{{Node: 1, Inc: 1}}, Master: 1}, Nodes: []Record{{Node: 1}}}
	f.Add(s.marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := UnmarshalState(b)
		if err != nil {
			return
		}
		again, err := UnmarshalState(s.marshal())
		if err != nil || cmp.Diff(s, again) != "" {
			t.Fatalf("%+v came back as %+v: %v", s, again, err)
		}
	})
}

func entry(index, term uint64) *raftpb.Entry {
	return &raftpb.Entry{Index: new(index), Term: new(term)}
}

func snapshot(index, term uint64) *raftpb.Snapshot {
	return &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: new(index), Term: new(term)}}
}

func TestDiskKeepsWhatContinuesTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		saves []Persist
		want  []*raftpb.Entry
	}{
		"new entries replace those of a lost leader": {
			[]Persist{{Entries: []*raftpb.Entry{entry(1, 1), entry(2, 1), entry(3, 1)}}, {Entries: []*raftpb.Entry{entry(2, 2)}}},
			[]*raftpb.Entry{entry(1, 1), entry(2, 2)},
		},
		"a snapshot of the same log keeps what follows": {
			[]Persist{{Entries: []*raftpb.Entry{entry(1, 1), entry(2, 1), entry(3, 1)}}, {Snap: snapshot(2, 1)}},
			[]*raftpb.Entry{entry(3, 1)},
		},
		"a snapshot of another log keeps nothing": {
			[]Persist{{Entries: []*raftpb.Entry{entry(1, 1), entry(2, 1), entry(3, 1)}}, {Snap: snapshot(2, 2)}},
			nil,
		},
		"a new identity begins with nothing": {
			[]Persist{{Entries: []*raftpb.Entry{entry(1, 1)}}, {Reset: true, Meta: &Meta{Node: 1, Raft: 2}}},
			nil,
		},
	} {
		var d Disk
		for _, p := range c.saves {
			d.Save(p)
		}
		if diff := cmp.Diff(c.want, d.Entries, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestDamagedLogsAreRefusedNotTrusted(t *testing.T) {
	cfg := Config{Node: 1, Life: 1, Times: view.TimesFrom(view.HeartbeatDefault)}
	meta := Meta{Node: 1, Raft: 1}
	for name, d := range map[string]Disk{
		"a hole":                  {Meta: meta, Entries: []*raftpb.Entry{entry(1, 1), entry(3, 1)}},
		"less than was committed": {Meta: meta, Entries: []*raftpb.Entry{entry(1, 1)}, Hard: &raftpb.HardState{Commit: new(uint64(2))}},
		"an unreadable snapshot":  {Meta: meta, Snap: snapshot(4, 1)},
		"another node's":          {Meta: Meta{Node: 2, Raft: 1}},
	} {
		if _, err := New(cfg, d); err == nil {
			t.Errorf("a log with %s was accepted", name)
		}
	}
}

func TestTokensAreUsedUp(t *testing.T) {
	var s State
	enroll := func(name, key, token string) view.NodeID {
		n, _ := s.apply(1, Enroll{Name: name, Key: key, Token: token})
		return n
	}
	_, _ = s.apply(1, MakeToken{Hash: "t", Uses: 1})
	if n := enroll("n1", "k1", "t"); n != 1 {
		t.Errorf("the first node got id %d", n)
	}
	if n := enroll("n2", "k2", "t"); n != 0 {
		t.Errorf("a used token enrolled node %d", n)
	}
	if n := enroll("n1", "k1", ""); n != 1 {
		t.Errorf("the same request again gave id %d", n)
	}
	if n := enroll("n1", "other", ""); n != 0 {
		t.Error("another key took the name over without a token")
	}
}

func TestHomeRecordsTakeTheHigherBallotOnly(t *testing.T) {
	var s State
	home := func(version, start uint64) error {
		_, err := s.apply(1, SetHome{Home: view.Home{GroupID: "g", Version: version, Ballot: view.Ballot{View: 1, Start: start}}})
		return err
	}
	if home(1, 1) != nil || home(2, 2) != nil || home(2, 2) != nil {
		t.Error("a higher or repeated ballot was refused")
	}
	if home(3, 1) == nil || s.Homes[0].Version != 2 {
		t.Error("a lower ballot was taken")
	}
}
