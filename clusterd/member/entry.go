// SPDX-License-Identifier: Apache-2.0

package member

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Entry is one thing the cluster agrees on. The set is closed. Applying an entry to a State is deterministic: an entry
// that no longer fits changes nothing, on every node alike.
type Entry interface {
	fmt.Stringer
	entry()
}

type (
	// Enroll gives a new node an id, for a join token. The same name with the same key gets the same id again, and
	// then the token is not looked at; a known name with another key needs a token and takes the id over.
	Enroll struct {
		Name    string   `json:"name"`
		Addrs   []string `json:"addrs"`
		Key     string   `json:"key"` // fingerprint of the node's public key
		Witness bool     `json:"witness,omitempty"`
		Token   string   `json:"token"` // hash of the token
	}

	// MakeToken lets Uses nodes enroll with the token of that hash.
	MakeToken struct {
		Hash string `json:"hash"`
		Uses int    `json:"uses"`
	}

	// SetHome puts a home record in place if its ballot is larger than that of the one before.
	SetHome struct {
		Home view.Home `json:"home"`
	}

	// Admit gives a new life of a node an incarnation. A node still in the view in a former life, with its log, changes
	// lives within the view: whole clusters come up so. Any other node becomes a learner and joins when caught up.
	Admit struct {
		Node  view.NodeID      `json:"node"`
		Life  uint64           `json:"life"`
		Raft  view.Incarnation `json:"raft"` // identity of its log; zero or unknown: it begins a new one
		Addrs []string         `json:"addrs,omitempty"`
	}

	// Abandon takes an admission back that came to nothing before the node was in a view.
	Abandon struct {
		Node view.NodeID      `json:"node"`
		Inc  view.Incarnation `json:"inc"`
	}

	// Condemn says that this incarnation must go. It is never taken back.
	Condemn struct {
		Node view.NodeID      `json:"node"`
		Inc  view.Incarnation `json:"inc"`
		Why  view.Reason      `json:"why"`
	}

	// NewView is the next view, and for each incarnation that is no longer in it the proof that nothing of it lands.
	NewView struct {
		View    view.View `json:"view"`
		Dropped []Drop    `json:"dropped,omitempty"`
	}

	// SetTerm says how long I/O of a node may be under way below its gate.
	SetTerm struct {
		Node     view.NodeID   `json:"node"`
		InFlight time.Duration `json:"in_flight"`
	}
)

// Drop is an incarnation that a view no longer has, and why that is safe.
type Drop struct {
	Node   view.NodeID      `json:"node"`
	Inc    view.Incarnation `json:"inc"`
	Proof  view.Proof       `json:"proof"`
	Reason view.Reason      `json:"reason"`
}

func (d Drop) String() string { return fmt.Sprintf("%d.%d(%s, %s)", d.Node, d.Inc, d.Proof, d.Reason) }

func (Enroll) entry()    {}
func (MakeToken) entry() {}
func (SetHome) entry()   {}
func (Admit) entry()     {}
func (Abandon) entry()   {}
func (Condemn) entry()   {}
func (NewView) entry()   {}
func (SetTerm) entry()   {}

func (e Enroll) String() string    { return "enroll " + e.Name }
func (e MakeToken) String() string { return fmt.Sprintf("token for %d", e.Uses) }
func (e SetHome) String() string {
	return fmt.Sprintf("home of %s version %d", e.Home.GroupID, e.Home.Version)
}
func (e Admit) String() string {
	return fmt.Sprintf("admit node %d life %d raft %d", e.Node, e.Life, e.Raft)
}
func (e Abandon) String() string { return fmt.Sprintf("abandon %d.%d", e.Node, e.Inc) }
func (e Condemn) String() string { return fmt.Sprintf("condemn %d.%d: %s", e.Node, e.Inc, e.Why) }
func (e NewView) String() string {
	s := e.View.String()
	for _, d := range e.Dropped {
		s += " without " + d.String()
	}
	return s
}
func (e SetTerm) String() string {
	return fmt.Sprintf("in-flight term of %d is %v", e.Node, e.InFlight)
}

