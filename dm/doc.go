// SPDX-License-Identifier: Apache-2.0

// Package dm describes device-mapper devices as values and plans the operations that lead from what the kernel has to
// what is wanted. It is pure: it does no I/O; everything it does to a kernel goes through the interface [Kernel], which
// package dm/kernel implements with ioctls and package dm/dmtest in memory.
//
// # Values
//
// A [Table] is a list of segments; the start sector of each is the sum of the lengths before it, so a gap or an overlap
// cannot be written down. Its text is what `dmsetup table DEVICE` prints, byte for byte, and [ParseTable] reads it back.
// A [Device] is what somebody wants: name, uuid, table, read-only or not. A [State] is what a kernel was seen to have.
//
//	create            load             resume
//	-------> no table -----> inactive ---------> live <----------+
//	                            |                 | load         | resume: the inactive table, if any,
//	                            | clear           v              | becomes the live one, what was held runs
//	                            v             live+inactive      |
//	                        no table              | suspend      |
//	                                              v              |
//	                                          suspended ---------+   I/O is held, not failed
//
// # Plans
//
//	have []State, want []Device --Diff--> Plan --Run--> Kernel
//	                                       |
//	                                       +-- String(): one line an operation; Undo(): the way back
//
// A [Plan] is a list of steps that run one after the other. A [Step] has two parts: Prepare does all that can be refused
// (create, load the inactive tables, suspend those that change), Commit makes the new tables live. Between the two a
// step can be called off: its Abort part clears the inactive tables, resumes and removes what was created. A cluster
// transaction prepares on all nodes before it commits on any.
//
// The order, and why:
//
//  1. Renames: a name must be free before a device can be created under it.
//  2. What a crash left behind on devices that do not change: stale inactive tables are cleared (they keep lower devices
//     busy), suspended devices are resumed.
//  3. Devices that keep every sector where it is (growing, read-only or not), each in a step of its own.
//  4. Devices where a sector moves, all in one step: all are suspended before any resumes.
//  5. New devices, in one step.
//  6. Removals.
//
// Inside a step tables are loaded bottom-up, before anything is suspended, because a load allocates memory and may read
// a lower device. Suspends run top-down, because an upper device cannot drain into a lower one that is suspended already.
// Resumes run bottom-up, because the kernel checks a table against the live size of the devices below. A new device that
// another one stands on is resumed at once, in Prepare: nobody uses it yet, and the constructors of some targets read it.
// Removals run top-down.
//
// # Invariants
//
//   - A suspend never freezes a filesystem (nolockfs), and says whether it flushes.
//   - When [Run] returns, the kernel has the new state, or the old one and an error. Nothing that Run suspended is
//     left suspended.
//   - A plan made from what a crash left behind reaches the same end.
//
// Everything in a table is counted in [Sectors] of 512 bytes. The values are safe to share once nobody writes to the
// slices inside. Sources: Documentation/admin-guide/device-mapper and include/uapi/linux/dm-ioctl.h of Linux.
package dm
