// SPDX-License-Identifier: Apache-2.0

// Package laws checks what must hold for plans on any kernel: the one in memory and the real one take the same draws.
// Each law draws devices, brings the kernel there, draws others, plans the way and runs it; what differs is what goes
// wrong on the way:
//
//	Arrives    nothing: Run reaches what is wanted, a second Diff finds nothing to do, Undo leads back
//	Whole      the i-th call fails, for every i: the state is the old or the new one, nothing is left suspended
//	Recovers   the process dies before the i-th call, for every i: Diff and Run from what is left reach the end
//
// The devices of a law have names that begin with [Prefix]; a law touches no others and leaves none behind.
package laws
