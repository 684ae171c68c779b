// SPDX-License-Identifier: Apache-2.0

// Package world is a whole cluster in one goroutine: the machines of three to five nodes with fake kernels, disks,
// links and clocks around them, everything drawn from one seed. The same seed gives the same trace.
//
//	        faults (drawn from the seed)          checkers (see nothing but what is done)
//	             |                                     ^
//	node: services (clusterd: member.Machine) -> kernel: gate, volume -> queue below the hook -> shared disk
//	             |                                                           |
//	          network: loss, delay, repeat, cut links                    path: cut, healed
//
// A run founds a cluster, lets every node join, then injects faults while every node writes numbered blocks, then
// stops all faults and waits until the cluster is whole again. Safety is checked at every action, liveness at the
// end. The first violation ends the run. Because the raft library draws from crypto/rand.Reader, Run replaces that
// reader for the whole process: one run at a time in a process.
//
// A node is a host with services on it. A service is a machine with its daemon: more of them can live on one host
// and share its kernel; links carry their messages side by side.
//
// # Faults of a node
//
//	kill    the daemon dies; kernel, gate and what is queued go on
//	crash   the host dies at an action of the daemon; it boots again with its log
//	hang    the daemon gets no CPU; kernel, gate and writers go on
//	freeze  the host stands still, its clock runs: the gate must be shut when it thaws
//	pause   the host stands still with its clock: only reservations could hold here, so nothing is promised
//	path    the way to the disks is cut and healed: I/O waits, for the in-flight term at most
package world
