// SPDX-License-Identifier: Apache-2.0

// Package loop is configd at work: it owns the transaction machine (package txn), gives it every event of this node, and
// carries its actions out on labels, gate, device-mapper and peers. It serves configd's api.
//
//	clusterd's updates, peer frames, api requests, completions, the timer
//	      --> Loop.Run: Step, Do --> lanes: labels of one disk, devices of one group, clusterd
//	                             \-> port: other configds
//
// # Goroutines
//
// Run is the only one that touches the machine; everything else reaches it through Loop.calls, a channel of functions
// that Run calls one after another. Beside it there are: the port's own (package peer), one for each api request
// (net/http), one that keeps the registration with clusterd, one that forwards the port's events, and the lanes, which
// last as long as their work. An action never waits in Run: it goes into a lane, and its end comes back as an event.
//
// # Devices
//
// A volume is a device named GROUP-VOLUME (hyphens inside doubled). Its uuid is PLEXUS-<group id>-<volume id>, and for a
// shared group -<incarnation> behind it: a device that went through a leave keeps its uuid with the error table until its
// last close, and a rejoin makes a new one beside it.
package loop
