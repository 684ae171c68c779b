// SPDX-License-Identifier: Apache-2.0

// Package txn is configd's machine: the configuration join, the transaction that changes a disk group on all nodes, and
// the recovery after a view change or a restart. It decides; whoever drives it acts. It is pure: no I/O, goroutine, lock,
// clock, log or randomness.
//
//	for e := range events {                  // ticks, frames, views, requests, completions
//		txn.Do(env, machine.Step(now, e))    // the only door; the actions in order
//	}
//
// An action with an Op ends in one event of that Op, when nothing of it is under way any more. Step never waits and never
// fails; a broken invariant panics.
//
// # The transaction
//
//	coordinator               label copies                 each participant, the coordinator too
//	asking      Propose ->    next text into the spare     scan, check, Vote
//	                          slots of a majority
//	suspending  Prepare ->    .                            guard, fence set, load, suspend, Prepared
//	flipping    .             headers, on a majority       .
//	closing     Commit ->     .                            resume, Applied
//
//	rolling     .             the base's header again,     .              (given up after Prepare was sent)
//	                          under a new ballot
//	closing     Abort ->      .                            clear, resume, Applied
//
// A change under which every old sector keeps its place skips suspending: once the headers stand each participant loads,
// suspends and resumes on its own. Any other has all participants suspended before the headers are written, so no sector
// is ever in two places. Private groups go the same way, with one participant, and need no cluster.
//
// The master coordinates the shared groups; a change asked for on a slave is forwarded to it. One change at a time is
// under way in each of the two domains, the others wait in a bounded queue. The version that the client looked at decides
// races. A label copy that the master cannot reach is written by the lowest member that can, named in Propose: one writer
// per copy.
//
// # What decides
//
// A version stands when headers that name it are on a majority of the group's votes (package label). Each header carries
// a ballot that only grows. Take-over: the new master reads; the highest ballot wins, committed or not; a text that only
// fills spare slots is given up. Either way it writes its own header under its own ballot onto a majority before anybody
// is told or any device is resumed. A header write that failed or timed out counts for neither side and is tried again;
// while no majority stands nothing is told, and at its deadline this node leaves.
//
// The home record votes where copies are even in number. Recovery puts it before any header: if it is not what this node
// knew, all is decided anew. The record of a private group also says that the group is this node's.
//
// # The tables of one group
//
//	resting -> guarding -> owning -> loading -> suspended -> returning -> resuming -> resting
//	               \_________\__________\___________\-> clearing -> reclaiming -> reviving -> resting
//
// No table is loaded before its disks are in the guard map and its fence set is with clusterd. Whatever is suspended has
// an owner and a deadline: before the ack this node goes back by itself; after it only by a decision, and at the deadline
// without one it loads the error table and leaves. Devices that an earlier life left suspended count as acked. Where
// clusterd holds I/O it resumes what is handed back, and Resume and Revive leave it alone.
//
// # The configuration join
//
//	joiner  Join     ->  master   cluster, incarnation, protocol, the labels it reads, what it holds
//	        <- Offer              each shared group as decided; also the decision of what the joiner had open
//	        Fetch    ->           texts that it does not have
//	        <- Text
//	        Ready    ->           tables loaded
//	        <- Welcome            a participant from here on; ReportJoin to clusterd
//
// Either side may end it with a named reason. Every node goes through it under a new master, and again when its configd,
// or the master's, was started anew; what runs goes on running meanwhile. A join goes before a change whose tables nobody
// has prepared yet, which then begins again with the new member voting; it waits for one that is further.
//
// # Messages
//
// Each carries the view and the start of the sender's configd. What is older is refused, and so is what is newer: whoever
// waits for an answer asks again, until the view or its deadline ends it. Every answer can be given twice.
//
// A Machine is for one goroutine. Events, actions and messages are values that nobody writes to after handing them over.
package txn
