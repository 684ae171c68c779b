// SPDX-License-Identifier: Apache-2.0

package label

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

// Want says which group is looked for.
type Want struct {
	Group   string         // id
	Cluster view.ClusterID // empty for a private group
}

// Choice is the version of a group that stands, and what is wrong with the copies.
type Choice struct {
	Group  config.Group
	Text   []byte
	Hash   string
	Parent string      // hash of the text it was made from; empty for the first, and if nobody knows
	Ballot view.Ballot // the highest; whoever goes on writes his own above it

	// Decided is true if a majority names this version under this ballot already. If not, it was being decided when the
	// writer stopped: whoever takes over must bring a header under his own ballot onto a majority before he acts on it.
	Decided bool

	// Spare is the next version, filled into spare slots and not decided, nor given up since; nil if there is none.
	// SpareOn names the disks. Whether it goes forward is for whoever takes over.
	Spare   *Slot
	SpareOn []string

	Next      uint64   // the lowest version number that was never seen in any slot
	Stale     []Stale  // copies that disagree, to be rewritten
	Missing   []string // label ids of disks that keep copies and were not found
	StaleHome bool     // the home record votes and disagrees
}

// Stale is a copy that does not say what was chosen.
type Stale struct {
	Disk string
	Why  string
}

func (s Stale) String() string { return fmt.Sprintf("disk %s: %s", s.Disk, s.Why) }

// Choose finds the version of a group that stands. copies are the labels that were found, those of other groups and of no
// group may be among them; home is the group's home record, zero if there is none; kept are texts that members keep in
// memory, for copies that lost theirs. The same input gives the same choice in any order of copies. The error is a
// ChoiceError.
func Choose(want Want, copies []Copy, home view.Home, kept ...[]byte) (Choice, error) {
	s := search{want: want, copies: sorted(copies), home: home, kept: kept}
	if home.GroupID != want.Group {
		s.home = view.Home{}
	}
	if err := s.find(); err != nil {
		return Choice{}, err
	}
	for _, check := range []func() error{s.owned, s.quorum, s.fork} {
		if err := check(); err != nil {
			return Choice{}, err
		}
	}
	return s.choice(), nil
}

// search is the state of one Choose.
type search struct {
	want   Want
	copies []Copy // by label id
	home   view.Home
	kept   [][]byte

	voters  []Header  // of the group, that keep copies
	top     candidate // the highest ballot
	cluster view.ClusterID
	text    Slot // of top
	group   config.Group
	set     Set
}

// candidate is what a header or the home record stands for.
type candidate struct {
	version uint64
	hash    string
	ballot  view.Ballot
}

func sorted(copies []Copy) []Copy {
	list := slices.Clone(copies)
	slices.SortStableFunc(list, func(a, b Copy) int { return strings.Compare(a.Header.Disk, b.Header.Disk) })
	return list
}

func (s *search) refuse(err error, format string, args ...any) error {
	return &ChoiceError{Err: err, Group: s.want.Group, Why: fmt.Sprintf(format, args...)}
}

// find sets top, its text and its set.
func (s *search) find() error {
	members := 0
	for i, c := range s.copies {
		if i > 0 && s.copies[i-1].Header.Disk == c.Header.Disk && s.ours(c, s.copies[i-1]) {
			return s.refuse(ErrFork, "disk %s was found twice: one is a clone, or both are paths to it: take one away", c.Header.Disk)
		}
		if !s.ours(c) {
			continue
		}
		members++
		if c.Header.Copy > 0 {
			s.voters = append(s.voters, c.Header)
		}
	}
	switch {
	case members == 0:
		return s.refuse(ErrNotFound, "none of the %d labelled disks in reach belongs to it: check the paths to its disks", len(s.copies))
	case len(s.voters) == 0:
		return s.refuse(ErrQuorum, "none of the %d disks found keeps a copy of its configuration: check the paths to the others", members)
	}
	for _, h := range s.voters {
		if c := (candidate{h.Version, h.Hash, h.Ballot}); s.top.version == 0 || c.ballot.Compare(s.top.ballot) > 0 {
			s.top, s.cluster = c, h.Cluster
		}
	}
	if err := s.resolve(); err != nil {
		return err
	}
	if s.set.HomeVotes() && s.home.Version != 0 && s.home.Ballot.Compare(s.top.ballot) > 0 {
		s.top = candidate{s.home.Version, s.home.Hash, s.home.Ballot}
		return s.resolve()
	}
	return nil
}

