// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Limits of a group. Those of nodes are view.NodesMax.
const (
	disksMax    = 256
	volumesMax  = 10_000
	plexesMax   = 32 // of one volume
	columnsMax  = 64 // of one plex
	subdisksMax = 64 * 1024

	// CopiesMax is on how many disks of a group its configuration is kept.
	CopiesMax = 5
	wwidBytes = 256
)

// Group is one disk group. The zero value is no group; its Version is zero.
type Group struct {
	Name    string         `json:"name"`
	ID      string         `json:"id"`
	Shared  bool           `json:"shared"`            // imported by every node of Cluster, else by one node alone
	Cluster view.ClusterID `json:"cluster,omitempty"` // of a shared group
	Version uint64         `json:"version"`           // one higher after each change
	Removed bool           `json:"removed,omitempty"` // the last version of a group: no volume is left, its disks are free to go
	Disks   []Disk         `json:"disks"`             // sorted by name
	Volumes []Volume       `json:"volumes"`           // sorted by name
}

// Disk is one disk under its disk-media name, which says nothing of the device it is found as.
type Disk struct {
	Name   string  `json:"name"`           // for example dg01
	ID     string  `json:"id"`             // of its label
	WWID   string  `json:"wwid,omitempty"` // as found when it was added
	Copy   int     `json:"copy,omitempty"` // 1 to CopiesMax: its label keeps a copy of the configuration; given by Edit
	Offset Sectors `json:"offset"`         // of the public region
	Length Sectors `json:"length"`         // of the public region
}

// Volume is what users see as a block device.
type Volume struct {
	Name   string      `json:"name"`
	ID     string      `json:"id"`
	Length Sectors     `json:"length"`
	State  VolumeState `json:"state"`
	Plexes []Plex      `json:"plexes"` // each a whole copy of the volume
}

// Layout says how the subdisks of a plex follow one another.
type Layout string

const (
	Concat Layout = "concat" // one after another
	Stripe Layout = "stripe" // in turn, Unit sectors from each column
)

// Plex is one copy of a volume's data.
type Plex struct {
	Name    string      `json:"name"`
	Layout  Layout      `json:"layout"`
	Unit    Sectors     `json:"unit,omitempty"` // stripe unit
	State   PlexState   `json:"state"`
	Columns [][]Subdisk `json:"columns"` // a concat plex has one
}

// Subdisk is a piece of one disk, a whole number of extents. It follows the one before it in its column.
type Subdisk struct {
	Name   string  `json:"name"`
	Disk   string  `json:"disk"`
	Offset Sectors `json:"offset"` // on the disk, not in its public region
	Length Sectors `json:"length"`
}

// End returns the first sector behind the subdisk.
func (s Subdisk) End() Sectors { return s.Offset + s.Length }

// End returns the first sector behind the public region.
func (d Disk) End() Sectors { return d.Offset + d.Length }

// Length returns how much of a volume the plex holds.
func (p Plex) Length() Sectors {
	var sum Sectors
	for _, column := range p.Columns {
		sum += columnLength(column)
	}
	return sum
}

func columnLength(column []Subdisk) Sectors {
	var sum Sectors
	for _, s := range column {
		sum += s.Length
	}
	return sum
}

// Disk returns the disk of that disk-media name.
func (g Group) Disk(name string) (Disk, bool) {
	if i, ok := slices.BinarySearchFunc(g.Disks, name, diskByName); ok {
		return g.Disks[i], true
	}
	return Disk{}, false
}

// DiskByID returns the disk whose label has that id.
func (g Group) DiskByID(id string) (Disk, bool) {
	for _, d := range g.Disks {
		if d.ID == id {
			return d, true
		}
	}
	return Disk{}, false
}

// Copies returns the disks that keep a copy of the configuration, sorted by name.
func (g Group) Copies() []Disk {
	var list []Disk
	for _, d := range g.Disks {
		if d.Copy > 0 {
			list = append(list, d)
		}
	}
	return list
}

// Volume returns the volume of that name.
func (g Group) Volume(name string) (Volume, bool) {
	if i, ok := slices.BinarySearchFunc(g.Volumes, name, volumeByName); ok {
		return g.Volumes[i], true
	}
	return Volume{}, false
}

// Subdisks returns all the subdisks of the group, sorted by disk and offset.
func (g Group) Subdisks() []Subdisk {
	var all []Subdisk
	for _, v := range g.Volumes {
		for _, p := range v.Plexes {
			for _, column := range p.Columns {
				all = append(all, column...)
			}
		}
	}
	slices.SortFunc(all, byPlace)
	return all
}

func byPlace(a, b Subdisk) int {
	if c := strings.Compare(a.Disk, b.Disk); c != 0 {
		return c
	}
	switch {
	case a.Offset < b.Offset:
		return -1
	case a.Offset > b.Offset:
		return 1
	}
	return 0
}

func diskByName(d Disk, name string) int     { return strings.Compare(d.Name, name) }
func volumeByName(v Volume, name string) int { return strings.Compare(v.Name, name) }

// Clone returns a copy that shares no slice with g.
func (g Group) Clone() Group {
	g.Disks = slices.Clone(g.Disks)
	g.Volumes = slices.Clone(g.Volumes)
	for i := range g.Volumes {
		g.Volumes[i] = g.Volumes[i].clone()
	}
	return g
}

func (v Volume) clone() Volume {
	v.Plexes = slices.Clone(v.Plexes)
	for i := range v.Plexes {
		p := &v.Plexes[i]
		p.Columns = slices.Clone(p.Columns)
		for j := range p.Columns {
			p.Columns[j] = slices.Clone(p.Columns[j])
		}
	}
	return v
}
