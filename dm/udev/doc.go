// SPDX-License-Identifier: Apache-2.0

// Package udev keeps user space in step with device-mapper: with a running udevd it waits until the rules for each change
// have run; without one it makes and removes the nodes under /dev/mapper itself. [Follower] is what dm/kernel wants.
//
// # Cookies
//
// The protocol is that of libdevmapper, whose udev rules (95-dm-notify) answer it:
//
//	this process                    kernel                     udevd
//	semget(0x0D4D<<16 | n), = 1
//	+1, ioctl(event_nr = n | flags)
//	                                uevent DM_COOKIE= ------>  rules run, links are made
//	                                                           dmsetup udevcomplete: -1
//	-1, wait until 0
//	remove the semaphore
//
// One semaphore serves all changes from one Settle to the next. The wait is bounded, and it is never done while the caller
// has a device suspended: the rules read devices. A semaphore that this process could not remove (it was killed) goes with
// `dmsetup udevcomplete_all`.
//
// An error on the way (no more semaphores, a node that cannot be made) must not stop a resume: it is kept and returned by
// Settle.
//
// A Follower is safe for concurrent use.
package udev
