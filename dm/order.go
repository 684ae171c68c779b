// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"fmt"
	"slices"
	"strconv"
)

// rename frees and gives names. A device in the way of another, because it is to be removed or because names go round in
// a circle, gets a name of the form NAME:N first.
func (d *differ) rename() ([]Op, error) {
	holder := map[string]*found{}
	for _, f := range d.found {
		holder[f.Name] = f
	}
	var ops []Op
	give := func(f *found, to string) {
		ops = append(ops, Rename{Name: f.now, To: to})
		delete(holder, f.now)
		f.now, holder[to] = to, f
	}
	wanted := map[string]bool{}
	for _, it := range d.items {
		wanted[it.Name] = true
	}
	aside := func(f *found) error {
		for n := range len(d.found) + len(d.items) + 1 {
			suffix := ":" + strconv.Itoa(n)
			to := f.Name[:min(len(f.Name), nameBytesMax-len(suffix))] + suffix
			if holder[to] == nil && !wanted[to] {
				give(f, to)
				return nil
			}
		}
		return fmt.Errorf("rename %s out of the way: every name for it is taken", f.Name)
	}
	var pending []*item
	for _, it := range d.items {
		if h := holder[it.Name]; h != nil && h.want == nil {
			if err := aside(h); err != nil {
				return nil, err
			}
		}
		if it.was != nil && it.was.now != it.Name {
			pending = append(pending, it)
		}
	}
	for len(pending) > 0 {
		i := slices.IndexFunc(pending, func(it *item) bool { return holder[it.Name] == nil })
		if i < 0 { // a circle: take one out of it
			if err := aside(pending[0].was); err != nil {
				return nil, err
			}
			continue
		}
		give(pending[i].was, pending[i].Name)
		pending = slices.Delete(pending, i, i+1)
	}
	return ops, nil
}

// connect finds what each wanted device stands on, and puts each after those it needs.
func (d *differ) connect() error {
	byName, doomed := map[string]*item{}, map[string]*found{}
	for _, it := range d.items {
		byName[it.Name] = it
	}
	for _, f := range d.found {
		if f.want == nil {
			doomed[f.now], doomed[f.Name] = f, f
		}
	}
	for _, it := range d.items {
		for _, r := range d.named(it.Table).Refs() {
			name, ok := r.Name()
			if !ok {
				continue
			}
			if n := byName[name]; n != nil {
				if !slices.Contains(it.needs, n) {
					it.needs = append(it.needs, n)
				}
			} else if f := doomed[name]; f != nil {
				return fmt.Errorf("device %s stands on %s, which is to be removed", it.Name, f.Name)
			}
		}
	}
	sorted, circle := bottomUp(d.items, func(it *item) []*item { return it.needs })
	if circle != nil {
		return fmt.Errorf("device %s stands on itself", circle.Name)
	}
	d.items = sorted
	return nil
}

// bottomUp puts each element after those below it, else in the order given. If they go round in a circle, one that is in it
// is returned as well.
func bottomUp[T comparable](all []T, below func(T) []T) (sorted []T, circle T) {
	const visiting, visited = 1, 2
	mark := make(map[T]int, len(all))
	var visit func(x T)
	visit = func(x T) {
		if mark[x] == visiting {
			circle = x
		}
		if mark[x] != 0 {
			return
		}
		mark[x] = visiting
		for _, y := range below(x) {
			visit(y)
		}
		mark[x] = visited
		sorted = append(sorted, x)
	}
	for _, x := range all {
		visit(x)
	}
	return sorted, circle
}

// layers puts what is there bottom-up, by the tables that are in use now, or that are to be where there is none.
func (d *differ) layers() {
	d.found, _ = bottomUp(d.found, func(f *found) []*found {
		var below []*found
		table := f.Live
		if !f.HasLive {
			table = f.Inactive
		}
		for _, r := range table.Refs() {
			if b := d.byDev[r.Num]; r.Path == "" && b != nil {
				below = append(below, b)
			}
		}
		return below
	})
}

// heal cleans devices up that are as wanted but for what a crash left.
func (d *differ) heal() Step {
	var s Step
	for _, it := range d.items {
		if it.change == same && it.was.HasInactive {
			s.Commit = append(s.Commit, Clear{Name: it.Name})
		}
	}
	for _, it := range d.items {
		if it.change == same && it.was.Suspended {
			s.Commit = append(s.Commit, Resume{Name: it.Name})
		}
	}
	return s
}

// each makes a step for every device that is picked and in none yet.
func (d *differ) each(pick func(*item) bool, add func(Step) bool) {
	for _, it := range d.items {
		if pick(it) {
			add(d.together(func(other *item) bool { return other == it }))
		}
	}
}

// together makes one step for all devices that are picked and in none yet, and for the new ones that they stand on.
func (d *differ) together(pick func(*item) bool) Step {
	var b builder
	for _, it := range d.items {
		if pick(it) {
			b.place(d, it)
		}
	}
	for _, f := range slices.Backward(d.found) { // top-down as they are now, so that each can drain
		if f.want != nil && b.changed[f.want] && !f.Suspended {
			b.prepare = append(b.prepare, Suspend{Name: f.now})
		}
	}
	return Step{Prepare: b.prepare, Commit: b.commit}
}

type builder struct {
	prepare, commit []Op
	changed         map[*item]bool // a live table is replaced in this step
}

func (b *builder) place(d *differ, it *item) {
	if it.placed {
		return
	}
	it.placed = true
	for _, n := range it.needs {
		if n.isNew() {
			b.place(d, n)
		}
	}
	load := Load{Name: it.Name, UUID: it.UUID, Table: it.Table, ReadOnly: it.ReadOnly}
	resume := Resume{Name: it.Name}
	if it.change == create {
		b.prepare = append(b.prepare, Create{Name: it.Name, UUID: it.UUID})
	}
	if !it.isNew() {
		load.Old, load.OldRO = d.named(it.was.Live), it.was.ReadOnly
		if b.changed == nil {
			b.changed = map[*item]bool{}
		}
		b.changed[it] = true
	}
	switch {
	case it.isNew() && it.carries && it.above && len(b.changed) > 0:
		// It stands on a device that gets its new table, and perhaps the size for this one, in this step's commit.
		b.prepare = append(b.prepare, load.holder(), resume, load)
		b.commit = append(b.commit, resume)
	case it.isNew() && it.carries:
		b.prepare = append(b.prepare, load, resume)
	default:
		b.prepare = append(b.prepare, load)
		b.commit = append(b.commit, resume)
	}
}

// removals removes what is not wanted, each device before those it stands on. What only an inactive table of a device
// to be removed stands on is freed first by clearing that table.
func (d *differ) removals() []Op {
	var ops []Op
	for _, f := range d.found {
		if f.want == nil && f.HasLive && f.HasInactive {
			ops = append(ops, Clear{Name: f.now})
		}
	}
	for _, f := range slices.Backward(d.found) {
		if f.want == nil {
			ops = append(ops, Remove{Name: f.now, UUID: f.UUID, Old: d.named(f.Live), OldRO: f.ReadOnly})
		}
	}
	return ops
}
