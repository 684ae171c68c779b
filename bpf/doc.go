// SPDX-License-Identifier: Apache-2.0

// Package bpf owns the gate: eBPF programs in the kernel of this node that refuse I/O to guarded disks as soon as the
// node may no longer touch them. Nobody has to do anything for that: clusterd only ever renews a lease, so a daemon that
// is killed, stopped or hung means a gate that shuts by itself.
//
//	clusterd --SetLease--> lease   deadline (CLOCK_BOOTTIME), state: none joining running fenced
//	configd --SetGroup---> groups  mode by group index: shut readonly open; one write flips a group
//	        --Guard------> guard   whole disk or volume -> group, diskseq
//	        --AddPortal--> portals remote address and port -> group
//	both ----SetSelf-----> self    their process ids
//	                         |
//	     +-------------------+---- decide() in decide.h, bpftest.Decide in Go --> pass, -EIO, drop
//	     |
//	hooks  open permission ioctl mmap uring_cmd   system calls on raw disks, on volumes and on files upon them
//	       egress                                 TCP packets to portals, IPv4 and IPv6
//
// The decision: something that is not guarded passes. So does a disk whose diskseq is not the guarded one: another disk
// has come up under the number. Commands that move none of the disk's data pass (INQUIRY, sizes), and our own daemons
// may always reserve. Otherwise the group must be open (or read-only, for reading), the lease running (or joining, for
// reading), and its deadline not reached. What is refused gets EIO; a packet is dropped, but a RST without payload passes.
//
// A refusal is counted as `refused` where mode or state meant it, and as `lapsed` where only the clock had run out on
// somebody who was still at work: then something in this node has seen an error, and the lease must not be renewed.
// System calls on volumes have a time of their own, Lease.Hold. It lies a little before the deadline, so that what they
// began has left this node when the portals shut: whoever comes later gets an error at once, and nothing hangs half way.
// While clusterd has the volumes suspended it lies behind the deadline, and system calls wait in device-mapper. Disks
// and portals are shut at the deadline in any case.
//
// A raw disk that is being opened is known by its number alone, not by its diskseq: opening it to read passes, opening it
// to write is judged by the number. So whoever keeps the guards drops those of disks that are gone.
//
// What the hooks do not see: write-back of pages that were dirty before, mappings that existed before, /dev/sg and
// /dev/ng character devices, ioctls of 32-bit programs on a 64-bit kernel. The file hooks are a guard against mistakes and strangers, and give the writer of a volume
// its error; only egress is a guarantee, for disks behind portals. Packets that were dropped are sent again by TCP while
// their socket lives, so a portal must never be opened again before its sockets were destroyed.
//
// The kernel skips a program that is interrupted on its CPU by itself (Counter.Skipped); what it should have refused has
// then passed. This happens under full preemption. So a hook counts only when SelfTest has seen it refuse.
//
// Programs, links and maps are pinned below PinDir, so they outlive both daemons, and not a reboot:
//
//	version                                    layout of the maps, digest of the programs; the first pin, the last write
//	lease groups guard portals self counters   the maps
//	open permission ioctl mmap uring_cmd egress   the links; each holds its program
//
// Load adopts what is pinned and adds what is missing. Where the pinned programs are other than those built in, each new
// one is attached beside the old one and takes its pin over: both decide for a moment, neither is ever absent.
//
// Errors wrap the kernel's errno. ErrNotSupported says that this kernel cannot do it; anything else, that it did not.
//
// Sources: linux/bpf.h, Documentation/bpf/prog_lsm.rst (security_* hooks), block/bdev.c, kernel/bpf/trampoline.c.
package bpf

//go:generate ./generate.sh
