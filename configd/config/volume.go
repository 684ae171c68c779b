// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
)

// columnsDefaultMax is the most columns a stripe gets where nobody said how many.
const columnsDefaultMax = 8

func (c CreateVolume) apply(g *Group) error {
	if err := c.checkAgainst(g); err != nil {
		return err
	}
	columns, unit := 1, Sectors(0)
	if c.Layout == Stripe {
		columns, unit = c.columns(g), c.Unit
		if unit == 0 {
			unit = UnitDefault
		}
	}
	if err := checkLayout(c.Layout, columns, unit); err != nil {
		return err
	}
	p := newPool(*g, c.Disks)
	r := request{layout: c.Layout, columns: make([][]Subdisk, columns)}
	if n := len(p.order); n < columns {
		return fmt.Errorf("asked for %d columns, each on a disk of its own, and there are %d disks: ask for fewer columns or add disks",
			columns, n)
	}
	length, err := r.length(c.Size, p)
	if err != nil {
		return err
	}
	subdisks, err := r.grow(length, p, newNamer(g))
	if err != nil {
		return err
	}
	v := Volume{Name: c.Name, ID: c.ID, Length: length, State: VolumeActive, Plexes: []Plex{{
		Name: g.plexName(c.Name), Layout: c.Layout, Unit: unit, State: PlexActive, Columns: subdisks,
	}}}
	i, _ := slices.BinarySearchFunc(g.Volumes, c.Name, volumeByName)
	g.Volumes = slices.Insert(g.Volumes, i, v)
	return nil
}

func (c CreateVolume) checkAgainst(g *Group) error {
	if err := CheckName(c.Name); err != nil {
		return err
	}
	if err := CheckID(c.ID); err != nil {
		return err
	}
	if _, taken := g.Volume(c.Name); taken {
		return fmt.Errorf("group %s has a volume of that name already: choose another", g.Name)
	}
	switch {
	case len(g.Volumes) >= volumesMax:
		return fmt.Errorf("group %s has %d volumes, the limit: remove one or use another group", g.Name, volumesMax)
	case c.Size.Sign != 0:
		return fmt.Errorf("size %v has a sign, which is for a resize: give the length", c.Size)
	case c.Layout == Concat && (c.Columns > 1 || c.Columns < 0 || c.Unit != 0):
		return fmt.Errorf("columns and a stripe unit are for layout stripe")
	}
	if err := c.Size.check(); err != nil {
		return err
	}
	return checkDisks(g, c.Disks)
}

// columns returns how many columns the stripe gets.
func (c CreateVolume) columns(g *Group) int {
	switch {
	case c.Columns != 0:
		return c.Columns
	case len(c.Disks) > 0:
		return len(c.Disks)
	}
	return min(len(g.Disks), columnsDefaultMax)
}

// plexName returns the first free name VOLUME-01. It can be taken by a plex of a volume that was named so before.
func (g *Group) plexName(volume string) string {
	taken := map[string]bool{}
	for _, v := range g.Volumes {
		for _, p := range v.Plexes {
			taken[p.Name] = true
		}
	}
	return nextName(volume+"-", func(name string) bool { return taken[name] })
}

func (c Resize) apply(g *Group) error {
	i, err := g.find(c.Volume)
	if err != nil {
		return err
	}
	if err := c.Size.check(); err != nil {
		return err
	}
	if err := checkDisks(g, c.Disks); err != nil {
		return err
	}
	v := g.Volumes[i].clone()
	if n := len(v.Plexes); n != 1 {
		return fmt.Errorf("it has %d plexes: only a volume of one plex can be resized", n)
	}
	plex := &v.Plexes[0]
	p := newPool(*g, c.Disks)
	r := request{layout: plex.Layout, columns: plex.Columns}
	length, err := c.length(v.Length, r, p)
	if err != nil {
		return err
	}
	switch {
	case length == v.Length:
		return fmt.Errorf("it is %v long already", v.Length)
	case length > v.Length:
		if plex.Columns, err = r.grow(length-v.Length, p, newNamer(g)); err != nil {
			return err
		}
	case !c.Shrink:
		return fmt.Errorf("%v is less than its %v, and what lies behind is lost: make what is on it smaller first, then ask with --force",
			length, v.Length)
	default:
		for k := range plex.Columns {
			plex.Columns[k] = cutColumn(plex.Columns[k], length/Sectors(len(plex.Columns)))
		}
	}
	v.Length = length
	g.Volumes[i] = v
	return nil
}

// length returns the new length of the volume. It is rounded so that the volume is never shorter than what was asked.
func (c Resize) length(old Sectors, r request, p pool) (Sectors, error) {
	switch {
	case c.Size.Percent != 0 && c.Size.Sign != '+':
		return 0, fmt.Errorf("size %v is not clear for a volume that has space already: write +%v to add so much", c.Size, c.Size)
	case c.Size.Sign == '-':
		if c.Size.Amount >= old {
			return 0, fmt.Errorf("it is %v long, %v less leaves nothing: remove it instead", old, c.Size.Amount)
		}
		return roundUp(old-c.Size.Amount, r.step()), nil
	case c.Size.Sign == '+':
		n, err := r.length(c.Size, p)
		return old + n, err
	}
	return roundUp(c.Size.Amount, r.step()), nil
}

// cutColumn returns the first length sectors of the column.
func cutColumn(column []Subdisk, length Sectors) []Subdisk {
	for i := range column {
		if column[i].Length >= length {
			column[i].Length = length
			return column[:i+1]
		}
		length -= column[i].Length
	}
	panic(fmt.Sprintf("BUG: cut a column of %v, %v left", columnLength(column), length))
}
