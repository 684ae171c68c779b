// SPDX-License-Identifier: Apache-2.0

// Package config holds a disk group as one value: its disks, and the volumes, plexes and subdisks cut from them. It
// validates the value, edits it, allocates space in it, gives it its one canonical text, and compiles it to
// device-mapper tables. It is pure: no I/O, goroutine, lock, clock, randomness or global state; whatever is random (the
// ids) comes in with the change.
//
// # The value
//
//	Group dgdata  version 7                       a disk's public region, in sectors of 512 bytes
//	 |- Disk dg01 (label id, wwid)                 0        Offset                       Offset+Length
//	 |- Disk dg02                                  | label   | dg01-01 | free | dg01-02 |
//	 |- Disk dg03
//	 '- Volume vol1  length                        a striped plex: columns side by side, each a row of subdisks
//	     '- Plex vol1-01  concat or stripe              column 0: dg01-01, dg01-02
//	         '- columns of Subdisk dg01-01              column 1: dg02-01
//
// A group is changed by Edit alone, which takes a group and a Change and returns the next group with Version one higher;
// the group that went in is left as it was. Changes are a closed sum and have a canonical text of their own, because a
// change asked for on a slave travels to the master.
//
// # Invariants, all kept by Validate
//
//   - A name is 1 to 31 of [A-Za-z0-9_.-] and begins with neither '.' nor '-'; an id is 32 lower-case hexadecimal digits.
//     No two disks, volumes, plexes or subdisks have the same name; no two disks or volumes have the same id.
//   - Every length and offset is a whole number of extents of 1 MiB, so a stripe unit never straddles the end of a subdisk.
//   - A subdisk lies inside the public region of its disk, and no two subdisks overlap.
//   - All columns of a plex are equally long and share no disk; all plexes of a volume are as long as the volume.
//   - Up to 5 disks keep a copy of the configuration, each under a number of its own; Edit gives the numbers.
//   - Disks and volumes are sorted by name. Where a subdisk stands in its plex follows from the lengths before it, and is
//     stored nowhere.
//
// # The text
//
// Encode gives one JSON text, the same bytes on disk, on the wire, in a dump and in golden files; one line for each disk
// and volume, so that two of them can be compared with diff. Decode takes exactly those bytes: a text that Encode would
// write differently is refused, and with it unknown, repeated and misspelt fields. Hash is the SHA-256 of the text.
//
// The types are plain values. They are safe for concurrent use as long as nobody writes to the slices inside; nothing in
// this package does after it has returned a Group.
package config
