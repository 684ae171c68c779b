// SPDX-License-Identifier: Apache-2.0

// Command sim runs the simulated cluster of package world over many seeds. It prints progress and ends in
//
//	n seeds, n steps, n violations
//
// A violation is printed with the flags that repeat it, the faults that were drawn and the end of the trace. Exit
// codes: 0 no violation, 1 violations, 3 bad command line. Seeds are shared out over processes of its own, because the
// raft library's source of randomness is one per process.
package main
