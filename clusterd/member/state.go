// SPDX-License-Identifier: Apache-2.0

package member

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Record is what the cluster knows of an enrolled node.
type Record struct {
	Node    view.NodeID `json:"node"`
	Name    string      `json:"name"`
	Addrs   []string    `json:"addrs"`
	Key     string      `json:"key"`
	Witness bool        `json:"witness,omitempty"`

	Life     uint64           `json:"life,omitempty"`     // the last one that was admitted
	Inc      view.Incarnation `json:"inc,omitempty"`      // given to it
	Raft     view.Incarnation `json:"raft,omitempty"`     // in which its log began
	Admitted bool             `json:"admitted,omitempty"` // learning, in no view yet
	InFlight time.Duration    `json:"in_flight,omitempty"`
}

// Doomed is a committed condemnation.
type Doomed struct {
	Node  view.NodeID      `json:"node"`
	Inc   view.Incarnation `json:"inc"`
	Why   view.Reason      `json:"why"`
	Index uint64           `json:"index"`
}

// Token is a join token that still has uses.
type Token struct {
	Hash string `json:"hash"`
	Uses int    `json:"uses"`
}

// State is what the log adds up to, the same on every node at the same index.
type State struct {
	Cluster   view.ClusterID `json:"cluster"`
	Heartbeat time.Duration  `json:"heartbeat"`
	View      view.View      `json:"view"`
	Nodes     []Record       `json:"nodes"` // sorted by Node
	Doomed    []Doomed       `json:"doomed,omitempty"`
	Homes     []view.Home    `json:"homes,omitempty"` // sorted by GroupID
	Tokens    []Token        `json:"tokens,omitempty"`
}

func (s *State) marshal() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("BUG: marshal state: %v", err))
	}
	return b
}

// UnmarshalState reads the content of a snapshot.
func UnmarshalState(b []byte) (State, error) {
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("read snapshot: %w", err)
	}
	if err := s.View.Check(); err != nil {
		return State{}, fmt.Errorf("read snapshot: %w", err)
	}
	return s, nil
}

// Node returns the record of a node, or nil.
func (s *State) Node(n view.NodeID) *Record {
	i, ok := slices.BinarySearchFunc(s.Nodes, n, func(r Record, n view.NodeID) int { return cmp.Compare(r.Node, n) })
	if !ok {
		return nil
	}
	return &s.Nodes[i]
}

// doom returns the committed condemnation of an incarnation, or nil.
func (s *State) doom(n view.NodeID, inc view.Incarnation) *Doomed {
	for i := range s.Doomed {
		if s.Doomed[i].Node == n && s.Doomed[i].Inc == inc {
			return &s.Doomed[i]
		}
	}
	return nil
}

// apply changes s by one committed entry and returns what its asker is told.
func (s *State) apply(index uint64, e Entry) (view.NodeID, error) {
	switch e := e.(type) {
	case Enroll:
		return s.enroll(e)
	case MakeToken:
		return 0, s.makeToken(e)
	case SetHome:
		return 0, s.setHome(e.Home)
	case Admit:
		s.admit(e)
	case Condemn:
		if !s.View.Has(e.Node, e.Inc) {
			return 0, fmt.Errorf("condemn node %d: incarnation %d is not in view %d", e.Node, e.Inc, s.View.Seq)
		}
		if s.doom(e.Node, e.Inc) == nil {
			s.Doomed = append(s.Doomed, Doomed{Node: e.Node, Inc: e.Inc, Why: e.Why, Index: index})
		}
	case Abandon:
		if r := s.Node(e.Node); r != nil && r.Inc == e.Inc {
			r.Admitted = false
		}
	case NewView:
		s.newView(e)
	case SetTerm:
		if r := s.Node(e.Node); r != nil {
			r.InFlight = e.InFlight
		}
	default:
		panic(fmt.Sprintf("BUG: entry of type %T", e))
	}
	return 0, nil
}

func (s *State) enroll(e Enroll) (view.NodeID, error) {
	if e.Name == "" || len(e.Name) > nameBytesMax || e.Key == "" || len(e.Addrs) > addrsMax {
		return 0, fmt.Errorf("enroll node %q: the name must have 1 to %d bytes, a key must be given", e.Name, nameBytesMax)
	}
	at := slices.IndexFunc(s.Nodes, func(r Record) bool { return r.Name == e.Name })
	if at >= 0 && s.Nodes[at].Key == e.Key {
		s.Nodes[at].Addrs = slices.Clone(e.Addrs)
		return s.Nodes[at].Node, nil
	}
	token := slices.IndexFunc(s.Tokens, func(t Token) bool { return t.Hash == e.Token })
	if token < 0 {
		return 0, fmt.Errorf("enroll node %s: the join token is unknown or used up; make one with `plexus cluster token`", e.Name)
	}
	if at < 0 {
		at = s.freeNode()
		if at < 0 {
			return 0, fmt.Errorf("enroll node %s: the cluster has %d nodes, no more are possible", e.Name, view.NodesMax)
		}
		s.Nodes = slices.Insert(s.Nodes, at, Record{Node: view.NodeID(at + 1), Name: e.Name})
	}
	r := &s.Nodes[at]
	r.Addrs, r.Key, r.Witness = slices.Clone(e.Addrs), e.Key, e.Witness
	if s.Tokens[token].Uses--; s.Tokens[token].Uses == 0 {
		s.Tokens = slices.Delete(s.Tokens, token, token+1)
	}
	return r.Node, nil
}

