// SPDX-License-Identifier: Apache-2.0

// Package bpftest says in Go what the gate decides in the kernel, and is a gate in memory for tests.
//
//	Decide   the decision, as decide.h has it
//	CommandOp  what an ioctl does to a disk, as command.h has it
//	Segment    where a packet goes, as portal.h has it
//	Gate       a bpf.Gate whose kernel is Decide, with a clock of the test's own
//
// The tests of this package run both sides on random inputs and compare them: the C by BPF_PROG_TEST_RUN of programs
// (decide.bpf.c, gate.bpf.c) that the kernel takes wherever packet programs may be loaded.
package bpftest
