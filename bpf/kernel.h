// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The few fields of kernel structs that the gate looks at, named as in the kernel; the loader finds their offsets in
 * the running kernel's BTF. Nothing here depends on the kernel that it is compiled on.
 */
#ifndef PLEXUS_KERNEL_H
#define PLEXUS_KERNEL_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct gendisk {
	int major;
	int first_minor;
	__u64 diskseq; /* since 5.15 */
};

struct block_device {
	struct gendisk *bd_disk; /* of a partition too: the whole disk */
};

struct super_block {
	struct block_device *s_bdev; /* NULL: not on a block device */
};

struct inode {
	unsigned short i_mode;
	__u32 i_rdev;
	struct super_block *i_sb;
};

struct address_space {
	struct inode *host;
};

struct file {
	unsigned int f_mode;
	struct inode *f_inode;
	struct address_space *f_mapping; /* of an open block device: the one of its bdev inode */
};

struct bdev_inode { /* block/bdev.c */
	struct block_device bdev;
	struct inode vfs_inode;
};

struct io_uring_cmd {
	struct file *file;
};

#pragma clang attribute pop

#define S_IFMT 0170000
#define S_IFBLK 0060000
#define FMODE_WRITE 2u
#define MAY_WRITE 2
#define MAP_TYPE 0x0f
#define MAP_PRIVATE 0x02
#define EIO 5

#endif
