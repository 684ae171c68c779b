// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Change is one change of a group. It is one of CreateGroup, AddDisks, CreateVolume, Resize, RemoveVolume and
// RemoveGroup, as values, never pointers.
type Change interface {
	// String prints the whole change in one line.
	String() string
	// object is the short form that begins an error: `create volume vol1`.
	object() string
	apply(g *Group) error
}

// CreateGroup makes a group, at version 1, from at least one disk. A disk without a name gets the next free one of the
// form GROUP01.
type CreateGroup struct {
	Name    string         `json:"name"`
	ID      string         `json:"id"`
	Shared  bool           `json:"shared,omitempty"`
	Cluster view.ClusterID `json:"cluster,omitempty"`
	Disks   []Disk         `json:"disks"`
}

// AddDisks adds disks to a group; one without a name gets the next free one of the form GROUP01.
type AddDisks struct {
	Disks []Disk `json:"disks"`
}

// CreateVolume makes a volume of one plex. With Layout Stripe, Columns zero means one for each of Disks, or for each disk
// of the group but no more than 8; Unit zero means UnitDefault. The length is rounded up to whole extents in each column.
type CreateVolume struct {
	Name    string   `json:"name"`
	ID      string   `json:"id"`
	Layout  Layout   `json:"layout"`
	Columns int      `json:"columns,omitempty"`
	Unit    Sectors  `json:"unit,omitempty"`
	Size    Size     `json:"size"`
	Disks   []string `json:"disks,omitempty"` // where space may be taken; none means anywhere
}

// Resize makes a volume longer or, with Shrink, shorter. Size without sign is the new length.
type Resize struct {
	Volume string   `json:"volume"`
	Size   Size     `json:"size"`
	Shrink bool     `json:"shrink,omitempty"` // what lies behind the new end may be lost
	Disks  []string `json:"disks,omitempty"`  // where space may be taken; none means anywhere
}

// RemoveVolume removes a volume and frees its space.
type RemoveVolume struct {
	Volume string `json:"volume"`
}

// RemoveGroup ends a group without volumes: its next version, the last one, is marked Removed, and once that is committed
// the labels of its disks may be written as those of disks in no group.
type RemoveGroup struct{}

func (c CreateGroup) object() string  { return "create group " + printable(c.Name) }
func (c AddDisks) object() string     { return "add disk" }
func (c CreateVolume) object() string { return "create volume " + printable(c.Name) }
func (c Resize) object() string       { return "resize volume " + printable(c.Volume) }
func (c RemoveVolume) object() string { return "remove volume " + printable(c.Volume) }
func (c RemoveGroup) object() string  { return "remove group" }

func (c CreateGroup) String() string {
	kind := "private"
	if c.Shared {
		kind = "shared"
	}
	return fmt.Sprintf("%s %s id %s disks %s", c.object(), kind, c.ID, diskList(c.Disks))
}

func (c AddDisks) String() string { return c.object() + " " + diskList(c.Disks) }

func (c CreateVolume) String() string {
	s := fmt.Sprintf("%s id %s %s", c.object(), c.ID, c.Layout)
	if c.Columns != 0 {
		s += fmt.Sprintf(" columns %d", c.Columns)
	}
	if c.Unit != 0 {
		s += fmt.Sprintf(" unit %v", c.Unit)
	}
	return s + " size " + c.Size.String() + on(c.Disks)
}

func (c Resize) String() string {
	s := c.object() + " size " + c.Size.String()
	if c.Shrink {
		s += " shrink"
	}
	return s + on(c.Disks)
}

func (c RemoveVolume) String() string { return c.object() }
func (c RemoveGroup) String() string  { return c.object() }

// printable keeps names that were never checked from spoiling a line.
func printable(name string) string {
	if CheckName(name) != nil {
		return fmt.Sprintf("%.40q", name)
	}
	return name
}

func on(disks []string) string {
	if len(disks) == 0 {
		return ""
	}
	return " on " + strings.Join(disks, ",")
}

func diskList(disks []Disk) string {
	words := make([]string, len(disks))
	for i, d := range disks {
		words[i] = strings.TrimPrefix(d.Name+"="+d.ID, "=")
	}
	return strings.Join(words, ",")
}
