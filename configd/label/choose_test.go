// SPDX-License-Identifier: Apache-2.0

package label

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

// history is a rack whose group went through versions; texts of all of them are kept.
type history struct {
	t     testing.TB
	r     *rack
	group config.Group
	texts [][]byte
}

// newHistory makes a group of so many disks, at version 1 under ballot step 1.
func newHistory(t testing.TB, disks int) *history {
	h := &history{t: t, r: initRack(t, disks)}
	h.commit(config.CreateGroup{Name: "dg", ID: want.Group, Disks: groupDisks(1, disks)}, 1, all)
	return h
}

// next returns the steps of the next version, a volume more.
func (h *history) next(c config.Change, step uint64) (config.Group, []step) {
	next, err := config.Edit(h.group, c)
	if err != nil {
		h.t.Fatal(err)
	}
	parent := ""
	if len(h.texts) > 0 {
		parent = config.Hash(h.texts[len(h.texts)-1])
	}
	return next, transact(h.t, h.r, h.group, next, parent, view.Ballot{View: 1, Start: 1, Step: step})
}

// commit brings a change onto the disks that can be reached.
func (h *history) commit(c config.Change, step uint64, reach func(string) bool) {
	next, steps := h.next(c, step)
	for _, s := range steps {
		if s.write == nil || reach(s.write.Disk) {
			h.r.apply(s)
		}
	}
	h.group, h.texts = next, append(h.texts, config.Encode(next))
}

func volume(n int) config.CreateVolume {
	return config.CreateVolume{Name: fmt.Sprintf("v%d", n), ID: id(100 + n), Layout: config.Concat, Size: config.Size{Amount: 1}}
}

func only(disks ...int) func(string) bool {
	return func(d string) bool { return slices.ContainsFunc(disks, func(n int) bool { return id(n) == d }) }
}

// choose looks at the disks that can be seen.
func (h *history) choose(see func(string) bool, kept ...[]byte) (Choice, error) {
	return Choose(want, h.r.scan(h.t, see), h.r.home, kept...)
}

// stands demands that a version was chosen.
func (h *history) stands(see func(string) bool, version uint64) Choice {
	h.t.Helper()
	c, err := h.choose(see)
	if err != nil {
		h.t.Fatal(err)
	}
	if c.Group.Version != version {
		h.t.Fatalf("version %d was chosen, want %d", c.Group.Version, version)
	}
	return c
}

func (h *history) refused(see func(string) bool, why error, words string) *ChoiceError {
	h.t.Helper()
	_, err := h.choose(see)
	if !errors.Is(err, why) || !strings.Contains(err.Error(), words) {
		h.t.Fatalf("got %v, want %v with %q", err, why, words)
	}
	var e *ChoiceError
	errors.As(err, &e)
	return e
}

func TestAMajorityOfCopiesIsEnough(t *testing.T) {
	h := newHistory(t, 3)
	h.commit(volume(1), 2, only(1, 3))
	c := h.stands(all, 2)
	if len(c.Stale) != 1 || c.Stale[0].Disk != id(2) || !strings.Contains(c.Stale[0].Why, "it says version 1") || !c.Decided || c.Next != 3 {
		t.Errorf("stale %v decided %v next %d", c.Stale, c.Decided, c.Next)
	}
	c = h.stands(only(2, 3), 2)
	if diff := cmp.Diff(c.Missing, []string{id(1)}); diff != "" || c.Decided {
		t.Errorf("missing %v, decided %v", c.Missing, c.Decided)
	}
	h.refused(only(3), ErrQuorum, "1 of 3 votes were found, 2 are needed; missing: dg01 (label "+id(1))
}

func TestTheHomeRecordVotesWhereCopiesAreEven(t *testing.T) {
	h := newHistory(t, 2)
	h.commit(volume(1), 2, only(1))
	h.stands(only(1), 2)
	c := h.stands(all, 2)
	if c.StaleHome || !c.Decided {
		t.Errorf("home stale %v, decided %v", c.StaleHome, c.Decided)
	}
	// Disk 1 is lost: the home record knows of version 2, disk 2 does not have its text, a member has.
	e := h.refused(only(2), ErrSkipped, "version 2 stands and no copy in reach holds its text")
	if e.Version != 2 || e.Hash != config.Hash(h.texts[1]) {
		t.Errorf("skipped: %+v", e)
	}
	got, err := h.choose(only(2), h.texts...)
	if err != nil || got.Group.Version != 2 || len(got.Stale) != 1 {
		t.Errorf("with the kept text: %+v, %v", got, err)
	}
	h.r.home = view.Home{}
	h.refused(only(1), ErrQuorum, "missing: dg02")
	if c := h.stands(all, 2); !c.StaleHome {
		t.Error("an empty home record is not stale")
	}
}

