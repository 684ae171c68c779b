// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"cmp"
	"slices"
)

// deeds is what a list of operations has done to one device.
type deeds struct {
	name      string
	removed   *Remove
	created   *Create
	pending   *Load // in the inactive slot
	swapped   *Load // made live by a resume
	suspended bool
}

// undo is the step that takes back what the operations did. Taking them back one by one in reverse would be wrong: a
// resume with the new table still in the inactive slot makes it live, and a device that was removed may need one below
// that has yet to get its old size. So the way back is planned as a step of its own, like any other:
//
//	prepare  inactive tables cleared; removed devices made again; old tables loaded where the new one is live; suspends
//	commit   resumes, bottom-up as the tables were before; what was created is removed
//
// A resume of a device that was suspended before, and a clear, are not taken back. Renames are no part of it.
func undo(done []Op) Step {
	all := review(done)
	var back Step
	var suspends []Op
	resumes := map[*deeds]bool{}
	for _, d := range all {
		if d.isOwn() && !d.wasEmpty() && d.pending != nil {
			back.Prepare = append(back.Prepare, Clear{Name: d.name})
		}
	}
	before := layersBefore(all)
	for _, d := range before {
		if d.removed != nil {
			back.Prepare = append(back.Prepare, d.remake()...)
			resumes[d] = d.removed.Old != nil
		}
	}
	for _, d := range all {
		if d.isOwn() && d.swapped != nil && d.swapped.Old != nil {
			l := *d.swapped
			l.Table, l.Old, l.ReadOnly, l.OldRO = l.Old, l.Table, l.OldRO, l.ReadOnly
			back.Prepare = append(back.Prepare, l)
			suspends = append(suspends, Suspend{Name: d.name})
			resumes[d] = true
		}
		resumes[d] = resumes[d] || d.isOwn() && !d.wasEmpty() && d.suspended
	}
	slices.Reverse(suspends) // tables were loaded bottom-up
	back.Prepare = append(back.Prepare, suspends...)
	for _, d := range before {
		if resumes[d] {
			back.Commit = append(back.Commit, Resume{Name: d.name})
		}
	}
	for _, d := range slices.Backward(all) {
		back.Commit = append(back.Commit, d.unmake()...)
	}
	return back
}

// isOwn: the device was there before and still is.
func (d *deeds) isOwn() bool { return d.created == nil && d.removed == nil }

// wasEmpty: the device had no live table before.
func (d *deeds) wasEmpty() bool {
	load := cmp.Or(d.swapped, d.pending)
	return load != nil && load.Old == nil
}

// review sums the operations up, device by device in the order in which they first appear.
func review(done []Op) (all []*deeds) {
	byName := map[string]*deeds{}
	of := func(name string) *deeds {
		d := byName[name]
		if d == nil {
			d = &deeds{name: name}
			byName[name], all = d, append(all, d)
		}
		return d
	}
	for _, op := range done {
		switch o := op.(type) {
		case Create:
			of(o.Name).created = &o
		case Load:
			of(o.Name).pending = &o
		case Suspend:
			of(o.Name).suspended = true
		case Resume:
			d := of(o.Name)
			d.suspended = false
			if d.pending != nil {
				d.swapped, d.pending = d.pending, nil
			}
		case Clear:
			of(o.Name).pending = nil
		case Remove:
			of(o.Name).removed = &o
		}
	}
	return all
}

// layersBefore puts the devices bottom-up by the tables that they had before.
func layersBefore(all []*deeds) []*deeds {
	byName := map[string]*deeds{}
	for _, d := range all {
		byName[d.name] = d
	}
	sorted, _ := bottomUp(all, func(d *deeds) []*deeds {
		var below []*deeds
		for _, r := range d.before().Refs() {
			if name, ok := r.Name(); ok && byName[name] != nil {
				below = append(below, byName[name])
			}
		}
		return below
	})
	return sorted
}

func (d *deeds) before() Table {
	switch {
	case d.removed != nil:
		return d.removed.Old
	case d.swapped != nil:
		return d.swapped.Old
	case d.pending != nil:
		return d.pending.Old
	}
	return nil
}

// remake makes a removed device again, up to the resume. A device below may still have to get its old size back, so a
// place holder goes first.
func (d *deeds) remake() []Op {
	var ops []Op
	if d.created != nil { // made anew, without a table, after it was removed
		ops = append(ops, Remove{Name: d.name, UUID: d.created.UUID})
	}
	r := d.removed
	ops = append(ops, Create{Name: r.Name, UUID: r.UUID})
	if r.Old == nil {
		return ops
	}
	load := Load{Name: r.Name, UUID: r.UUID, Table: r.Old, ReadOnly: r.OldRO}
	return append(ops, load.holder(), Resume{Name: r.Name}, load)
}

// unmake removes a device that was created. One that had no live table is made anew without one: what was live cannot be
// taken out of a device again.
func (d *deeds) unmake() []Op {
	r := Remove{Name: d.name}
	if d.swapped != nil {
		r.Old, r.OldRO = d.swapped.Table, d.swapped.ReadOnly
	}
	switch {
	case d.removed != nil:
		return nil
	case d.created != nil:
		r.UUID = d.created.UUID
		return []Op{r}
	case d.wasEmpty():
		r.UUID = cmp.Or(d.swapped, d.pending).UUID
		return []Op{r, Create{Name: d.name, UUID: r.UUID}}
	}
	return nil
}
