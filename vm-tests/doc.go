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
// # Nodes
//
// A node is a guest like a user's machine: Debian with systemd, udev, open-iscsi, the product's own units. Its root is made once
// by the provision script (which makes the Vagrantfile's machines too) and thrown away at each boot; what it writes to
// /var/lib/plexus stays. A lab is a set of nodes on two networks, with shared disks behind an iSCSI target:
//
//	          interconnect 10.81.0.0/24
//	    +-----------+-----------+------------- bridge ... .254
//	  node1 .1    node2 .2    node3 .3
//	    +-----------+-----------+------------- bridge ... .254  tgt, a file for each disk
//	          storage      10.82.0.0/24
//
//	lab, err := vmtests.New(ctx, vmtests.Options{Nodes: 3, Disks: 3, Plexus: true})
//	defer lab.Close()
//	err = lab.LoginAll(ctx)
//	out, err := lab.Node(1).Run(ctx, "plexus", "cluster", "status")
//	lab.Interconnect.Down()               // for all; Cut(a, b) for two; lab.Node(2).Unplug(lab.Storage) for one
//	lab.Node(3).Freeze()                  // Thaw; Pause and Continue; Kill; PowerOff; Boot
//	lab.Target.Disk(1).ReadAt(b, offset)  // what has really arrived
//	lab.Heal()
//
// Freeze and Pause are different faults: over a Freeze the guest's clocks go on, over a Pause they stand still.
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
