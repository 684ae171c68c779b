// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math/bits"
)

// Bounds of a stripe unit: a power of two, so that every extent is a whole number of units.
const (
	UnitMin     Sectors = 8 // 4 KiB
	UnitMax             = Extent
	UnitDefault Sectors = 128 // 64 KiB
)

// Validate returns an error that names the first object that breaks a rule of the package doc.
func Validate(g Group) error {
	if err := g.checkSelf(); err != nil {
		return fmt.Errorf("group %s: %w", printable(g.Name), err)
	}
	if err := g.checkDisks(); err != nil {
		return fmt.Errorf("group %s: %w", g.Name, err)
	}
	c := checker{plexes: map[string]bool{}, subdisks: map[string]bool{}}
	if err := c.volumes(g.Volumes); err != nil {
		return fmt.Errorf("group %s: %w", g.Name, err)
	}
	if err := g.checkPlaces(); err != nil {
		return fmt.Errorf("group %s: %w", g.Name, err)
	}
	return nil
}

func (g Group) checkSelf() error {
	if err := CheckName(g.Name); err != nil {
		return err
	}
	if err := CheckID(g.ID); err != nil {
		return err
	}
	switch {
	case g.Version == 0:
		return fmt.Errorf("version is zero")
	case g.Version > 1<<53:
		return fmt.Errorf("version %d is larger than %d", g.Version, uint64(1)<<53)
	case !g.Shared && g.Cluster != "":
		return fmt.Errorf("a private group names the cluster %.40q", g.Cluster)
	case g.Removed && len(g.Volumes) > 0:
		return fmt.Errorf("removed, and has still %d volumes", len(g.Volumes))
	case len(g.Disks) == 0:
		return fmt.Errorf("no disk: a group needs at least one to keep its configuration on")
	case len(g.Disks) > disksMax:
		return fmt.Errorf("%d disks, the limit is %d", len(g.Disks), disksMax)
	case len(g.Volumes) > volumesMax:
		return fmt.Errorf("%d volumes, the limit is %d", len(g.Volumes), volumesMax)
	}
	if g.Shared {
		if err := CheckID(string(g.Cluster)); err != nil {
			return fmt.Errorf("cluster %w", err)
		}
	}
	return nil
}

func (g Group) checkDisks() error {
	ids := make(map[string]string, len(g.Disks))
	for i, d := range g.Disks {
		if err := d.check(); err != nil {
			return fmt.Errorf("disk %s: %w", printable(d.Name), err)
		}
		if i > 0 && d.Name <= g.Disks[i-1].Name {
			return fmt.Errorf("disk %s follows %s: names must be sorted, each once", d.Name, g.Disks[i-1].Name)
		}
		if other, twice := ids[d.ID]; twice {
			return fmt.Errorf("disks %s and %s have the same label id %s", other, d.Name, d.ID)
		}
		ids[d.ID] = d.Name
	}
	return g.checkCopies()
}

func (g Group) checkCopies() error {
	var owner [CopiesMax + 1]string
	copies := 0
	for _, d := range g.Disks {
		switch {
		case d.Copy < 0 || d.Copy > CopiesMax:
			return fmt.Errorf("disk %s: copy number %d is not in 0..%d", d.Name, d.Copy, CopiesMax)
		case d.Copy == 0:
			continue
		case owner[d.Copy] != "":
			return fmt.Errorf("disks %s and %s both keep copy %d", owner[d.Copy], d.Name, d.Copy)
		}
		owner[d.Copy] = d.Name
		copies++
	}
	if copies == 0 {
		return fmt.Errorf("no disk keeps a copy of the configuration")
	}
	return nil
}

func (d Disk) check() error {
	if err := CheckName(d.Name); err != nil {
		return err
	}
	if err := CheckID(d.ID); err != nil {
		return err
	}
	if err := checkWWID(d.WWID); err != nil {
		return err
	}
	switch {
	case d.Offset == 0:
		return fmt.Errorf("public region begins at sector 0, where the label is")
	case d.Offset > sectorsMax || d.Length > sectorsMax:
		return fmt.Errorf("public region %v+%v is larger than %v", d.Offset, d.Length, sectorsMax)
	}
	return checkExtents("public region", d.Offset, d.Length)
}

func checkExtents(what string, offset, length Sectors) error {
	switch {
	case length == 0:
		return fmt.Errorf("%s is empty", what)
	case offset%Extent != 0 || length%Extent != 0:
		return fmt.Errorf("%s at sector %d, %d long, is not aligned to %v", what, offset, length, Extent)
	}
	return nil
}

// checker holds the names seen in a walk over the volumes.
type checker struct {
	plexes, subdisks map[string]bool
	owner            map[string]ownedColumn // disk -> where it was seen last
	walk             int                    // counts plexes, so that owner need not be emptied
}

type ownedColumn struct{ walk, column int }

