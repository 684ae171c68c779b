// SPDX-License-Identifier: Apache-2.0

// Package store keeps what clusterd must not forget, in files under /var/lib/plexus:
//
//	lock             held while a clusterd runs (Lock): two daemons never share the rest
//	raft.log         the raft log (Log)
//	numbers.json     numbers that only grow (Numbers): lives of this node, starts of configd
//	homes.json       home records of private groups (Homes)
//	pki/             keys and certificates, package pki
//
// Nothing is acknowledged before it is on stable storage. A small file is replaced whole: written beside the old one,
// fsync, rename, fsync of the directory; a crash leaves the old data or the new. The log is appended to:
//
//	raft.log:   "PLXRAFT" version | record | record | ...
//
//	 0      4        8       16       20       24                     (little endian)
//	+------+--------+-------+--------+--------+----------------------+
//	| magic| length | number| CRC of | CRC of | body: one Batch,     |
//	|      |        |       | body   | header | protobuf fields 1-5  |
//	+------+--------+-------+--------+--------+----------------------+
//	CRCs are CRC32C. Numbers count up by one. The CRC of the header covers its first 20 bytes.
//
// One Save is one record, so a crash leaves all of it or nothing. What was being written when the machine died, a last
// record that is not whole, is cut off: nobody was told of it. A bad record with a good one behind it is another matter:
// somebody was told, and the log is refused (ErrCorrupt). When the file has grown to several times its content it is
// rewritten into a new one.
//
// After an error of Save the log takes no more: what is on disk is unknown until it is opened again. The daemon stops.
//
// # Where it must not be
//
// clusterd suspends volumes, and must not then wait for one. CheckPlace refuses a directory on a Plexus volume, also
// through other layers.
//
// A Log, Numbers or Homes is for one goroutine.
package store
