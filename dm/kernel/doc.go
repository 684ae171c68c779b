// SPDX-License-Identifier: Apache-2.0

// Package kernel speaks to Linux's device-mapper driver by ioctls on /dev/mapper/control. [Control] implements
// [dm.Kernel].
//
//	request            []byte, built here               reply     []byte, parsed here
//	+-----------------------------+                     +-----------------------------+
//	| struct dm_ioctl  (312)      |                     | struct dm_ioctl             |
//	|   version 4.0.0, data_size, |     ioctl(2)        |   flags, dev, open_count,   |
//	|   data_start, flags, name,  |  ---------------->  |   event_nr, target_count    |
//	|   uuid, event_nr            |                     +-----------------------------+
//	+-----------------------------+                     | at data_start: targets,     |
//	| targets to load, new name   |                     | names or dependencies       |
//	+-----------------------------+                     +-----------------------------+
//
// Requests are built and replies are parsed by pure functions, which check every offset and length that the other side
// gives; the one use of unsafe is the address of the buffer in the system call. A reply that does not fit sets
// DM_BUFFER_FULL_FLAG: the call is made again with twice the room, up to a bound. All integers have the byte order of the
// machine.
//
// What user space has to follow (udev, nodes under /dev/mapper) is told to a [Follower]; package dm/udev has one.
//
// Source: include/uapi/linux/dm-ioctl.h of Linux.
package kernel
