// SPDX-License-Identifier: Apache-2.0

package api

import "github.com/plexus-cvm/plexus/configd/config"

// Kernel states of a volume on this node.
const (
	KernelEnabled   = "ENABLED"   // its device is there and does I/O
	KernelSuspended = "SUSPENDED" // its device is there and I/O waits
	KernelDisabled  = "DISABLED"  // it has no device here, or one that gives errors
)

// Volume is one volume as this node has it.
type Volume struct {
	Schema int                `json:"schema,omitempty"` // of an answer that is one volume
	Group  string             `json:"group"`
	Name   string             `json:"name"`
	ID     string             `json:"id"`
	Device string             `json:"device"` // /dev/plexus/GROUP/VOLUME
	Size   uint64             `json:"size_bytes"`
	State  config.VolumeState `json:"state"`
	Kernel string             `json:"kernel_state"`
	Opens  int                `json:"open_count"` // on this node
	Plexes []Plex             `json:"plexes"`
}

// Plex is one copy of a volume's data.
type Plex struct {
	Name    string           `json:"name"`
	Layout  config.Layout    `json:"layout"`
	Unit    uint64           `json:"unit_bytes"` // stripe unit; 0 for concat
	State   config.PlexState `json:"state"`
	Columns [][]Subdisk      `json:"columns"`
}

// Subdisk is a piece of a disk.
type Subdisk struct {
	Name   string `json:"name"`
	Disk   string `json:"disk"` // disk-media name
	Offset uint64 `json:"offset_bytes"`
	Size   uint64 `json:"size_bytes"`
}

// VolumeList is volumes in the order of group and name.
type VolumeList struct {
	Schema  int      `json:"schema"`
	Volumes []Volume `json:"volumes"`
}

// VolumeOf puts what the configuration says of a volume into an answer; State of the kernel and opens are the caller's.
func VolumeOf(group string, v config.Volume) Volume {
	out := Volume{
		Group: group, Name: v.Name, ID: v.ID, Device: "/dev/plexus/" + group + "/" + v.Name, Size: v.Length.Bytes(),
		State: v.State, Kernel: KernelDisabled, Plexes: []Plex{},
	}
	for _, p := range v.Plexes {
		plex := Plex{Name: p.Name, Layout: p.Layout, Unit: p.Unit.Bytes(), State: p.State, Columns: [][]Subdisk{}}
		for _, column := range p.Columns {
			list := []Subdisk{}
			for _, s := range column {
				list = append(list, Subdisk{Name: s.Name, Disk: s.Disk, Offset: s.Offset.Bytes(), Size: s.Length.Bytes()})
			}
			plex.Columns = append(plex.Columns, list)
		}
		out.Plexes = append(out.Plexes, plex)
	}
	return out
}
