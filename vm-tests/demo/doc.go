// SPDX-License-Identifier: Apache-2.0

// Demo is the main job of Plexus on three real kernels: they found a cluster, share volumes, change them together, lose a
// node in the middle of its writes, and go on. Every step prints what was seen and how long it took, and is checked; the
// first that does not hold ends the run. Nothing is tried twice.
//
//	host: namespace [ interconnect 10.81.0.0/24 ]---- node1 node2 node3 (QEMU, stock Debian kernel, systemd)
//	                [ storage      10.82.0.0/24 ]----/  tgt: one iSCSI target, three disks; their files are the judge
package main