// ours reports whether one of the copies belongs to the group.
func (s *search) ours(copies ...Copy) bool {
	return slices.ContainsFunc(copies, func(c Copy) bool { return c.Header.Group == s.want.Group })
}

// resolve finds the text of top and decodes it.
func (s *search) resolve() error {
	if !s.locate() {
		err := s.refuse(ErrSkipped, "version %d stands and no copy in reach holds its text: start a node that had it, or bring back the missing disks",
			s.top.version).(*ChoiceError)
		err.Version, err.Hash = s.top.version, s.top.hash
		return err
	}
	g, err := config.Decode(s.text.Text)
	if err == nil && (g.ID != s.want.Group || g.Version != s.top.version) {
		err = fmt.Errorf("the text is of group %s version %d", g.ID, g.Version)
	}
	if err != nil {
		return s.refuse(ErrSkipped, "version %d stands and its text is of no use: %v", s.top.version, err)
	}
	s.group, s.set = g, SetOf(g)
	return nil
}

func (s *search) locate() bool {
	for _, c := range s.copies {
		if i, ok := c.holding(s.want.Group, s.top.version, s.top.hash); ok {
			s.text = c.Slots[i]
			return true
		}
	}
	for _, text := range s.kept {
		if config.Hash(text) == s.top.hash {
			s.text = Slot{Group: s.want.Group, Version: s.top.version, Hash: s.top.hash, Text: text}
			return true
		}
	}
	return false
}

// owned refuses a group of another cluster.
func (s *search) owned() error {
	for _, c := range []view.ClusterID{s.cluster, s.group.Cluster} {
		switch {
		case c == s.want.Cluster:
		case c == "":
			return s.refuse(ErrForeign, "it is a private group of one node, not one of this cluster")
		case s.want.Cluster == "":
			return s.refuse(ErrForeign, "it is a shared group of cluster %s, not a private one", c)
		default:
			return s.refuse(ErrForeign, "it is a shared group of cluster %s, this is cluster %s", c, s.want.Cluster)
		}
	}
	return nil
}

// seen returns the copies of the set that were found. A disk on its way into the group still says that it is in none.
func (s *search) seen(disk string) (Copy, bool) {
	i, ok := slices.BinarySearchFunc(s.copies, disk, func(c Copy, d string) int { return strings.Compare(c.Header.Disk, d) })
	if !ok || s.copies[i].Header.Group != s.want.Group && s.copies[i].Header.Group != "" {
		return Copy{}, false
	}
	return s.copies[i], true
}

func (s *search) missing() []string {
	var list []string
	for _, d := range s.set {
		if _, ok := s.seen(d); !ok {
			list = append(list, d)
		}
	}
	return list
}

func (s *search) quorum() error {
	n := s.set.Count(func(d string) bool { _, ok := s.seen(d); return ok }, s.home.Version != 0)
	if n >= s.set.Majority() {
		return nil
	}
	why := fmt.Sprintf("%d of %d votes were found, %d are needed; missing:", n, s.set.Votes(), s.set.Majority())
	for _, id := range s.missing() {
		d, _ := s.group.DiskByID(id)
		why += fmt.Sprintf(" %s (label %s, wwid %s)", d.Name, id, d.WWID)
	}
	if s.set.HomeVotes() && s.home.Version == 0 {
		why += " the home record"
	}
	return s.refuse(ErrQuorum, "%s: check the paths to them", why)
}
