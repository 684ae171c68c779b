// SPDX-License-Identifier: Apache-2.0

package api

import "github.com/plexus-cvm/plexus/clusterd/view"

// DiskState says what a disk is to Plexus.
type DiskState string

const (
	DiskBlank   DiskState = "blank"   // nothing is on it
	DiskForeign DiskState = "foreign" // somebody else's data is on it; Detail says whose
	DiskReady   DiskState = "ready"   // it has a label and is in no group
	DiskMember  DiskState = "member"  // it is in the group named
	DiskOther   DiskState = "other"   // it has a label of another cluster or node
	DiskError   DiskState = "error"   // it cannot be read; Detail says why
)

// Disk is one whole disk as this node sees it.
type Disk struct {
	Device    string         `json:"device"` // for example /dev/sdb
	Size      uint64         `json:"size_bytes"`
	Transport view.Transport `json:"transport"`
	WWID      string         `json:"wwid"` // empty if the disk has none
	State     DiskState      `json:"state"`
	Detail    string         `json:"detail"`
	ID        string         `json:"id"`    // of its label; empty without one
	Name      string         `json:"name"`  // disk-media name in its group
	Group     string         `json:"group"` // name
}

// DiskList is disks in the order of their device names.
type DiskList struct {
	Schema int    `json:"schema"`
	Disks  []Disk `json:"disks"`
}

// DiskInit asks for labels on disks, so that groups can be made of them.
type DiskInit struct {
	Disks []string `json:"disks"` // device names
	Force bool     `json:"force"` // although somebody else's data is on them: it is lost
}
