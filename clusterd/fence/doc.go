// SPDX-License-Identifier: Apache-2.0

// Package fence takes a node away from its shared disks, from the fence sets alone: with configd dead, with the targets
// silent, with the cluster gone. It also keeps those sets, under /run/plexus/fence.
//
// No hook recalls I/O that a driver already has, and a dm suspend hangs on a disk that hangs. So the leave goes from
// below upwards:
//
//	stage      what is done                                                     it shows that
//	gate       one map write: the lease is fenced                               nothing new goes out
//	fast-fail  iSCSI sessions that are up: recovery_tmo = 0                     -
//	sockets    TCP sockets to the portals destroyed                             nothing more reaches the targets
//	delete     SCSI devices deleted                                             what hung has its error
//	drain      wait until the disks are gone; where nothing can be cut, until   *drained*: nothing is left through
//	           nothing is in flight                                             which I/O could go out
//	tables     volumes: error table, suspend without flush, resume              applications get errors
//	aside      volumes renamed ...-left-SEQ                                     their names are free
//	remove     those that nobody has open removed, the rest at the last close   (Sweep)
//
// MakePlan gives the leave as a value that prints; Run carries it out through an Env and returns a Report with times and
// proofs. Every stage has a deadline and is done even if those before it failed: each makes the next ones safer or
// quicker, none makes them wrong. What does not come back by its deadline is left behind and said so.
//
// Everything may be done again: a clusterd that was killed in the middle finds its sets, and the mark that a leave had
// begun (Store.Begin), and runs the whole plan once more. What is done already is seen and passed over. A disk whose number,
// name or diskseq is another's by now is gone, and the one that has its place is never touched.
//
// A volume that went through a leave never comes back to life. Its pages are of before; a new device has none.
//
// Fast-fail is set now and not when a group is imported: there it would turn each hiccup of a target into an error.
//
// Of transports only iSCSI is cut. On others the gate is shut, the sockets to their portals, if they have any, are
// destroyed, and the drain waits for what the driver has; the report says so.
package fence
