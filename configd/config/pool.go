// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// DiskFree is how much of a disk no subdisk uses.
type DiskFree struct {
	Disk    string  `json:"disk"`
	Free    Sectors `json:"free"`
	Largest Sectors `json:"largest"` // the longest piece in one
}

// Free returns the free space of every disk, sorted by name.
func Free(g Group) []DiskFree {
	p := newPool(g, nil)
	list := make([]DiskFree, len(p.order))
	for i, d := range p.order {
		list[i] = DiskFree{Disk: d, Free: p.total(d), Largest: p.largest(d)}
	}
	return list
}

// run is a free piece of a disk.
type run struct{ offset, length Sectors }

// pool is the free space that one allocation may draw from.
type pool struct {
	order []string         // disks, in the order that breaks ties
	free  map[string][]run // sorted by offset
}

// newPool returns the free space of the named disks, all if only is empty.
func newPool(g Group, only []string) pool {
	p := pool{order: only, free: make(map[string][]run, len(g.Disks))}
	if len(only) == 0 {
		for _, d := range g.Disks {
			p.order = append(p.order, d.Name)
		}
	}
	used := g.Subdisks()
	for _, d := range g.Disks {
		n := 0
		for n < len(used) && used[n].Disk == d.Name {
			n++
		}
		if slices.Contains(p.order, d.Name) {
			p.free[d.Name] = gaps(d, used[:n])
		}
		used = used[n:]
	}
	return p
}

// gaps returns what the subdisks of a disk, sorted by offset, leave free.
func gaps(d Disk, used []Subdisk) []run {
	var list []run
	at := d.Offset
	for _, s := range used {
		if s.Offset > at {
			list = append(list, run{at, s.Offset - at})
		}
		at = s.End()
	}
	if d.End() > at {
		list = append(list, run{at, d.End() - at})
	}
	return list
}

// checkDisks refuses names that are not in the group or are given twice.
func checkDisks(g *Group, only []string) error {
	for i, name := range only {
		if _, ok := g.Disk(name); !ok {
			return fmt.Errorf("group %s has no disk %.40q", g.Name, name)
		}
		if slices.Contains(only[:i], name) {
			return fmt.Errorf("disk %s is named twice", name)
		}
	}
	return nil
}

func (p pool) clone() pool {
	free := maps.Clone(p.free)
	for d := range free {
		free[d] = slices.Clone(free[d])
	}
	return pool{p.order, free}
}

func (p pool) total(disk string) Sectors {
	var sum Sectors
	for _, r := range p.free[disk] {
		sum += r.length
	}
	return sum
}

func (p pool) largest(disk string) Sectors {
	var most Sectors
	for _, r := range p.free[disk] {
		most = max(most, r.length)
	}
	return most
}

// sum returns the free space of all the disks.
func (p pool) sum() Sectors {
	var sum Sectors
	for _, d := range p.order {
		sum += p.total(d)
	}
	return sum
}

// follow takes up to need sectors that begin where a subdisk ends, and returns how many it got.
func (p pool) follow(s Subdisk, need Sectors) Sectors {
	for i, r := range p.free[s.Disk] {
		if r.offset == s.End() {
			return p.cut(s.Disk, i, need).length
		}
	}
	return 0
}

// take takes up to need sectors of one disk in as few pieces as possible: each time the shortest run that holds all of
// the rest, or else the longest there is.
func (p pool) take(disk string, need Sectors) []run {
	var got []run
	for need > 0 && len(p.free[disk]) > 0 {
		r := p.cut(disk, bestRun(p.free[disk], need), need)
		got = append(got, r)
		need -= r.length
	}
	return got
}

func bestRun(list []run, need Sectors) int {
	best := 0
	for i, r := range list[1:] {
		if closer(r.length, list[best].length, need) {
			best = i + 1
		}
	}
	return best
}

// closer reports whether a holds need better than b does.
func closer(a, b, need Sectors) bool {
	switch {
	case a >= need && b >= need:
		return a < b
	default:
		return a > b
	}
}

// cut takes the beginning of the i-th free run of a disk.
func (p pool) cut(disk string, i int, need Sectors) run {
	r := p.free[disk][i]
	n := min(r.length, need)
	if n == r.length {
		p.free[disk] = slices.Delete(p.free[disk], i, i+1)
	} else {
		p.free[disk][i] = run{r.offset + n, r.length - n}
	}
	return run{r.offset, n}
}

// pick returns the disk to take need sectors from, among those that may serve. The first piece of a column goes where
// most is free, so that volumes spread over the disks, on a disk that can give it in one if there is any; what is left
// over goes where it fits best.
func (p pool) pick(need Sectors, first bool, may func(disk string) bool) (string, bool) {
	var disks []string
	for _, d := range p.order {
		if len(p.free[d]) > 0 && may(d) {
			disks = append(disks, d)
		}
	}
	if len(disks) == 0 {
		return "", false
	}
	return slices.MinFunc(disks, func(a, b string) int {
		if first {
			return cmp.Or(order(p.largest(a) >= need, p.largest(b) >= need), cmp.Compare(p.total(b), p.total(a)))
		}
		return order(closer(p.total(a), p.total(b), need), closer(p.total(b), p.total(a), need))
	}), true
}

// order puts true before false.
func order(a, b bool) int {
	switch {
	case a && !b:
		return -1
	case b && !a:
		return 1
	}
	return 0
}

// String lists what is free where.
func (p pool) String() string {
	words := make([]string, 0, namesShown)
	for _, d := range p.order[:min(len(p.order), namesShown)] {
		words = append(words, fmt.Sprintf("%s %v", d, p.total(d)))
	}
	return strings.Join(words, ", ") + more(len(p.order))
}
