// SPDX-License-Identifier: Apache-2.0

package api

import (
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

// GroupState says what this node can do with a group.
type GroupState string

const (
	GroupEnabled  GroupState = "enabled"  // its volumes are here and can be changed
	GroupDisabled GroupState = "disabled" // its configuration is not at hand; Reason says why
	GroupHeld     GroupState = "held"     // its volumes are suspended until the cluster is in order again
	GroupLeft     GroupState = "left"     // this node has left it: I/O gets errors
)

// Group is one disk group. In a GroupList Disks and Volumes are empty and the counts alone are set.
type Group struct {
	Schema  int             `json:"schema,omitempty"` // of an answer that is one group
	Name    string          `json:"name"`
	ID      string          `json:"id"`
	Shared  bool            `json:"shared"`
	State   GroupState      `json:"state"`
	Reason  view.Reason     `json:"reason"`
	Detail  string          `json:"detail"` // why it is not enabled, in words
	Version uint64          `json:"version"`
	Hash    string          `json:"hash"` // of the configuration's text
	Fence   view.FenceLevel `json:"fence_level"`
	Size    uint64          `json:"size_bytes"`
	Free    uint64          `json:"free_bytes"`

	DiskCount   int         `json:"disk_count"`
	VolumeCount int         `json:"volume_count"`
	Disks       []GroupDisk `json:"disks"`
	Volumes     []Volume    `json:"volumes"`
}

// GroupDisk is one disk of a group under its disk-media name.
type GroupDisk struct {
	Name   string `json:"name"`
	ID     string `json:"id"`
	Device string `json:"device"` // empty if this node does not see it
	Size   uint64 `json:"size_bytes"`
	Free   uint64 `json:"free_bytes"`
	Copy   string `json:"copy"` // of the configuration: "current", "stale", "none", or why it cannot be read
}

// GroupList is groups in the order of their names.
type GroupList struct {
	Schema int     `json:"schema"`
	Groups []Group `json:"groups"`
}

// GroupCreate asks for a group made of disks that have labels and are in no group.
type GroupCreate struct {
	Name   string   `json:"name"`
	Shared bool     `json:"shared"`
	Disks  []string `json:"disks"` // device names, each perhaps with a disk-media name: /dev/sdb or dg01=/dev/sdb
	DryRun bool     `json:"dry_run"`
}

// Change is what became, or with dry_run would become, of a request.
type Change struct {
	Schema  int      `json:"schema"`
	Change  string   `json:"change"` // in one line, as in the daemon's log
	Group   string   `json:"group"`
	Version uint64   `json:"version"` // the group's version after it
	Hash    string   `json:"hash"`    // of the configuration's text after it
	DryRun  bool     `json:"dry_run"`
	Plan    []string `json:"plan"` // the device-mapper operations on this node, in order
}

// VolumeCreate asks for a volume. Zero values leave the choice to config.CreateVolume, which says what it chooses.
type VolumeCreate struct {
	Group   string        `json:"group"`
	Name    string        `json:"name"`
	Size    config.Size   `json:"size"` // as text: 10g, 50%FREE
	Layout  config.Layout `json:"layout"`
	Columns int           `json:"columns"`
	Unit    uint64        `json:"unit_bytes"` // stripe unit
	Disks   []string      `json:"disks"`      // disk-media names to take space from; none means any
	DryRun  bool          `json:"dry_run"`
}

// VolumeResize asks for another length. A size with a sign is relative.
type VolumeResize struct {
	Size   config.Size `json:"size"`
	Shrink bool        `json:"shrink"` // what lies behind the new end may be lost
	Disks  []string    `json:"disks"`
	DryRun bool        `json:"dry_run"`
}

// VolumeRemove asks for the end of a volume that nobody has open.
type VolumeRemove struct {
	DryRun bool `json:"dry_run"`
}
