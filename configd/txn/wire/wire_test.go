// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/label"
	"github.com/plexus-cvm/plexus/configd/txn"
)

var (
	id   = strings.Repeat("a1", 16)
	hash = config.Hash([]byte("text"))
	tx   = view.Ballot{View: 3, Start: 2, Step: 9}
)

// samples has every kind of message, with nothing left at zero that could be lost on the way.
func samples(t testing.TB) []txn.Body {
	g, err := label.GeometryFor(1 << 30)
	if err != nil {
		t.Fatal(err)
	}
	h := label.Header{Disk: id, Cluster: view.ClusterID(id), Group: id, Name: "dg", Copy: 1, Slot: 1, Version: 7, Ballot: tx,
		Hash: hash, Parent: hash, Geometry: g}
	s := label.Slot{Group: id, Version: 8, Ballot: tx, Hash: hash, Parent: hash}
	full := s
	full.Text = []byte("text")
	ident := txn.Ident{Group: id, Version: 7, Hash: hash, Ballot: tx}
	return []txn.Body{
		txn.Announce{},
		txn.Join{Attempt: 1, Cluster: view.ClusterID(id), Inc: 4, Protocol: txn.Protocol{Min: 1, Max: 2},
			Labels: []label.Copy{{Header: h, Slots: [2]label.Slot{s, {}}}},
			Held:   []txn.Held{{Group: id, Version: 7, Hash: hash, Ballot: tx, Next: 8, Acked: true}}},
		txn.Refuse{Attempt: 1, Reason: view.ReasonProtocolVersion, Why: "too old"},
		txn.Offer{Attempt: 1, Round: 2, Groups: []txn.Ident{ident}},
		txn.Fetch{Group: id, Hash: hash},
		txn.Text{Group: id, Text: "text"},
		txn.Ready{Attempt: 1, Round: 2},
		txn.Declined{Attempt: 1, Reason: view.ReasonNoDisk, Why: "no dg01"},
		txn.Welcome{Attempt: 1},
		txn.Propose{Tx: tx, Group: id, Base: 7, Hash: hash, Text: "text", Writers: []txn.Writer{{Disk: id, Node: 2}}},
		txn.Vote{Tx: tx, Yes: true, Why: "x"},
		txn.Prepare{Tx: tx},
		txn.Prepared{Tx: tx, Yes: true, Why: "x"},
		txn.Commit{Tx: tx, Ident: ident},
		txn.Abort{Tx: tx, Decision: tx, Group: id},
		txn.Applied{Tx: tx, Ok: true, Why: "x"},
		txn.Inscribe{Ballot: tx, Group: id, Disk: id, At: 1, Header: &h},
		txn.Inscribe{Ballot: tx, Group: id, Disk: id, At: 1, Slot: full},
		txn.Inscribed{Ballot: tx, Group: id, Disk: id, Header: true, Ok: true, Why: "x"},
		txn.Forward{ID: 5, Master: 6, Group: id, Base: 7, Change: "{}"},
		txn.Result{ID: 5, Outcome: txn.Unknown, Version: 8, Why: "x"},
	}
}

func TestEveryMessageComesBackAsItWas(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for _, b := range samples(t) {
		seen[reflect.TypeOf(b)] = true
		m := txn.Message{Head: txn.Head{From: 3, View: 4, Start: 5}, Body: b}
		back, err := Unmarshal(Marshal(m))
		if err != nil {
			t.Errorf("%v: %v", m, err)
		} else if diff := cmp.Diff(m, back); diff != "" {
			t.Errorf("%v came back changed:\n%s", m, diff)
		}
	}
	if n := (&Message{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields().Len(); len(seen) != n {
		t.Errorf("%d kinds of message are tried, the schema has %d", len(seen), n)
	}
}

func TestBytesThatAreNoMessageAreRefusedByName(t *testing.T) {
	good := Marshal(txn.Message{Head: txn.Head{From: 3}, Body: samples(t)[16]})
	broken := []byte(strings.Replace(string(good), "PLXLABEL", "PLXLABEX", 1))
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, ErrUnknown},
		{"no protobuf", []byte{0xff}, ErrMalformed},
		{"too long", make([]byte, BytesMax+1), ErrTooLong},
		{"from nobody", Marshal(txn.Message{Body: txn.Announce{}}), ErrMalformed},
		{"header that no disk would have", broken, ErrMalformed},
	} {
		if _, err := Unmarshal(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestTheLongestTextFitsAMessage(t *testing.T) {
	long := strings.Repeat("x", config.TextBytesMax)
	for _, b := range []txn.Body{txn.Text{Group: id, Text: long}, txn.Inscribe{Group: id, Disk: id,
		Slot: label.Slot{Group: id, Version: 1, Hash: config.Hash([]byte(long)), Text: []byte(long)}}} {
		if n := len(Marshal(txn.Message{Head: txn.Head{From: 1}, Body: b})); n > BytesMax {
			t.Errorf("%T has %d bytes", b, n)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, b := range samples(f) {
		f.Add(Marshal(txn.Message{Head: txn.Head{From: 3, View: 4, Start: 5}, Body: b}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Unmarshal(b)
		if err != nil {
			return
		}
		_ = m.String()
		again, err := Unmarshal(Marshal(m))
		if err != nil {
			t.Fatalf("%v: %v", m, err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Fatalf("%v came back changed:\n%s", m, diff)
		}
	})
}