func TestTheHighestBallotWinsAndASpareIsFound(t *testing.T) {
	h := newHistory(t, 3)
	next, steps := h.next(volume(1), 2)
	for _, s := range steps[:2] { // two spare slots filled, no header written
		h.r.apply(s)
	}
	c := h.stands(all, 1)
	if c.Spare == nil || c.Spare.Version != 2 || len(c.SpareOn) != 2 || c.Next != 3 {
		t.Fatalf("spare %v on %v, next %d", c.Spare, c.SpareOn, c.Next)
	}
	for _, s := range steps[2:4] { // the third slot, and one header
		h.r.apply(s)
	}
	if c := h.stands(all, 2); c.Decided || len(c.Stale) != 2 {
		t.Errorf("decided %v, stale %v", c.Decided, c.Stale)
	}
	// Somebody who does not see that header gives the change up, under a ballot of his own.
	base := h.texts[0]
	for n := 2; n <= 3; n++ {
		label := h.r.label(t, id(n))
		head, err := label.Point(h.group, config.Hash(base), "", view.Ballot{View: 2, Start: 2, Step: 1})
		if err != nil {
			t.Fatal(err)
		}
		h.r.write(PutHeader(head))
	}
	c = h.stands(all, 1)
	if !c.Decided || c.Spare != nil || c.Next != 3 || len(c.Stale) != 1 {
		t.Errorf("after giving up version %d: decided %v spare %v next %d stale %v", next.Version, c.Decided, c.Spare, c.Next, c.Stale)
	}
}

func TestForksAreRefused(t *testing.T) {
	// Two sides, each by force, made a version 2 and a version 3 of its own.
	left, right := newHistory(t, 2), newHistory(t, 2)
	left.commit(volume(1), 2, only(1))
	right.commit(volume(2), 3, only(2))
	left.r.disks[id(2)] = right.r.disks[id(2)]
	left.stands(all, 2) // siblings: one was given up under the higher ballot
	left.commit(volume(3), 4, only(1))
	right.commit(volume(4), 3, only(2))
	left.refused(all, ErrFork, "with another past")
	right.commit(volume(5), 3, only(2))
	left.refused(all, ErrFork, "which is later and was not made from it")

	same := newHistory(t, 2)
	other := newHistory(t, 2)
	same.commit(volume(1), 2, only(1))
	other.commit(volume(2), 2, only(2))
	same.r.disks[id(2)] = other.r.disks[id(2)]
	same.refused(all, ErrFork, "under the same ballot")
}

func TestAClonedDiskIsNamed(t *testing.T) {
	h := newHistory(t, 3)
	copies := h.r.scan(t, all)
	_, err := Choose(want, append(copies, copies[0]), h.r.home)
	if !errors.Is(err, ErrFork) || !strings.Contains(err.Error(), "was found twice") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNotOursIsRefused(t *testing.T) {
	h := newHistory(t, 1)
	_, err := Choose(Want{Group: id(0xb)}, h.r.scan(t, all), view.Home{})
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("another group: %v", err)
	}
	_, err = Choose(Want{Group: want.Group, Cluster: "c1"}, h.r.scan(t, all), view.Home{})
	if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "private group") {
		t.Errorf("a private group where a shared one was wanted: %v", err)
	}
	h = &history{t: t, r: initRack(t, 1)}
	c := config.CreateGroup{Name: "dg", ID: want.Group, Shared: true, Cluster: view.ClusterID(id(0xc)), Disks: groupDisks(1, 1)}
	h.commit(c, 1, all)
	h.refused(all, ErrForeign, "shared group of cluster")
}

func TestADamagedTextIsTakenFromAnotherCopy(t *testing.T) {
	h := newHistory(t, 3)
	g, _ := GeometryFor(diskBytes)
	label := h.r.label(t, id(1))
	h.r.write(Write{id(1), g.SlotAt(label.Header.Slot) + BlockBytes, make([]byte, BlockBytes)})
	c := h.stands(all, 1)
	if len(c.Stale) != 1 || c.Stale[0].Disk != id(1) || !strings.Contains(c.Stale[0].Why, "damaged") {
		t.Errorf("stale %v", c.Stale)
	}
	one := newHistory(t, 1)
	one.r.write(Write{id(1), g.SlotAt(one.r.label(t, id(1)).Header.Slot), make([]byte, BlockBytes)})
	one.refused(all, ErrSkipped, "version 1 stands")
}

func TestTheOrderOfCopiesDoesNotMatter(t *testing.T) {
	h := newHistory(t, 5)
	h.commit(volume(1), 2, only(1, 2, 3))
	copies := h.r.scan(t, all)
	first, err := Choose(want, copies, h.r.home)
	slices.Reverse(copies)
	second, err2 := Choose(want, copies, h.r.home)
	if diff := cmp.Diff(first, second); diff != "" || err != nil || err2 != nil {
		t.Errorf("%v %v %s", err, err2, diff)
	}
}

func TestWritesAreRefusedWhereTheyCannotBe(t *testing.T) {
	h := newHistory(t, 1)
	label := h.r.label(t, id(1))
	long := Slot{Group: want.Group, Version: 2, Text: make([]byte, slotBytesMin)}
	if _, err := Fill(label.Header, long); !errors.Is(err, ErrTooLong) {
		t.Errorf("a text of 1 MiB in a slot of 1 MiB: %v", err)
	}
	if _, err := label.Point(h.group, testHash, "", testBallot); !errors.Is(err, ErrNoText) {
		t.Errorf("a header for a text that is in no slot: %v", err)
	}
	other := label
	other.Header.Disk = id(9)
	if _, err := other.Point(h.group, config.Hash(h.texts[0]), "", testBallot); err == nil {
		t.Error("a header for a disk that is not in the group was made")
	}
	if free := Release(label.Header); free.Group != "" || free.Disk != id(1) || decodeErr(free) != nil {
		t.Errorf("released: %v", free)
	}
}

// decodeErr encodes and decodes a header.
func decodeErr(h Header) error { _, err := DecodeHeader(EncodeHeader(h)); return err }
