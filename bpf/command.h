// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What an ioctl, or the SCSI or NVMe command inside it, does to a disk. These are allow-lists: a number that is not
 * named here is a write. The numbers are ABI (linux/fs.h, linux/pr.h, scsi/sg.h, linux/nvme_ioctl.h, SPC, SBC, NVMe).
 */
#ifndef PLEXUS_COMMAND_H
#define PLEXUS_COMMAND_H

#include "decide.h"

#define IOCTL_NR(cmd) ((cmd) & 0xff)
#define IOCTL_TYPE(cmd) (((cmd) >> 8) & 0xff)

#define IOCTL_SG_IO 0x2285

/* Of linux/nvme_ioctl.h, by type and number: the size of the struct is of no interest. */
#define NVME_TYPE 'N'
#define NVME_NR_ID 0x40
#define NVME_NR_ADMIN 0x41
#define NVME_NR_IO 0x43
#define NVME_NR_ADMIN64 0x47
#define NVME_NR_IO64 0x48

/* The command block decides for these. */
static __always_inline int ioctl_has_command(__u32 cmd)
{
	__u32 nr = IOCTL_NR(cmd);

	return cmd == IOCTL_SG_IO || (IOCTL_TYPE(cmd) == NVME_TYPE && (nr == NVME_NR_ADMIN || nr == NVME_NR_IO ||
								       nr == NVME_NR_ADMIN64 || nr == NVME_NR_IO64));
}

/* linux/fs.h, type 0x12: sizes, limits, read-ahead, re-reading the partition table, flushing, zone reports. */
static __always_inline enum op blk_op(__u32 nr)
{
	if (nr >= 94 && nr <= 105) /* ROGET RRPART GETSIZE FLSBUF RASET RAGET FRASET FRAGET SECTSET SECTGET SSZGET PG */
		return OP_QUERY;
	if (nr >= 112 && nr <= 114) /* BSZGET BSZSET GETSIZE64 */
		return OP_QUERY;
	if (nr >= 120 && nr <= 124) /* IOMIN IOOPT ALIGNOFF PBSZGET DISCARDZEROES */
		return OP_QUERY;
	if (nr == 126 || nr == 128 || nr == 130 || nr == 132 || nr == 133) /* ROTATIONAL GETDISKSEQ REPORTZONE GETZONESZ GETNRZONES */
		return OP_QUERY;
	return OP_WRITE;
}

/* An ioctl that carries no command block. */
static __always_inline enum op ioctl_op(__u32 cmd)
{
	__u32 type = IOCTL_TYPE(cmd), nr = IOCTL_NR(cmd);

	switch (type) {
	case 0x12:
		return blk_op(nr);
	case 'p': /* linux/pr.h: register, reserve, release, preempt, preempt and abort, clear, read keys, read reservation */
		return nr >= 200 && nr <= 207 ? OP_OWN : OP_WRITE;
	case 'T': /* terminals: isatty() asks this of every file; a disk says ENOTTY */
		return OP_QUERY;
	case NVME_TYPE:
		return nr == NVME_NR_ID ? OP_QUERY : OP_WRITE;
	case 0x03: /* linux/hdreg.h: HDIO_GETGEO, HDIO_GET_IDENTITY */
		return nr == 0x01 || nr == 0x0d ? OP_QUERY : OP_WRITE;
	case 0x53: /* SCSI_IOCTL_GET_IDLUN, PROBE_HOST, GET_BUS_NUMBER, GET_PCI; CDROM_DRIVE_STATUS, GET_CAPABILITY */
		return nr == 0x82 || (nr >= 0x85 && nr <= 0x87) || nr == 0x26 || nr == 0x31 ? OP_QUERY : OP_WRITE;
	case 0x22: /* scsi/sg.h: timeouts, version, ids, sizes; not SG_IO, SG_SCSI_RESET */
		return nr <= 0x03 || nr == 0x72 || nr == 0x76 || nr == 0x82 ? OP_QUERY : OP_WRITE;
	case 0x4c: /* linux/loop.h: LOOP_CLR_FD, GET_STATUS, GET_STATUS64: what lets a device go */
		return nr == 0x01 || nr == 0x03 || nr == 0x05 ? OP_QUERY : OP_WRITE;
	case 0xab: /* linux/nbd.h: CLEAR_SOCK, CLEAR_QUE, DISCONNECT: what lets hung I/O go */
		return nr == 0x04 || nr == 0x05 || nr == 0x08 ? OP_QUERY : OP_WRITE;
	}
	return OP_WRITE;
}

/* The first two bytes of a SCSI command block. */
static __always_inline enum op scsi_op(__u8 opcode, __u8 second)
{
	switch (opcode) {
	case 0x00: /* TEST UNIT READY */
	case 0x03: /* REQUEST SENSE */
	case 0x12: /* INQUIRY */
	case 0x1a: /* MODE SENSE(6) */
	case 0x25: /* READ CAPACITY(10) */
	case 0x4d: /* LOG SENSE */
	case 0x5a: /* MODE SENSE(10) */
	case 0xa0: /* REPORT LUNS */
	case 0xa3: /* MAINTENANCE IN: target port groups, supported commands */
		return OP_QUERY;
	case 0x9e: /* SERVICE ACTION IN(16): READ CAPACITY(16) */
		return (second & 0x1f) == 0x10 ? OP_QUERY : OP_WRITE;
	case 0x5e: /* PERSISTENT RESERVE IN */
	case 0x5f: /* PERSISTENT RESERVE OUT */
		return OP_OWN;
	case 0x08: /* READ(6) */
	case 0x28: /* READ(10) */
	case 0x88: /* READ(16) */
	case 0xa8: /* READ(12) */
		return OP_READ;
	}
	return OP_WRITE;
}

/* An NVMe opcode; admin and I/O queues number theirs apart. */
static __always_inline enum op nvme_op(int admin, __u8 opcode)
{
	if (admin) /* get log page, identify, get features */
		return opcode == 0x02 || opcode == 0x06 || opcode == 0x0a ? OP_QUERY : OP_WRITE;
	switch (opcode) {
	case 0x02: /* read */
		return OP_READ;
	case 0x0d: /* reservation register, report, acquire, release */
	case 0x0e:
	case 0x11:
	case 0x15:
		return OP_OWN;
	}
	return OP_WRITE;
}

/* An ioctl with the first two bytes of its command block. */
static __always_inline enum op command_op(__u32 cmd, __u8 first, __u8 second)
{
	__u32 nr = IOCTL_NR(cmd);

	if (!ioctl_has_command(cmd))
		return ioctl_op(cmd);
	if (cmd == IOCTL_SG_IO)
		return scsi_op(first, second);
	return nvme_op(nr == NVME_NR_ADMIN || nr == NVME_NR_ADMIN64, first);
}

#endif
