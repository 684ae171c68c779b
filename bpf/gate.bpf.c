//go:build ignore

// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
//
// The gate: programs that refuse I/O to guarded disks once the node may no longer touch them. Each hook finds out which
// disk is meant and what is wanted of it, and leaves the answer to decide() in decide.h. A further hook is one more
// program here that calls judge_disk() or judge(). This runs at every read and write of the host, so what is neither a
// block device nor on one is let go after two loads.

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "command.h"
#include "decide.h"
#include "kernel.h"
#include "portal.h"

/* Keep in step with limits.go. */
#define GROUPS_MAX 1024
#define GUARDS_MAX 65536
#define PORTALS_MAX 4096
#define SELVES_MAX 4

enum hook { HOOK_OPEN, HOOK_PERMISSION, HOOK_IOCTL, HOOK_MMAP, HOOK_URING_CMD, HOOK_EGRESS, HOOKS_MAX };

struct lease {
	__u64 word; /* deadline << 2 | state: one store changes both */
	__u64 hold;
	__u64 base; /* for user space: what `lapsed` stood at when this lease began */
};

struct guard {
	__u32 group;
	__u32 volume;
	__u64 diskseq;
};

struct portal {
	__u32 group; /* GROUP_ANY: several groups stand behind it, only the lease decides */
};
#define GROUP_ANY 0xffffffffu

struct counter {
	__u64 passed;
	__u64 refused;
	__u64 lapsed;
};

/* Written by clusterd. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lease);
} lease SEC(".maps");

/* Written by configd: mode of each group. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GROUPS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} groups SEC(".maps");

/* Written by configd: guarded disks and volumes, by the number of the whole disk, major << 20 | minor. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARDS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct guard);
} guard SEC(".maps");

/* Written by configd: the remote ends of network disks. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PORTALS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct portal_key);
	__type(value, struct portal);
} portals SEC(".maps");

/* Each slot written by the daemon that it belongs to: process ids that may always reserve. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SELVES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} self SEC(".maps");

/* Written here. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOKS_MAX);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

/* Written by the loader, last: which layout of maps and which programs these are. */
struct version {
	__u64 layout;
	__u64 programs;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct version);
} version SEC(".maps");

/*
 * Adds up. Atomic, although per CPU: a program may be preempted by an interrupt that runs the same one, and a refusal
 * that is not counted would let a lease be renewed that must not be.
 */
static __always_inline void count(__u32 hook, enum verdict v)
{
	struct counter *c = bpf_map_lookup_elem(&counters, &hook);

	if (!c || v == VERDICT_STRANGER)
		return;
	if (v == VERDICT_PASS)
		__sync_fetch_and_add(&c->passed, 1);
	else if (v == VERDICT_REFUSED)
		__sync_fetch_and_add(&c->refused, 1);
	else
		__sync_fetch_and_add(&c->lapsed, 1);
}

static __always_inline int is_self(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, i;

#pragma unroll
	for (i = 0; i < SELVES_MAX; i++) {
		__u32 slot = i, *s = bpf_map_lookup_elem(&self, &slot);

		if (s && *s && *s == tgid)
			return 1;
	}
	return 0;
}

/* Fills in what the maps know, and decides. A group that does not exist is shut. */
static __always_inline enum verdict judge(struct ask *a, __u32 group)
{
	__u32 zero = 0;
	struct lease *l = bpf_map_lookup_elem(&lease, &zero);

	if (l) {
		a->lease = *(volatile __u64 *)&l->word;
		a->hold = *(volatile __u64 *)&l->hold;
	}
	if (group == GROUP_ANY) {
		a->mode = MODE_OPEN;
	} else {
		__u32 *mode = bpf_map_lookup_elem(&groups, &group);

		a->mode = mode ? *(volatile __u32 *)mode : MODE_SHUT;
	}
	a->now = bpf_ktime_get_boot_ns();
	return decide(a);
}

/* One operation on the disk with that number; seq 0: its diskseq is not known. Returns 0 or -EIO. */
static __always_inline int judge_disk(__u32 hook, __u32 dev, __u64 seq, enum op op)
{
	struct guard *g = bpf_map_lookup_elem(&guard, &dev);
	struct ask a = {};
	enum verdict v;

	if (!g)
		return 0;
	a.guard_seq = g->diskseq;
	a.volume = g->volume;
	a.disk_seq = seq;
	a.op = op;
	if (op == OP_OWN)
		a.self = is_self();
	v = judge(&a, g->group);
	count(hook, v);
	return v == VERDICT_REFUSED || v == VERDICT_LAPSED ? -EIO : 0;
}

static __always_inline int is_raw(struct file *file)
{
	return (file->f_inode->i_mode & S_IFMT) == S_IFBLK;
}

/*
 * The whole disk under an open file, also for a partition (a guard on loop0 must hold for loop0p1): the device itself, or
 * the one that the file's filesystem is on. The node in /dev knows only a number; the device is found through the page
 * cache that the open has connected the file with. NULL: none.
 */
