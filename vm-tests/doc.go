// SPDX-License-Identifier: Apache-2.0

// Package vmtests is the harness for tests on real kernels: it boots virtual machines with stock Debian kernels, runs commands in
// them, cuts their networks, freezes, pauses and kills them, and leaves nothing behind.
//
// # Kernel guests
//
// A kernel guest is a kernel, its modules and an agent, nothing else: up in about five seconds. StartKernelGuest boots one.
//
// Tests of a package that want a real kernel lie beside its other tests in files named *_guest_test.go with the build tag
// guest. They run as root with the package's testdata in the working directory; the kernel's file systems are mounted (proc,
// sys, dev, bpf, debugfs, tracefs, configfs, cgroup2); there is no shell and no other program but modprobe. PLEXUS_GUEST holds
// the kernel series, so a test can refuse to run elsewhere. TestGuest finds these packages, compiles and runs each in a guest of
// its own on every kernel, shows each of their tests as one of its own, and looks for complaints in the kernel's log.
//
//	go test -tags vm ./vm-tests -v -run TestGuest                                    all, on all kernels
//	go test -tags vm ./vm-tests -v -run TestGuest/./dm/kernel/TestName -kernel 6.1   one test on one kernel
//
// What a package needs beyond that (modules at start, boot options, memory) stands in guestNeeds.
//
// # Files
//
// Kernels and other costly things are kept in CacheDir ($PLEXUS_CACHE, or plexus below the user's cache directory). What a run
// makes lies in one scratch directory below the directory for temporary files. After a failure consoles and journals are
// kept in $PLEXUS_VM_LOGS (logs below the cache), and the failing test says where.
//
// # Nothing is left behind
//
// Clean-up does not depend on this process getting a chance to do it. Children are started with PR_SET_PDEATHSIG on a thread
// that lives as long as its lab (thread); the network namespace has no name, so the kernel drops it, its bridges and taps with
// the last process inside; nothing is mounted on the host; the scratch directory is removed by a small process that waits for the
// end of its owner (scratch). What a power cut of the host leaves is swept at the next start (Sweep).
package vmtests
