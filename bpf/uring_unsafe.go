// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// From linux/io_uring.h and linux/blkdev.h.
const (
	uringOpCmd       = 46      // IORING_OP_URING_CMD
	uringGetEvents   = 1       // IORING_ENTER_GETEVENTS
	uringSingleMmap  = 1       // IORING_FEAT_SINGLE_MMAP
	uringOffRings    = 0       // IORING_OFF_SQ_RING
	uringOffEntries  = 1 << 28 // IORING_OFF_SQES, as a signed offset
	uringEntryBytes  = 64
	uringRingBytes   = 4096
	blockCmdDiscard  = 0x1200 // BLOCK_URING_CMD_DISCARD, _IO(0x12, 0)
	uringParamsBytes = 120
)

// uringDiscard discards the first bytes of the device through io_uring, and returns the errno of that command.
func uringDiscard(fd int, bytes uint64) error {
	// struct io_uring_sqe: the command, then where it begins and how long it is
	var entry [uringEntryBytes]byte
	entry[0] = uringOpCmd
	order := binary.NativeEndian
	order.PutUint32(entry[4:], uint32(fd))
	order.PutUint32(entry[8:], blockCmdDiscard)
	order.PutUint64(entry[16:], 0)
	order.PutUint64(entry[48:], bytes)
	res, err := uringSubmit(entry)
	if err == nil && res < 0 {
		err = unsupportedIf(unix.Errno(-res), unix.EOPNOTSUPP, unix.EINVAL)
	}
	if err != nil {
		return fmt.Errorf("discard through io_uring: %w", err)
	}
	return nil
}

// uringSubmit has one entry carried out by a ring of its own, and returns the result of it.
func uringSubmit(entry [uringEntryBytes]byte) (int32, error) {
	var params [uringParamsBytes]byte
	r, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("set up ring: %w", unsupportedIf(errno, unix.ENOSYS, unix.EPERM))
	}
	ring := int(r)
	defer unix.Close(ring)
	order := binary.NativeEndian
	if order.Uint32(params[20:])&uringSingleMmap == 0 {
		return 0, fmt.Errorf("map ring: %w", ErrNotSupported)
	}
	rings, err := unix.Mmap(ring, uringOffRings, uringRingBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return 0, fmt.Errorf("map ring: %w", err)
	}
	defer unix.Munmap(rings)
	entries, err := unix.Mmap(ring, uringOffEntries, uringEntryBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return 0, fmt.Errorf("map entries of ring: %w", err)
	}
	defer unix.Munmap(entries)
	copy(entries, entry[:])
	// struct io_uring_params: sq_off at 40 (tail +4, array +24), cq_off at 80 (cqes +20)
	tail, array, completed := order.Uint32(params[44:]), order.Uint32(params[64:]), order.Uint32(params[100:])
	order.PutUint32(rings[array:], 0)
	order.PutUint32(rings[tail:], 1)
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(ring), 1, 1, uringGetEvents, 0, 0); errno != 0 {
		return 0, fmt.Errorf("submit to ring: %w", errno)
	}
	return int32(order.Uint32(rings[completed+8:])), nil
}