// record is an entry as the log holds it: with the node and request that asked for it.
type record struct {
	Origin view.NodeID `json:"origin,omitempty"`
	ID     uint64      `json:"id,omitempty"`

	Enroll    *Enroll    `json:"enroll,omitempty"`
	MakeToken *MakeToken `json:"token,omitempty"`
	SetHome   *SetHome   `json:"home,omitempty"`
	Admit     *Admit     `json:"admit,omitempty"`
	Abandon   *Abandon   `json:"abandon,omitempty"`
	Condemn   *Condemn   `json:"condemn,omitempty"`
	NewView   *NewView   `json:"view,omitempty"`
	SetTerm   *SetTerm   `json:"term,omitempty"`
}

// MarshalEntry gives the bytes of an entry, as the log and Forward carry it.
func MarshalEntry(e Entry) []byte { return marshalRecord(0, 0, e) }

// UnmarshalEntry is the inverse of MarshalEntry; it accepts bytes from anywhere.
func UnmarshalEntry(b []byte) (Entry, error) {
	_, _, e, err := unmarshalRecord(b)
	return e, err
}

func marshalRecord(origin view.NodeID, id uint64, e Entry) []byte {
	r := record{Origin: origin, ID: id}
	switch e := e.(type) {
	case Enroll:
		r.Enroll = &e
	case MakeToken:
		r.MakeToken = &e
	case SetHome:
		r.SetHome = &e
	case Admit:
		r.Admit = &e
	case Abandon:
		r.Abandon = &e
	case Condemn:
		r.Condemn = &e
	case NewView:
		r.NewView = &e
	case SetTerm:
		r.SetTerm = &e
	default:
		panic(fmt.Sprintf("BUG: entry of type %T", e))
	}
	b, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("BUG: marshal %v: %v", e, err))
	}
	return b
}

func unmarshalRecord(b []byte) (view.NodeID, uint64, Entry, error) {
	if len(b) > entryBytesMax {
		return 0, 0, nil, fmt.Errorf("entry of %d bytes is larger than %d", len(b), entryBytesMax)
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return 0, 0, nil, fmt.Errorf("read log entry: %w", err)
	}
	var found []Entry
	if r.Enroll != nil {
		found = append(found, *r.Enroll)
	}
	if r.MakeToken != nil {
		found = append(found, *r.MakeToken)
	}
	if r.SetHome != nil {
		found = append(found, *r.SetHome)
	}
	if r.Admit != nil {
		found = append(found, *r.Admit)
	}
	if r.Abandon != nil {
		found = append(found, *r.Abandon)
	}
	if r.Condemn != nil {
		found = append(found, *r.Condemn)
	}
	if r.NewView != nil {
		found = append(found, *r.NewView)
	}
	if r.SetTerm != nil {
		found = append(found, *r.SetTerm)
	}
	if len(found) != 1 {
		return 0, 0, nil, fmt.Errorf("log entry holds %d things instead of one", len(found))
	}
	return r.Origin, r.ID, found[0], nil
}

// entriesString prints raft entries for a trace: `5..6 [condemn 3.1: evicted; view ...]`.
func entriesString(list []*raftpb.Entry) string {
	words := make([]string, 0, len(list))
	for _, e := range list {
		words = append(words, entryString(e))
	}
	return fmt.Sprintf("%d..%d [%s]", list[0].GetIndex(), list[len(list)-1].GetIndex(), strings.Join(words, "; "))
}

func entryString(e *raftpb.Entry) string {
	switch {
	case e.GetType() != raftpb.EntryNormal:
		return "voters"
	case len(e.GetData()) == 0:
		return "-"
	}
	_, _, entry, err := unmarshalRecord(e.GetData())
	if err != nil {
		return err.Error()
	}
	return entry.String()
}