func (c *checker) volumes(list []Volume) error {
	c.owner = map[string]ownedColumn{}
	ids := make(map[string]string, len(list))
	for i, v := range list {
		if i > 0 && v.Name <= list[i-1].Name {
			return fmt.Errorf("volume %.40s follows %s: names must be sorted, each once", v.Name, list[i-1].Name)
		}
		if err := c.volume(v); err != nil {
			return fmt.Errorf("volume %s: %w", printable(v.Name), err)
		}
		if other, twice := ids[v.ID]; twice {
			return fmt.Errorf("volumes %s and %s have the same id %s", other, v.Name, v.ID)
		}
		ids[v.ID] = v.Name
	}
	return nil
}

func (c *checker) volume(v Volume) error {
	if err := CheckName(v.Name); err != nil {
		return err
	}
	if err := CheckID(v.ID); err != nil {
		return err
	}
	if !v.State.Valid() {
		return fmt.Errorf("state %.40q is not known", v.State)
	}
	if n := len(v.Plexes); n < 1 || n > plexesMax {
		return fmt.Errorf("%d plexes, 1 to %d are possible", n, plexesMax)
	}
	for _, p := range v.Plexes {
		if err := c.plex(p); err != nil {
			return fmt.Errorf("plex %.40s: %w", p.Name, err)
		}
		if l := p.Length(); l != v.Length {
			return fmt.Errorf("plex %s is %v long, the volume %v", p.Name, l, v.Length)
		}
	}
	return nil
}

func (c *checker) plex(p Plex) error {
	if err := checkName(p.Name, nameBytesMax+suffixBytesMax); err != nil {
		return err
	}
	if c.plexes[p.Name] {
		return fmt.Errorf("the name is used twice")
	}
	c.plexes[p.Name] = true
	if !p.State.Valid() {
		return fmt.Errorf("state %.40q is not known", p.State)
	}
	if err := checkLayout(p.Layout, len(p.Columns), p.Unit); err != nil {
		return err
	}
	c.walk++
	for i, column := range p.Columns {
		if err := c.column(i, column); err != nil {
			return err
		}
		if a, b := columnLength(p.Columns[0]), columnLength(column); a != b {
			return fmt.Errorf("column 0 is %v long, column %d %v", a, i, b)
		}
	}
	return nil
}

func checkLayout(l Layout, columns int, unit Sectors) error {
	switch {
	case l == Concat && (columns != 1 || unit != 0):
		return fmt.Errorf("layout concat has one column and no stripe unit, not %d and %v", columns, unit)
	case l == Stripe && (columns < 2 || columns > columnsMax):
		return fmt.Errorf("layout stripe with %d columns, 2 to %d are possible", columns, columnsMax)
	case l == Stripe && (unit < UnitMin || unit > UnitMax || bits.OnesCount64(uint64(unit)) != 1):
		return fmt.Errorf("stripe unit %v is not a power of two from %v to %v", unit, UnitMin, UnitMax)
	case l != Concat && l != Stripe:
		return fmt.Errorf("layout %.40q is not known: use concat or stripe", l)
	}
	return nil
}

func (c *checker) column(i int, column []Subdisk) error {
	if len(column) == 0 {
		return fmt.Errorf("column %d has no subdisk", i)
	}
	var length Sectors
	for _, s := range column {
		if err := c.subdisk(s); err != nil {
			return fmt.Errorf("subdisk %.40s: %w", s.Name, err)
		}
		if length += s.Length; length > sectorsMax {
			return fmt.Errorf("column %d is longer than %v", i, sectorsMax)
		}
		if o, seen := c.owner[s.Disk]; seen && o.walk == c.walk && o.column != i {
			return fmt.Errorf("columns %d and %d both use disk %s", o.column, i, s.Disk)
		}
		c.owner[s.Disk] = ownedColumn{c.walk, i}
	}
	return nil
}

func (c *checker) subdisk(s Subdisk) error {
	if err := checkName(s.Name, nameBytesMax+suffixBytesMax); err != nil {
		return err
	}
	switch {
	case c.subdisks[s.Name]:
		return fmt.Errorf("the name is used twice")
	case len(c.subdisks) >= subdisksMax:
		return fmt.Errorf("more than %d subdisks in the group", subdisksMax)
	case s.Offset > sectorsMax || s.Length > sectorsMax:
		return fmt.Errorf("%v+%v is larger than %v", s.Offset, s.Length, sectorsMax)
	}
	c.subdisks[s.Name] = true
	return checkExtents("subdisk", s.Offset, s.Length)
}

// checkPlaces is the last check: subdisks inside their disks, none over another.
func (g Group) checkPlaces() error {
	var last Subdisk
	for _, s := range g.Subdisks() {
		d, ok := g.Disk(s.Disk)
		switch {
		case !ok:
			return fmt.Errorf("subdisk %s lies on disk %.40q, which is not in the group", s.Name, s.Disk)
		case s.Offset < d.Offset || s.End() > d.End():
			return fmt.Errorf("subdisk %s, sectors %d to %d, does not lie in the public region of disk %s, %d to %d",
				s.Name, s.Offset, s.End(), d.Name, d.Offset, d.End())
		case last.Disk == s.Disk && last.End() > s.Offset:
			return fmt.Errorf("subdisks %s and %s overlap on disk %s at sector %d", last.Name, s.Name, s.Disk, s.Offset)
		}
		last = s
	}
	return nil
}