static __always_inline struct gendisk *disk_of(struct file *file)
{
	struct block_device *bdev;
	struct inode *host;

	if (!is_raw(file)) {
		bdev = file->f_inode->i_sb->s_bdev;
		return bdev ? bdev->bd_disk : 0;
	}
	host = BPF_CORE_READ(file, f_mapping, host);
	if (!host)
		return 0;
	bdev = (void *)host - bpf_core_field_offset(struct bdev_inode, vfs_inode) +
	       bpf_core_field_offset(struct bdev_inode, bdev);
	return BPF_CORE_READ(bdev, bd_disk);
}

static __always_inline int judge_file(__u32 hook, struct file *file, enum op op)
{
	struct gendisk *disk = disk_of(file);
	__u64 seq = 0;

	if (!disk)
		return 0;
	if (bpf_core_field_exists(disk->diskseq))
		seq = BPF_CORE_READ(disk, diskseq);
	return judge_disk(hook, BPF_CORE_READ(disk, major) << 20 | BPF_CORE_READ(disk, first_minor), seq, op);
}

/*
 * A file of a filesystem on a guarded volume is judged by its volume. A disk that is being opened is known by its number
 * only, not by its diskseq: opening for reading passes, because it moves no data and udev must be able to look at a disk
 * that came up under a number still guarded; opening for writing is judged by the number.
 */
SEC("fmod_ret/security_file_open")
int BPF_PROG(gate_open, struct file *file, int ret)
{
	int writes = !!(file->f_mode & FMODE_WRITE);

	if (ret)
		return ret;
	if (!is_raw(file))
		return judge_file(HOOK_OPEN, file, writes ? OP_WRITE : OP_READ);
	return writes ? judge_disk(HOOK_OPEN, file->f_inode->i_rdev, 0, OP_OWN) : 0;
}

/* read, write, their vectored, asynchronous and io_uring forms, fallocate, splice. */
SEC("fmod_ret/security_file_permission")
int BPF_PROG(gate_permission, struct file *file, int mask, int ret)
{
	if (ret)
		return ret;
	return judge_file(HOOK_PERMISSION, file, mask & MAY_WRITE ? OP_WRITE : OP_READ);
}

/*
 * The command block is in the caller's memory: somebody who changes it while we look gets past. The gate keeps mistakes
 * and strangers out, not a root that means harm.
 */
static __always_inline enum op read_command(__u32 cmd, unsigned long arg)
{
	__u8 cdb[2] = {};
	void *block = (void *)arg; /* NVMe: the opcode is the first byte of the argument */

	/* struct sg_io_hdr: cmdp at 24 */
	if (cmd == IOCTL_SG_IO && bpf_probe_read_user(&block, sizeof(block), (void *)(arg + 24)))
		return OP_WRITE;
	if (bpf_probe_read_user(cdb, sizeof(cdb), block))
		return OP_WRITE;
	return command_op(cmd, cdb[0], cdb[1]);
}

SEC("fmod_ret/security_file_ioctl")
int BPF_PROG(gate_ioctl, struct file *file, unsigned int cmd, unsigned long arg, int ret)
{
	if (ret)
		return ret;
	if (!is_raw(file))
		return 0;
	return judge_file(HOOK_IOCTL, file, ioctl_has_command(cmd) ? read_command(cmd, arg) : ioctl_op(cmd));
}

/* A shared mapping of a file open for writing can be made writable later without asking anybody. */
SEC("fmod_ret/security_mmap_file")
int BPF_PROG(gate_mmap, struct file *file, unsigned long prot, unsigned long flags, int ret)
{
	int writes;

	if (ret || !file)
		return ret;
	writes = (flags & MAP_TYPE) != MAP_PRIVATE && (file->f_mode & FMODE_WRITE);
	return judge_file(HOOK_MMAP, file, writes ? OP_WRITE : OP_READ);
}

/* Kernels whose block devices take commands through io_uring know one: discard. */
SEC("fmod_ret/security_uring_cmd")
int BPF_PROG(gate_uring_cmd, struct io_uring_cmd *cmd, int ret)
{
	struct file *file = cmd->file;

	if (ret)
		return ret;
	return is_raw(file) ? judge_file(HOOK_URING_CMD, file, OP_WRITE) : 0;
}

/*
 * Packets to the portals of network disks. What is dropped is sent again by TCP for as long as its socket lives: once
 * shut, the sockets must be destroyed before this is opened again. The RST that says so passes. A dropped segment without
 * payload (an acknowledgement, a SYN) hurts nobody and is not counted as a lapse.
 */
SEC("cgroup_skb/egress")
int gate_egress(struct __sk_buff *skb)
{
	struct segment s = {};
	struct ask a = {};
	struct portal *p;
	enum verdict v;

	if (!read_segment(skb, &s))
		return 1;
	p = bpf_map_lookup_elem(&portals, &s.to);
	if (!p || (s.rst && !s.payload))
		return 1;
	a.op = OP_READ; /* whether it carries a read or a write cannot be seen */
	v = judge(&a, p->group);
	if (v == VERDICT_LAPSED && !s.payload)
		v = VERDICT_REFUSED;
	count(HOOK_EGRESS, v);
	return v == VERDICT_PASS;
}

char _license[] SEC("license") = "GPL";
