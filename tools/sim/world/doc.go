// SPDX-License-Identifier: Apache-2.0

// Package world is a whole cluster in one goroutine: the machines of three to five nodes with fake kernels, disks,
// links and clocks around them, everything drawn from one seed. The same seed gives the same trace.
//
//	        faults (drawn from the seed), clients            checkers (see nothing but what is done)
//	             |                                                ^
//	node: clusterd (member.Machine) --- gate, leave ---> kernel: gate, guards, volumes, fence sets
//	          ^ | updates, fence sets, home record               |  queue below the hook
//	          | v                                                v
//	      configd  (txn.Machine) ---- tables, labels --->      shared disks: labels
//	             |                                             path: cut, healed
//	          network: loss, delay, repeat, cut links
//
// A run founds a cluster with one disk group, lets every node join, then injects faults while every node writes blocks
// to its volumes and clients ask for changes on any node, then stops all that and waits until the cluster is whole
// again. Safety is checked at every action, liveness at the end. The first violation ends the run. Because the raft
// library draws from crypto/rand.Reader, Run replaces that reader for the whole process: one run at a time in a process.
//
// A node is a host with two services on it. A service is a machine with its daemon; each can be killed, hung and started
// by itself. They are coupled as the daemons are: configd registers and gets a start number, takes updates, hands over
// fence sets, reports its configuration join, replaces home records, accuses and gives up; clusterd holds, releases and
// carries out the leave. What is done in one lane (a disk, a group's devices) is done one after another, a step at a
// time, and a daemon that dies leaves the rest undone. Tables are real plans (package dm) on device-mapper in memory.
//
// # Faults of a node
//
//	kill    a daemon dies, or both; kernel, gate and what is queued go on
//	crash   the host dies at an action of a daemon; it boots again with its log, labels may be half written
//	hang    daemons get no CPU; kernel, gate and writers go on
//	freeze  the host stands still, its clock runs: the gate must be shut when it thaws
//	pause   the host stands still with its clock: only reservations could hold here, so nothing is promised
//	path    the way to the disks is cut and healed: I/O waits, for the in-flight term at most
//	busy    tables cannot be loaded
//
// # What is checked
//
//	S1, S2  views and leases; what lands on a disk, blocks and labels (check.go)
//	S3, S4  one version has one content; each version in force was made from the one before by one change that was asked
//	        for and not refused, and every change answered as done is among them (history.go)
//	S5      when a table begins to run: no other node that can do I/O maps a sector of a volume, or of a disk, elsewhere
//	S6      the labels, after every header that lands, every torn write and half of those that land whole
//	S7      tables on guarded disks, in a fence set handed over; labels under a lease, by one writer
//	S9      what runs and what is written belongs to the incarnation that has the lease
//	L1, L2  whole again; no healthy node's lease lapses
package world
