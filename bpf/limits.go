// SPDX-License-Identifier: Apache-2.0

package bpf

// Bounds of the maps; gate.bpf.c has the same numbers.
const (
	GroupsMax  = 1024  // disk groups imported on one node, with the two indexes below
	GuardsMax  = 65536 // disks and volumes
	PortalsMax = 4096
	SelvesMax  = 4
)

const (
	// GroupSelfTest is the index that SelfTest uses; a disk group never gets it.
	GroupSelfTest = GroupsMax - 1
	// GroupAny is the index of a portal with several groups behind it: the lease alone decides.
	GroupAny = 1<<32 - 1
)

// PinDir is where the gate is pinned.
const PinDir = "/sys/fs/bpf/plexus"
