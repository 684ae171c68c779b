// SPDX-License-Identifier: Apache-2.0

// Package label is the region at the beginning of each disk where Plexus keeps what the disk is, and, on up to five disks
// of a group, a copy of the group's configuration. It encodes and decodes the region, says as values what to write where,
// and chooses among the copies that were found. It is pure: no I/O, goroutine, lock, clock or global state; the caller
// reads and writes.
//
// # The region
//
//	byte 0          1 MiB    +4 KiB                  +slot                  +slot           data offset
//	 | left alone    | header | slot 0                | slot 1               | log area       | data ...
//	 | partition     |        | head   text           | head   text          | dirty region   | whole MiB
//	 | table, boot   |        | 4 KiB                 | 4 KiB                | log, reserved  |
//
// All numbers are little-endian. Bytes that are not named are zero, and a decoder refuses them otherwise. The default slot
// has 4 MiB; disks larger than 1 TiB get 16 MiB, disks smaller than 256 MiB 1 MiB. The smallest disk has 16 MiB. The sizes
// stand in the header, which is the one that counts.
//
//	header, one sector                        head of a slot, one sector
//	  0  magic "PLXLABEL"                        0  magic "PLXSLOT\0"
//	  8  u32 format 1                            8  u32 format 1
//	 12  u8 copy index, 1 to 5; 0 none          12  u32 length of the text
//	 13  u8 committed slot, 0 or 1              16  [16] group id
//	 14  u16 zero                               32  u64 version
//	 16  [16] cluster id; zero private          40  u64 x 3 ballot
//	 32  [16] group id; zero in no group        64  [32] SHA-256 of the text
//	 48  [32] group name                        96  [32] SHA-256 of the text it was made from
//	 80  [16] disk id                          128  u32 CRC32C of the text
//	 96  u64 version                           508  u32 CRC32C of bytes 0 to 507
//	104  u64 x 3 ballot: view, start, step
//	128  [32] SHA-256 of the committed text
//	160  [32] SHA-256 of the text it was made from
//	192  u64 disk size   200  u64 slot offset   208  u64 slot size
//	216  u64 log offset  224  u64 log size      232  u64 data offset   240  u64 data size, all in bytes
//	508  u32 CRC32C of bytes 0 to 507
//
// Everything in the header fits one sector of 512 bytes, which a disk writes whole or not at all, so a header is never
// torn: a group of one disk survives a crash at any write.
//
// # How a version is written
//
//	           slot 0      slot 1      header
//	v7 stands   v7          v6          slot 0, v7, ballot b1
//	Fill        v7          v8          slot 0, v7, ballot b1     the spare slot takes the next text
//	Point       v7          v8          slot 1, v8, ballot b2     one sector decides
//	or Point    v7          v8          slot 0, v7, ballot b2     given up: own ballot, old text
//
// Each write must be on the medium (flushed) before the next begins. A ballot (view, start of configd, step) only grows; of
// two headers the one with the higher ballot was written later. A version number once seen in any slot is never used
// again: Choice.Next is free.
//
// # What decides
//
// The set of disks that keep copies is part of the configuration (config.Disk.Copy). A version stands once headers that
// name it are on a majority of its set; where the set is even in number the home record, kept elsewhere, is one more
// vote. A change that alters the set needs a majority of the old set first, and only then are headers of disks written
// that are new in it (Phases): so whoever sees a majority of either set sees the highest ballot that ever had one.
//
// Choose applies this to what was found. It gives the version with the highest ballot, its text, a filled spare slot if
// there is one that is newer, and names every copy that disagrees; or one of the named errors.
package label
