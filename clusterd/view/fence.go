// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"net/netip"
	"slices"
)

// Transport says how a disk is reached, and so how it is cut.
type Transport string

const (
	TransportISCSI  Transport = "iscsi"
	TransportNVMe   Transport = "nvme-tcp"
	TransportNBD    Transport = "nbd"
	TransportSCSI   Transport = "scsi" // local SCSI, FC, SAS
	TransportVirtio Transport = "virtio"
	TransportOther  Transport = "other"
)

// FenceLevel orders what is guaranteed when a node must leave: none < watchdog < bio < wire < reservation.
type FenceLevel string

const (
	FenceNone        FenceLevel = "none"
	FenceWatchdog    FenceLevel = "watchdog"
	FenceBio         FenceLevel = "bio"
	FenceWire        FenceLevel = "wire"
	FenceReservation FenceLevel = "reservation"
)

var fenceOrder = []FenceLevel{FenceNone, FenceWatchdog, FenceBio, FenceWire, FenceReservation}

// AtLeast reports whether l guarantees no less than m. An unknown level guarantees nothing.
func (l FenceLevel) AtLeast(m FenceLevel) bool {
	return slices.Index(fenceOrder, l) >= slices.Index(fenceOrder, m)
}

// Valid reports whether l is one of the levels.
func (l FenceLevel) Valid() bool { return slices.Contains(fenceOrder, l) }

// FenceDisk is one disk that must be cut when this node leaves.
type FenceDisk struct {
	ID        string           `json:"id"`      // from its label
	WWID      string           `json:"wwid"`    // as sysfs or udev gives it; empty if the disk has none
	Dev       string           `json:"dev"`     // kernel name of the whole disk, for example sda
	Major     uint32           `json:"major"`   //
	Minor     uint32           `json:"minor"`   //
	Diskseq   uint64           `json:"diskseq"` // a number that comes back with another diskseq is another disk
	Transport Transport        `json:"transport"`
	Portals   []netip.AddrPort `json:"portals"`       // the remote ends of its connections
	Key       uint64           `json:"key,omitempty"` // this node's reservation key; zero is none
}

// FenceVolume is one dm device that gets the error table when this node leaves.
type FenceVolume struct {
	Name  string `json:"name"`  // dm name
	UUID  string `json:"uuid"`  // dm uuid, begins with PLEXUS-
	Major uint32 `json:"major"` // of the dm device
	Minor uint32 `json:"minor"`
	// Owned is true while configd has the device suspended for a transaction: nobody else may resume it.
	Owned bool `json:"owned,omitempty"`
}

// FenceSet is what must be cut for one disk group when this node leaves, complete without asking anybody.
type FenceSet struct {
	Group   string        `json:"group"`    // name
	GroupID string        `json:"group_id"` // label id
	Index   uint32        `json:"index"`    // in the gate's groups map
	Level   FenceLevel    `json:"level"`    // proven for this group on this node
	Disks   []FenceDisk   `json:"disks"`
	Volumes []FenceVolume `json:"volumes"`
}

// Portals returns the portals of all the disks, sorted, each once.
func (f FenceSet) Portals() []netip.AddrPort {
	var all []netip.AddrPort
	for _, d := range f.Disks {
		all = append(all, d.Portals...)
	}
	slices.SortFunc(all, func(a, b netip.AddrPort) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return cmp.Compare(a.Port(), b.Port())
	})
	return slices.Compact(all)
}

// Home is the home record of one disk group: it votes with the label copies when those are even in number.
type Home struct {
	GroupID string `json:"group_id"`
	Version uint64 `json:"version"`
	Hash    string `json:"hash"` // lower-case hexadecimal SHA-256 of the canonical text
	Ballot  Ballot `json:"ballot"`
}

// Ballot orders the header writes of a group, across takeovers; it only grows.
type Ballot struct {
	View  Seq    `json:"view"`  // the view of the master that wrote
	Start uint64 `json:"start"` // the start number of its configd
	Step  uint64 `json:"step"`  // grows within one start
}

// Compare orders ballots by view, start, step.
func (b Ballot) Compare(c Ballot) int {
	return cmp.Or(cmp.Compare(b.View, c.View), cmp.Compare(b.Start, c.Start), cmp.Compare(b.Step, c.Step))
}
