// SPDX-License-Identifier: Apache-2.0

package label

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"pgregory.net/rapid"
)

var want = Want{Group: id(0xa)}

// TestCrashAtAnyWriteLeavesOldOrNew writes versions one after another. Before every write, and in the middle of it with
// any part of its sectors written, the rack is cloned, and whoever comes then with a majority of the votes must find the
// old version or the new one; once a majority has the new one, that.
func TestCrashAtAnyWriteLeavesOldOrNew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disks := rapid.IntRange(1, 7).Draw(t, "disks")
		r := initRack(t, disks)
		at := rapid.IntRange(1, disks).Draw(t, "disks at first")
		change := config.Change(config.CreateGroup{Name: "dg", ID: want.Group, Disks: groupDisks(1, at)})
		var base config.Group
		parent := ""
		for n := range rapid.IntRange(2, 4).Draw(t, "versions") {
			next, err := config.Edit(base, change)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range transact(t, r, base, next, parent, view.Ballot{View: 1, Start: 1, Step: uint64(n + 1)}) {
				lookIn(t, r, base, next)
				if s.write != nil {
					lookIn(t, torn(t, r, *s.write), base, next)
				}
				r.apply(s)
			}
			lookIn(t, r, base, next)
			base, parent = next, config.Hash(config.Encode(next))
			change = config.CreateVolume{Name: fmt.Sprintf("v%d", n), ID: id(100 + n), Layout: config.Concat, Size: config.Size{Amount: 1}}
			if at < disks && rapid.Bool().Draw(t, "add a disk") {
				at++
				change = config.AddDisks{Disks: groupDisks(at, 1)}
			}
		}
	})
}

// torn returns the rack with some sectors of the write on it.
func torn(t *rapid.T, r *rack, w Write) *rack {
	c := r.clone()
	for at, sector := range sectors(w) {
		if rapid.Bool().Draw(t, "sector") {
			c.disks[w.Disk][at] = sector
		}
	}
	return c
}

// lookIn chooses on what some of the disks hold.
func lookIn(t *rapid.T, r *rack, base, next config.Group) {
	hidden := map[string]bool{}
	for _, d := range slices.Sorted(maps.Keys(r.disks)) {
		hidden[d] = rapid.IntRange(0, 3).Draw(t, "hide") == 0
	}
	seen := func(d string) bool { return !hidden[d] }
	decided := r.stands(t, base, next)
	c, err := Choose(want, r.scan(t, seen), r.home)
	switch {
	case err == nil:
		checkChoice(t, r, c, base, next, decided)
	case base.Version == 0 && !decided:
	case SetOf(base).Decided(seen, r.home.Version != 0) && SetOf(next).Decided(seen, r.home.Version != 0) && !errors.Is(err, ErrSkipped):
		t.Fatalf("a majority is in reach, base %d next %d: %v", base.Version, next.Version, err)
	case errors.Is(err, ErrFork) || errors.Is(err, ErrForeign):
		t.Fatal(err)
	case errors.Is(err, ErrSkipped):
		checkSkipped(t, r, seen, next, err)
	}
}

func checkChoice(t *rapid.T, r *rack, c Choice, base, next config.Group, decided bool) {
	hash := config.Hash(config.Encode(next))
	switch {
	case c.Hash == hash:
	case base.Version != 0 && c.Hash == config.Hash(config.Encode(base)) && !decided:
		if c.Spare != nil && c.Spare.Hash != hash {
			t.Fatalf("the spare slot holds %v", c.Spare)
		}
	default:
		t.Fatalf("chose version %d %s of %d and %d, decided %v", c.Group.Version, c.Hash, base.Version, next.Version, decided)
	}
	for _, m := range r.disks {
		label, _ := Read(m.read)
		if h := label.Header; h.Group == want.Group && h.Version >= c.Next && slices.Contains(SetOf(c.Group), h.Disk) && !slices.Contains(c.Missing, h.Disk) {
			t.Fatalf("version %d is said to be free and disk %s has it", c.Next, h.Disk)
		}
	}
}

// checkSkipped allows the one case in which the text is gone with a disk: the home record and the lost disk decided.
func checkSkipped(t *rapid.T, r *rack, seen func(string) bool, next config.Group, err error) {
	var e *ChoiceError
	if !errors.As(err, &e) || e.Hash == "" {
		t.Fatal(err)
	}
	if _, err := Choose(want, r.scan(t, seen), r.home, config.Encode(next)); err != nil && !errors.Is(err, ErrQuorum) {
		t.Fatalf("with the text that a member keeps: %v", err)
	}
}

// stands reports whether next is on a majority of both sets.
func (r *rack) stands(t rapid.TB, base, next config.Group) bool {
	has := func(d string) bool { return r.label(t, d).Header.Version == next.Version }
	return DecidedBoth(SetOf(base), SetOf(next), has, r.home.Version == next.Version)
}
