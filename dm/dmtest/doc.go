// SPDX-License-Identifier: Apache-2.0

// Package dmtest is a device-mapper driver in memory, for tests and for the simulated cluster. [Kernel] keeps the rules
// written at [dm.Kernel] as the real driver does, errnos included; [Faulty] stands in front of any dm.Kernel, this one or
// the real one, and makes chosen calls fail.
//
//	test or simulator --> dm.Run --> Faulty --> Kernel
//	       |                                      |
//	       +-- Map, Submit, Open, Close ----------+    what a disk, an application, another node would see
//
// A Kernel has disks, which are numbers with a size, and devices. [Kernel.Map] follows a sector of a device down to a
// sector of a disk; where a suspended device is met on the way the I/O is held there, and [Kernel.Submit] also counts it
// there until the device resumes. Nothing is stored: whoever needs data keeps it by disk and sector.
//
// Everything is deterministic: lists are sorted by name, minors are counted up and never used twice, there is no clock and
// no goroutine. A Kernel costs a few maps; [Kernel.Clone] copies it whole, as a crash would leave it. Not safe for
// concurrent use.
package dmtest
