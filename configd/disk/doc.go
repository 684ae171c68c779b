// SPDX-License-Identifier: Apache-2.0

// Package disk is the edge to whole disks: it finds them in sysfs, says how each is reached and what stands on it, reads
// and writes labels, and makes a disk one of ours.
//
//	/sys/block/sdb -> devices/platform/host2/session1/target2:0:0/2:0:0:1/block/sdb
//	   |- size, ro, dev, diskseq             |
//	   |- device/wwid, device/model          '- class/iscsi_connection/connection1:*: address, port -> portals
//	   |- holders/, sdb1/partition           '- no session, nvme, nbd: host* -> scsi, virtio* -> virtio, else other
//	   '- /dev/sdb  --O_DIRECT-->  label region  (package label)
//
// # What it owns
//
// Nothing lasting: a [Disk] is what was seen at one moment. Names and numbers come back with other disks behind them, so
// whatever is opened is compared with the number and diskseq of the Disk that was asked for; a difference is [ErrGone].
//
// # Rules
//
//   - Labels are read and written with O_DIRECT alone, through aligned buffers that are allocated when the disk is
//     opened, and a write is flushed (fdatasync) before it counts. The page cache would show a node what it once read, not
//     what the others have written since, and could need memory while volumes are held.
//   - A disk on which something stands that is in use (mounted, held by another device, swap, opened exclusively) is
//     never written, force or not. Data of somebody else that nobody uses is refused without force, and named.
//   - Two names with one wwid, or with one label, are two paths to a disk, or a disk and its clone: all of them are refused
//     until one is left. Nobody guesses which is right. Multipath devices are not served.
//
// # The one program that is run
//
// What is on a disk (filesystems, partition tables, RAID and volume manager members, in their hundreds of formats) is what
// blkid is for, and nobody else keeps such a list. `blkid -p` is run with its arguments given one by one, without a shell,
// under a time limit, by `disk init`, and by `disk list` for disks without a label: on request of a person, in a goroutine of
// that request, and never to read a label or for a transaction.
//
// A Host is safe for concurrent use; a Handle is for one goroutine at a time.
package disk
