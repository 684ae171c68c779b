// SPDX-License-Identifier: Apache-2.0

// Package view holds the values that clusterd and configd share: nodes, views, leases, reasons, the times that
// follow from one heartbeat, and the fence set. It is pure: no I/O, goroutine, lock, clock or global state; all of its
// types are plain values, safe to copy once nobody writes to the slices inside.
//
// A node is a small non-zero integer and a name, never an address. Each time a node joins it does so as a new
// incarnation. A view is an agreed membership; its Seq only grows. A node in Joining may read shared disks but not
// write them; a node in Members may do both while its lease runs.
//
//	out -> joining -> member -> leaving  -> out      (clean leave: volumes closed first)
//	                        \-> aborting -> out      (lease lost, evicted, reconfiguration failed)
package view
