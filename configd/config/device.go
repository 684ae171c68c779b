// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"

	"github.com/plexus-cvm/plexus/dm"
)

// UUID returns the dm uuid of a volume: it stays the same however volume and group are called.
func UUID(group, volume string) string { return "PLEXUS-" + group + "-" + volume }

// Devices compiles a group to the device-mapper devices of its volumes, in their order. lookup says on which device a disk
// is found now, best by number, as the kernel prints it.
func Devices(g Group, lookup func(Disk) (dm.Ref, bool)) ([]dm.Device, error) {
	refs := make(map[string]dm.Ref, len(g.Disks))
	list := make([]dm.Device, 0, len(g.Volumes))
	for _, v := range g.Volumes {
		table, err := g.table(v, refs, lookup)
		if err != nil {
			return nil, fmt.Errorf("volume %s of group %s: %w", v.Name, g.Name, err)
		}
		d := dm.Device{Name: dm.VolumeName(g.Name, v.Name), UUID: UUID(g.ID, v.ID), Table: table}
		if err := d.Validate(); err != nil {
			panic(fmt.Sprintf("BUG: volume %s of group %s: %v", v.Name, g.Name, err))
		}
		list = append(list, d)
	}
	return list, nil
}

// table returns the table of a volume. refs remembers what lookup said.
func (g Group) table(v Volume, refs map[string]dm.Ref, lookup func(Disk) (dm.Ref, bool)) (dm.Table, error) {
	if n := len(v.Plexes); n != 1 {
		return nil, fmt.Errorf("it has %d plexes: a volume of one plex is all that can be started", n)
	}
	p := v.Plexes[0]
	for _, column := range p.Columns {
		for _, s := range column {
			if _, known := refs[s.Disk]; known {
				continue
			}
			d, _ := g.Disk(s.Disk)
			ref, ok := lookup(d)
			if !ok {
				return nil, fmt.Errorf("disk %s (label %s, wwid %s) is not found on this node: check the paths to it", d.Name, d.ID, d.WWID)
			}
			refs[s.Disk] = ref
		}
	}
	if p.Layout == Stripe {
		return striped(p, refs), nil
	}
	var t dm.Table
	for _, r := range rows(p.Columns[0]) {
		t = append(t, dm.Segment{Length: dm.Sectors(r.length), Target: linear(r, refs)})
	}
	return t, nil
}

// striped returns the table of a striped plex: one segment for each stretch over which no column goes on to another piece.
func striped(p Plex, refs map[string]dm.Ref) dm.Table {
	columns := make([][]place, len(p.Columns))
	for i, c := range p.Columns {
		columns[i] = rows(c)
	}
	var t dm.Table
	for len(columns[0]) > 0 {
		length := columns[0][0].length
		for _, c := range columns {
			length = min(length, c[0].length)
		}
		target := dm.Striped{Chunk: dm.Sectors(p.Unit)}
		for i, c := range columns {
			target.Columns = append(target.Columns, linear(c[0], refs))
			columns[i] = advance(c, length)
		}
		t = append(t, dm.Segment{Length: dm.Sectors(length) * dm.Sectors(len(columns)), Target: target})
	}
	return t
}

// advance returns what is left of a column behind its first length sectors, which lie in its first piece.
func advance(column []place, length Sectors) []place {
	if column[0].length == length {
		return column[1:]
	}
	column[0].offset += length
	column[0].length -= length
	return column
}

// rows returns the pieces of a column by disk-media name; what follows one another on a disk is one.
func rows(column []Subdisk) []place {
	names := places{}
	for _, s := range column {
		names[s.Disk] = s.Disk
	}
	return names.of(column)
}

func linear(p place, refs map[string]dm.Ref) dm.Linear {
	return dm.Linear{Dev: refs[p.disk], Start: dm.Sectors(p.offset)}
}
