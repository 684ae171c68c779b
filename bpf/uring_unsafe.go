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
	var params [uringParamsBytes]byte
	r, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return fmt.Errorf("set up io_uring: %w", unsupportedIf(errno, unix.ENOSYS, unix.EPERM))
	}
	ring := int(r)
	defer unix.Close(ring)
	le := binary.NativeEndian
	if le.Uint32(params[20:])&uringSingleMmap == 0 {
		return fmt.Errorf("map io_uring: %w", ErrNotSupported)
	}
	rings, err := unix.Mmap(ring, uringOffRings, uringRingBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map io_uring: %w", err)
	}
	defer unix.Munmap(rings)
	entries, err := unix.Mmap(ring, uringOffEntries, uringEntryBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map io_uring entries: %w", err)
	}
	defer unix.Munmap(entries)

	// struct io_uring_sqe: the command, then where it begins and how long it is
	entries[0] = uringOpCmd
	le.PutUint32(entries[4:], uint32(fd))
	le.PutUint32(entries[8:], blockCmdDiscard)
	le.PutUint64(entries[16:], 0)
	le.PutUint64(entries[48:], bytes)
	// struct io_uring_params: sq_off at 40 (tail +4, array +24), cq_off at 80 (cqes +20)
	tail, array, completed := le.Uint32(params[44:]), le.Uint32(params[64:]), le.Uint32(params[100:])
	le.PutUint32(rings[array:], 0)
	le.PutUint32(rings[tail:], 1)
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(ring), 1, 1, uringGetEvents, 0, 0); errno != 0 {
		return fmt.Errorf("submit to io_uring: %w", errno)
	}
	if res := int32(le.Uint32(rings[completed+8:])); res < 0 {
		errno := unix.Errno(-res)
		return fmt.Errorf("discard through io_uring: %w", unsupportedIf(errno, unix.EOPNOTSUPP, unix.EINVAL))
	}
	return nil
}