// freeNode returns where in Nodes the record of the lowest free id belongs; ids are dense because records stay.
func (s *State) freeNode() int {
	if len(s.Nodes) >= view.NodesMax {
		return -1
	}
	return len(s.Nodes)
}

func (s *State) makeToken(e MakeToken) error {
	switch {
	case e.Hash == "" || e.Uses < 1 || e.Uses > view.NodesMax:
		return fmt.Errorf("make token: %d uses are not in 1..%d", e.Uses, view.NodesMax)
	case slices.ContainsFunc(s.Tokens, func(t Token) bool { return t.Hash == e.Hash }):
		return nil
	}
	if len(s.Tokens) >= tokensMax {
		s.Tokens = slices.Delete(s.Tokens, 0, 1)
	}
	s.Tokens = append(s.Tokens, Token(e))
	return nil
}

func (s *State) setHome(h view.Home) error {
	at, ok := slices.BinarySearchFunc(s.Homes, h, func(a, b view.Home) int { return cmp.Compare(a.GroupID, b.GroupID) })
	switch {
	case h.GroupID == "":
		return fmt.Errorf("set home record: no group named")
	case !ok && len(s.Homes) >= homesMax:
		return fmt.Errorf("set home record of group %s: the cluster has %d groups, no more are possible", h.GroupID, homesMax)
	case !ok:
		s.Homes = slices.Insert(s.Homes, at, h)
		return nil
	case s.Homes[at] == h:
		return nil
	case h.Ballot.Compare(s.Homes[at].Ballot) <= 0:
		return fmt.Errorf("set home record of group %s: ballot %v is not above %v", h.GroupID, h.Ballot, s.Homes[at].Ballot)
	}
	s.Homes[at] = h
	return nil
}

func (s *State) admit(e Admit) {
	r := s.Node(e.Node)
	if r == nil || e.Life <= r.Life {
		return
	}
	_, member := s.View.Member(e.Node)
	_, joiner := s.View.Joiner(e.Node)
	inView := member || joiner
	if inView && e.Raft != r.Raft {
		return // its log is lost: the former identity must leave view and voters first
	}
	r.Life, r.Inc = e.Life, r.Inc+1
	if len(e.Addrs) > 0 && len(e.Addrs) <= addrsMax {
		r.Addrs = slices.Clone(e.Addrs)
	}
	if r.Raft != e.Raft || r.Raft == 0 {
		r.Raft = r.Inc
	}
	if !inView {
		r.Admitted = true
		return
	}
	v := without(s.View, e.Node)
	v.Joining = insert(v.Joining, view.Member{Node: r.Node, Name: r.Name, Inc: r.Inc, Witness: r.Witness})
	s.setView(settleView(v, nil))
}

func (s *State) newView(e NewView) {
	if e.View.Seq != s.View.Seq+1 || e.View.Check() != nil {
		return
	}
	for _, d := range e.Dropped {
		if d.Proof != view.ProofSelf && s.doom(d.Node, d.Inc) == nil {
			return // nothing is done to a node that is not condemned
		}
	}
	s.setView(e.View.Clone())
}

// setView puts v in place under the next number and forgets what was about incarnations it does not have.
func (s *State) setView(v view.View) {
	v.Seq = s.View.Seq + 1
	s.View = v
	for i := range s.Nodes {
		if r := &s.Nodes[i]; v.Has(r.Node, r.Inc) {
			r.Admitted = false
		}
	}
	s.Doomed = slices.DeleteFunc(s.Doomed, func(d Doomed) bool { return !v.Has(d.Node, d.Inc) })
}

// without returns v with no incarnation of n.
func without(v view.View, n view.NodeID) view.View {
	v = v.Clone()
	is := func(m view.Member) bool { return m.Node == n }
	v.Members, v.Joining = slices.DeleteFunc(v.Members, is), slices.DeleteFunc(v.Joining, is)
	return v
}

// insert puts m into a list sorted by node.
func insert(list []view.Member, m view.Member) []view.Member {
	at, _ := slices.BinarySearchFunc(list, m, func(a, b view.Member) int { return cmp.Compare(a.Node, b.Node) })
	return slices.Insert(slices.Clone(list), at, m)
}

// settleView gives v a master. The old one stays while it is a member; then it is the member that reaches most disks,
// the lowest id on a tie. Where no data node is a member there is nobody to join with, so the best joiner is taken in.
func settleView(v view.View, reach map[view.NodeID]int) view.View {
	if _, ok := v.Member(v.Master); ok {
		return v
	}
	if v.Master = best(v.Members, reach); v.Master != 0 {
		return v
	}
	n := best(v.Joining, reach)
	if n == 0 {
		return v
	}
	m, _ := v.Joiner(n)
	v = without(v, n)
	v.Members, v.Master = insert(v.Members, m), n
	return v
}

func best(list []view.Member, reach map[view.NodeID]int) view.NodeID {
	found := view.NodeID(0)
	for _, m := range list {
		if !m.Witness && (found == 0 || reach[m.Node] > reach[found]) {
			found = m.Node
		}
	}
	return found
}
