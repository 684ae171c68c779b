// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
)

// Kind says what became of a volume from one version of its group to the next.
type Kind string

const (
	Created Kind = "created"
	Removed Kind = "removed"
	Grown   Kind = "grown"   // longer, every old sector in its place
	Shrunk  Kind = "shrunk"  // shorter, every sector that is left in its place
	Moved   Kind = "moved"   // some sector is in another place
	Renamed Kind = "renamed" // the name alone
	Copied  Kind = "copied"  // it has more plexes, every sector in its place
)

// KeepsPlaces reports whether every sector of the volume that was there stays in its place.
func (k Kind) KeepsPlaces() bool { return k == Created || k == Grown || k == Renamed || k == Copied }

// Difference is one volume that differs between two versions of a group. Volumes are told apart by id.
type Difference struct {
	ID   string
	Name string // the new one, or the last
	Kind Kind
}

func (d Difference) String() string { return fmt.Sprintf("%s %s", d.Name, d.Kind) }

// Compare returns the volumes whose tables or names differ: those of next in its order, then those that are gone. States
// do not count.
func Compare(old, next Group) []Difference {
	a, b := placer(old), placer(next)
	before := make(map[string]Volume, len(old.Volumes))
	for _, v := range old.Volumes {
		before[v.ID] = v
	}
	var list []Difference
	for _, v := range next.Volumes {
		was, ok := before[v.ID]
		delete(before, v.ID)
		if kind := kindOf(was, v, ok, a, b); kind != "" {
			list = append(list, Difference{v.ID, v.Name, kind})
		}
	}
	for _, v := range old.Volumes {
		if _, gone := before[v.ID]; gone {
			list = append(list, Difference{v.ID, v.Name, Removed})
		}
	}
	return list
}

// KeepsPlaces reports whether every sector of every volume of old has the same place in next. Then members may change
// their tables one after another; otherwise all must be suspended before any resumes, or two nodes could have one sector
// in two places, or one place as two sectors: a place that is given up may be used anew.
func KeepsPlaces(old, next Group) bool {
	for _, d := range Compare(old, next) {
		if !d.Kind.KeepsPlaces() {
			return false
		}
	}
	return true
}

func kindOf(was, v Volume, existed bool, a, b places) Kind {
	switch {
	case !existed:
		return Created
	case !samePlaces(was, v, a, b):
		return Moved
	case v.Length > was.Length:
		return Grown
	case v.Length < was.Length:
		return Shrunk
	case v.Name != was.Name:
		return Renamed
	case len(v.Plexes) != len(was.Plexes):
		return Copied
	}
	return ""
}

// samePlaces reports whether the sectors that both have are in the same places: each plex of was goes on in v, and its
// columns begin alike. It may gain plexes.
func samePlaces(was, v Volume, a, b places) bool {
	for _, p := range was.Plexes {
		i := slices.IndexFunc(v.Plexes, func(q Plex) bool { return q.Name == p.Name })
		if i < 0 {
			return false
		}
		q := v.Plexes[i]
		if p.Layout != q.Layout || p.Unit != q.Unit || len(p.Columns) != len(q.Columns) {
			return false
		}
		for c := range p.Columns {
			if !beginAlike(a.of(p.Columns[c]), b.of(q.Columns[c])) {
				return false
			}
		}
	}
	return true
}

// places maps disk-media names to label ids: a disk that is renamed is the same place.
type places map[string]string

func placer(g Group) places {
	m := make(places, len(g.Disks))
	for _, d := range g.Disks {
		m[d.Name] = d.ID
	}
	return m
}

// place is a piece of a disk, named by its label id.
type place struct {
	disk           string
	offset, length Sectors
}

// of returns the places of a column; pieces that follow one another on a disk are one.
func (m places) of(column []Subdisk) []place {
	var list []place
	for _, s := range column {
		if n := len(list); n > 0 && list[n-1].disk == m[s.Disk] && list[n-1].offset+list[n-1].length == s.Offset {
			list[n-1].length += s.Length
			continue
		}
		list = append(list, place{m[s.Disk], s.Offset, s.Length})
	}
	return list
}

// beginAlike reports whether the shorter of two columns is the beginning of the longer.
func beginAlike(a, b []place) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	for i, p := range a {
		q := b[i]
		if p.disk != q.disk || p.offset != q.offset {
			return false
		}
		last := i == len(a)-1
		if p.length != q.length && !(last && (p.length < q.length || len(a) == len(b))) {
			return false
		}
	}
	return true
}
