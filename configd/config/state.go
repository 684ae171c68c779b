// SPDX-License-Identifier: Apache-2.0

package config

import "slices"

// VolumeState is what is known of a volume's data.
type VolumeState string

const (
	VolumeEmpty    VolumeState = "EMPTY"    // never started
	VolumeClean    VolumeState = "CLEAN"    // stopped, all plexes equal
	VolumeActive   VolumeState = "ACTIVE"   // in use, or was when its last node went
	VolumeSync     VolumeState = "SYNC"     // its plexes are being made equal
	VolumeNeedSync VolumeState = "NEEDSYNC" // its plexes must be made equal before it is used
)

var volumeStates = []VolumeState{VolumeEmpty, VolumeClean, VolumeActive, VolumeSync, VolumeNeedSync}

// Valid reports whether s is one of the states.
func (s VolumeState) Valid() bool { return slices.Contains(volumeStates, s) }

// PlexState is what is known of one copy of a volume's data.
type PlexState string

const (
	PlexEmpty    PlexState = "EMPTY"    // never written
	PlexClean    PlexState = "CLEAN"    // whole, volume stopped
	PlexActive   PlexState = "ACTIVE"   // whole, in use
	PlexStale    PlexState = "STALE"    // behind the others
	PlexOffline  PlexState = "OFFLINE"  // taken out by a person
	PlexTemp     PlexState = "TEMP"     // being filled
	PlexIOFail   PlexState = "IOFAIL"   // detached by an I/O error
	PlexLog      PlexState = "LOG"      // holds a dirty region log
	PlexNoDevice PlexState = "NODEVICE" // its disk is gone
	PlexRecover  PlexState = "RECOVER"  // its disk came back
	PlexRemoved  PlexState = "REMOVED"  // its disk was taken out by a person
)

var plexStates = []PlexState{
	PlexEmpty, PlexClean, PlexActive, PlexStale, PlexOffline, PlexTemp, PlexIOFail, PlexLog, PlexNoDevice,
	PlexRecover, PlexRemoved,
}

// Valid reports whether s is one of the states.
func (s PlexState) Valid() bool { return slices.Contains(plexStates, s) }
