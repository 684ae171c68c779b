// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"cmp"
	"fmt"
	"slices"
)

// Diff plans the way from what is there to what is wanted. Every device in have that want does not mention is removed,
// so have must hold the caller's own devices only; devices of others may be referred to by number. Devices are the same
// if their uuids are, and, where there is no uuid, if their names are. A device that somebody holds suspended for a
// reason of his own must be left out of both lists until he lets go: the plan resumes what it finds suspended.
func Diff(have []State, want []Device) (Plan, error) {
	d := differ{byDev: map[DevNum]*found{}}
	if err := d.match(have, want); err != nil {
		return Plan{}, err
	}
	d.layers()
	renames, err := d.rename()
	if err != nil {
		return Plan{}, err
	}
	if err := d.connect(); err != nil {
		return Plan{}, err
	}
	d.classify()
	p := Plan{Moves: -1}
	add := func(s Step) bool {
		if len(s.Prepare)+len(s.Commit) == 0 {
			return false
		}
		p.Steps = append(p.Steps, s)
		return true
	}
	add(Step{Commit: renames})
	add(d.heal())
	d.each(func(it *item) bool { return it.change == keep && !it.above }, add)
	if add(d.together(func(it *item) bool { return it.change == move || it.change == keep && it.above && it.below })) {
		if d.moves() {
			p.Moves = len(p.Steps) - 1
		}
	}
	d.each(func(it *item) bool { return it.change == keep }, add)
	add(d.together(func(it *item) bool { return it.isNew() }))
	add(Step{Commit: d.removals()})
	return p, nil
}

// change says how far a wanted device is from what is there.
type change int

const (
	same   change = iota
	create        // not there
	fill          // there, but without a live table: what a crash left of a create
	keep          // every sector keeps its place: grown, or another mode
	move          // a sector moves or goes
)

// item is a wanted device.
type item struct {
	Device
	was     *found // nil if it is to be created
	change  change
	needs   []*item // wanted devices that it stands on
	carries bool    // another wanted device stands on it
	above   bool    // it stands, through however many others, on one where sectors move
	below   bool    // one where sectors move stands on it
	placed  bool    // in a step already
}

func (it *item) isNew() bool { return it.change == create || it.change == fill }

// found is a device that is there.
type found struct {
	State
	now  string // its name once the renames are done
	want *item  // nil if it is to be removed
}

type differ struct {
	items []*item  // each after those it needs
	found []*found // each after those it stands on
	byDev map[DevNum]*found
}

// match pairs what is there with what is wanted.
func (d *differ) match(have []State, want []Device) error {
	byName, byUUID := map[string]*found{}, map[string]*found{}
	for _, s := range have {
		f := &found{State: s, now: s.Name}
		if byName[s.Name] != nil || d.byDev[s.Dev] != nil || s.UUID != "" && byUUID[s.UUID] != nil {
			return fmt.Errorf("device %s (%s, uuid %q) is there twice", s.Name, s.Dev, s.UUID)
		}
		byName[s.Name], d.byDev[s.Dev] = f, f
		if s.UUID != "" {
			byUUID[s.UUID] = f
		}
		d.found = append(d.found, f)
	}
	names, uuids := map[string]bool{}, map[string]bool{}
	for _, w := range want {
		if err := w.Validate(); err != nil {
			return err
		}
		if names[w.Name] || w.UUID != "" && uuids[w.UUID] {
			return fmt.Errorf("device %s (uuid %q) is wanted twice", w.Name, w.UUID)
		}
		names[w.Name], uuids[w.UUID] = true, true
		it := &item{Device: w, was: byUUID[w.UUID]}
		if w.UUID == "" {
			if f := byName[w.Name]; f != nil && f.UUID == "" {
				it.was = f
			}
		}
		if it.was != nil {
			it.was.want = it
		}
		d.items = append(d.items, it)
	}
	slices.SortFunc(d.items, func(a, b *item) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// classify finds what has to be done to each device, and what that means for those above and below it.
func (d *differ) classify() {
	for _, it := range d.items {
		switch {
		case it.was == nil:
			it.change = create
		case !it.was.HasLive:
			it.change = fill
		default:
			old, now := d.named(it.was.Live), d.named(it.Table)
			switch {
			case old.Equal(now) && it.was.ReadOnly == it.ReadOnly:
				it.change = same
			case old.Keeps(now):
				it.change = keep
			default:
				it.change = move
			}
		}
		for _, n := range it.needs {
			n.carries = true
			it.above = it.above || n.above || n.change == move
		}
	}
	for _, it := range slices.Backward(d.items) {
		for _, n := range it.needs {
			n.below = n.below || it.below || it.change == move
		}
	}
}

func (d *differ) moves() bool {
	return slices.ContainsFunc(d.items, func(it *item) bool { return it.change == move })
}

// named is the table with the numbers of our own devices replaced by the names that they have once the renames are done:
// a device that is removed and made again has another number.
func (d *differ) named(t Table) Table {
	return t.withRefs(func(r Ref) Ref {
		if f := d.byDev[r.Num]; r.Path == "" && f != nil {
			return Named(f.now)
		}
		return r
	})
}
