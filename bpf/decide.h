// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The one decision of the gate. It is pure: everything that it looks at is in struct ask, so that the same function,
 * written again in Go (bpftest.Decide), can be compared with it on random inputs. Every hook asks it and nothing else.
 */
#ifndef PLEXUS_DECIDE_H
#define PLEXUS_DECIDE_H

#include <linux/types.h>

/* The state of the lease, in the two low bits of its word; the deadline stands above them, so that both change in one store. */
enum lease_state { LEASE_NONE = 0, LEASE_JOINING = 1, LEASE_RUNNING = 2, LEASE_FENCED = 3 };
#define LEASE_STATE_BITS 2

/* The mode of a group. Zero, what an array map starts with, is the safe one. */
enum mode { MODE_SHUT = 0, MODE_READONLY = 1, MODE_OPEN = 2 };

/* What somebody wants to do. */
enum op {
	OP_QUERY = 0, /* asks the disk about itself, moves none of its data: always passes */
	OP_READ = 1,
	OP_WRITE = 2,
	OP_OWN = 3, /* a write, but our own daemons always may: reservations, and opening the disk for them */
};

enum verdict {
	VERDICT_PASS = 0,
	VERDICT_REFUSED = 1, /* by the group's mode, by the lease's state: meant so */
	VERDICT_LAPSED = 2,  /* by the clock alone: a lease that ran out was still in use */
	VERDICT_STRANGER = 3, /* another disk has come up under the guarded number: none of our business */
};

struct ask {
	__u64 now;       /* CLOCK_BOOTTIME, ns */
	__u64 lease;     /* deadline << 2 | state */
	__u64 hold;      /* until when system calls on volumes pass, ns; 0: like everything else */
	__u64 guard_seq; /* diskseq of the disk that was guarded; 0: any */
	__u64 disk_seq;  /* diskseq of the disk at hand; 0: not known */
	__u32 mode;
	__u32 op;
	__u32 volume; /* a device-mapper volume, not a disk */
	__u32 self;   /* asked by one of our daemons */
};

static __always_inline enum verdict decide(const struct ask *a)
{
	__u32 state = a->lease & ((1 << LEASE_STATE_BITS) - 1);
	__u64 deadline = a->lease >> LEASE_STATE_BITS;
	int reads = a->op == OP_READ;

	if (a->guard_seq && a->disk_seq && a->guard_seq != a->disk_seq)
		return VERDICT_STRANGER;
	if (a->op == OP_QUERY || (a->op == OP_OWN && a->self))
		return VERDICT_PASS;
	if (state != LEASE_RUNNING && !(state == LEASE_JOINING && reads))
		return VERDICT_REFUSED;
	if (a->mode != MODE_OPEN && !(a->mode == MODE_READONLY && reads))
		return VERDICT_REFUSED;
	if (a->volume && a->hold)
		deadline = a->hold;
	if (a->now >= deadline)
		return VERDICT_LAPSED;
	return VERDICT_PASS;
}

#endif
