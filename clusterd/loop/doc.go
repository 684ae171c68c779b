// SPDX-License-Identifier: Apache-2.0

// Package loop is clusterd at work: it owns the membership machine (package member), gives it every event of this node,
// and carries its actions out on files, links, gate and device-mapper.
//
//	ticks, peer frames, api calls, completions --> Loop.Run: Step, Do --> store (raft log), port (peers), gate (lease)
//	                                                                  \-> volumes: hold, release   (one worker)
//	                                                                  \-> away: the leave, the way back (one worker)
//	                                                                  \-> updates to the registered configd
//
// # Goroutines
//
// Run is the only one that touches the machine; everything else reaches it through Loop.calls, a channel of functions
// that Run calls one after another. Beside it there are: the port's own (package peer), one for each api request
// (net/http), one worker of volumes, one of the leave, and, while a clean leave waits, one that looks for holders.
// Run ends them all and waits for them before it returns; a leave that has begun it lets come to its end, which each of
// its stages has a limit for.
//
// # Out, and in again
//
// A node that is out because a person wants it stays out, and the process ends; out for any other reason it joins anew.
// No new life begins while the disks of the one before are not drained.
//
// # Files in the state directory
//
//	pki/        who this node is; with it a start joins by itself
//	raft/       the membership log
//	peers.json  where the others are, for a start without a log
//	founding    there while `plexus cluster init` is under way: a start that finds it without a log forgets pki
//
// # What stops the process
//
// A log that cannot be written and a lease that cannot be set end Run with an error: what follows rests on both. The
// gate needs nobody to shut. When clusterd starts again it finds the fence sets in /run/plexus/fence and finishes the
// leave before it does anything else.
package loop
