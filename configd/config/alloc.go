// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
)

// request is a plex to be made or to be grown. A plex to be made has empty columns.
type request struct {
	layout  Layout
	columns [][]Subdisk
}

// step is what the length of the plex is a multiple of.
func (r request) step() Sectors { return Extent * Sectors(len(r.columns)) }

// length turns a size into the length to add, rounded up to a whole step (a share is rounded down).
func (r request) length(z Size, p pool) (Sectors, error) {
	if z.Percent == 0 {
		return roundUp(z.Amount, r.step()), nil
	}
	most := r.most(p)
	n := most / 100 * Sectors(z.Percent)
	n += most % 100 * Sectors(z.Percent) / 100
	if n -= n % r.step(); n == 0 {
		return 0, fmt.Errorf("asked for %v, and %s: add a disk or remove a volume", z, r.room(most, p))
	}
	return n, nil
}

// grow returns the columns with so much more space, evenly over them. The columns that went in are left as they were.
func (r request) grow(length Sectors, p pool, names *namer) ([][]Subdisk, error) {
	columns, ok := r.try(length, p.clone(), names)
	if !ok {
		return nil, fmt.Errorf("asked for %v, and %s: ask for less, add a disk or remove a volume",
			length, r.room(r.most(p), p))
	}
	return columns, nil
}

// most returns the greatest length that grow can give.
func (r request) most(p pool) Sectors {
	low, high := Sectors(0), p.sum()/r.step() // in steps; low is known to fit
	for low < high {
		mid := (low + high + 1) / 2
		if _, ok := r.try(mid*r.step(), p.clone(), nil); ok {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low * r.step()
}

// room says in words how much there is.
func (r request) room(most Sectors, p pool) string {
	if r.layout == Stripe {
		return fmt.Sprintf("on %d disks each with a column of its own there is room for %v (free: %v)", len(r.columns), most, p)
	}
	return fmt.Sprintf("there is room for %v (free: %v)", most, p)
}

// try takes the space out of the pool, column after column, or reports that there is too little. No disk serves two
// columns. Without namer the subdisks stay without names.
func (r request) try(length Sectors, p pool, names *namer) ([][]Subdisk, bool) {
	owner := map[string]int{}
	for i, column := range r.columns {
		for _, s := range column {
			owner[s.Disk] = i
		}
	}
	grown := make([][]Subdisk, len(r.columns))
	for i, column := range r.columns {
		var ok bool
		if grown[i], ok = fill(i, slices.Clone(column), length/Sectors(len(r.columns)), p, owner, names); !ok {
			return nil, false
		}
	}
	return grown, true
}

// fill adds need sectors to a column: first behind its last subdisk, then on disks that it has, then on disks that no
// column has.
func fill(i int, column []Subdisk, need Sectors, p pool, owner map[string]int, names *namer) ([]Subdisk, bool) {
	if n := len(column); n > 0 {
		got := p.follow(column[n-1], need)
		column[n-1].Length += got
		need -= got
	}
	own := func(d string) bool { o, taken := owner[d]; return taken && o == i }
	unowned := func(d string) bool { _, taken := owner[d]; return !taken }
	first := len(column) == 0
	for need > 0 {
		disk, ok := p.pick(need, first, own)
		if !ok {
			disk, ok = p.pick(need, first, unowned)
		}
		if !ok {
			return nil, false
		}
		owner[disk] = i
		for _, r := range p.take(disk, need) {
			column = append(column, Subdisk{Name: names.subdisk(disk), Disk: disk, Offset: r.offset, Length: r.length})
			need -= r.length
		}
		first = false
	}
	return column, true
}

// namer gives names to new subdisks: DISK-01 and on, the first that is free.
type namer struct {
	taken map[string]bool
	next  map[string]int // below it all numbers of the disk are taken
}

func newNamer(g *Group) *namer {
	n := &namer{taken: map[string]bool{}, next: map[string]int{}}
	for _, s := range g.Subdisks() {
		n.taken[s.Name] = true
	}
	return n
}

func (n *namer) subdisk(disk string) string {
	if n == nil {
		return ""
	}
	for {
		n.next[disk]++
		name := fmt.Sprintf("%s-%02d", disk, n.next[disk])
		if !n.taken[name] {
			n.taken[name] = true
			return name
		}
	}
}
