//go:build guest

// SPDX-License-Identifier: Apache-2.0

package bpf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/bpf"
	"github.com/plexus-cvm/plexus/bpf/bpftest"
)

// A touch is one way to get at a disk, and what it is to the gate. It returns the errno of it.
type touch struct {
	name string
	op   bpftest.Op
	do   func() error
}

const landed = 0xAB // what every write writes

const (
	uringOpWrite = 23  // IORING_OP_WRITE
	prClear      = 205 // IOC_PR_CLEAR, _IOW('p', 205, struct pr_clear of 16 bytes)
)

// touches opens the disk and its partition every way there is, while the gate is open.
func touches(t *testing.T, d *disk) []touch {
	direct, buffered := open(t, d.path, unix.O_RDWR|unix.O_DIRECT), open(t, d.path, unix.O_RDWR)
	part := open(t, d.path+"p1", unix.O_RDWR|unix.O_DIRECT)
	out, in := block(t, landed), block(t, 0)
	openAs := func(flags int) func() error {
		return func() error {
			fd, err := unix.Open(d.path, flags|unix.O_CLOEXEC, 0)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}
	}
	second := func(_ int, err error) error { return err }
	return []touch{
		{"open to read", bpftest.Query, openAs(unix.O_RDONLY)},
		{"open to write", bpftest.Own, openAs(unix.O_WRONLY)},
		{"direct read", bpftest.Read, func() error { return second(unix.Pread(direct, in, 0)) }},
		{"direct write", bpftest.Write, func() error { return second(unix.Pwrite(direct, out, 2*blockBytes)) }},
		{"vectored write", bpftest.Write, func() error { return second(unix.Pwritev(direct, [][]byte{out}, 3*blockBytes)) }},
		{"io_uring write", bpftest.Write, func() error { return uringWrite(direct, out, 4*blockBytes) }},
		{"buffered write", bpftest.Write, func() error { return second(unix.Pwrite(buffered, out, 5*blockBytes)) }},
		{"buffered read", bpftest.Read, func() error { return second(unix.Pread(buffered, in, 5*blockBytes)) }},
		{"fsync", bpftest.Query, func() error { return unix.Fsync(buffered) }},
		{"read of the partition", bpftest.Read, func() error { return second(unix.Pread(part, in, 0)) }},
		{"write to the partition", bpftest.Write, func() error { return second(unix.Pwrite(part, out, 0)) }},
		{"punch a hole", bpftest.Write, func() error {
			return unix.Fallocate(direct, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 6*blockBytes, blockBytes)
		}},
		{"map shared, to write", bpftest.Write, mapping(buffered, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)},
		{"map shared, a writable file to read", bpftest.Write, mapping(buffered, unix.PROT_READ, unix.MAP_SHARED)},
		{"map private", bpftest.Read, mapping(buffered, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)},
		{"ask for the sector size", bpftest.Query, func() error { return second(unix.IoctlGetInt(direct, unix.BLKSSZGET)) }},
		{"set read-write", bpftest.Write, func() error { return unix.IoctlSetPointerInt(direct, unix.BLKROSET, 0) }},
		{"clear reservations", bpftest.Own, func() error { return clearReservations(direct) }},
		{"discard through io_uring", bpftest.Write, func() error { return uringDiscard(direct) }},
	}
}

func mapping(fd, prot, flags int) func() error {
	return func() error {
		m, err := unix.Mmap(fd, 0, blockBytes, prot, flags)
		if err == nil {
			err = unix.Munmap(m)
		}
		return err
	}
}

func uringWrite(fd int, data []byte, at uint64) error {
	var entry [64]byte
	entry[0] = uringOpWrite
	binary.NativeEndian.PutUint32(entry[4:], uint32(fd))
	binary.NativeEndian.PutUint64(entry[8:], at)
	binary.NativeEndian.PutUint64(entry[16:], uint64(uintptr(unsafe.Pointer(&data[0]))))
	binary.NativeEndian.PutUint32(entry[24:], uint32(len(data)))
	return uringResult(entry)
}

func uringDiscard(fd int) error {
	var entry [64]byte
	entry[0] = 46 // IORING_OP_URING_CMD
	binary.NativeEndian.PutUint32(entry[4:], uint32(fd))
	binary.NativeEndian.PutUint32(entry[8:], 0x1200) // BLOCK_URING_CMD_DISCARD
	binary.NativeEndian.PutUint64(entry[16:], 7*blockBytes)
	binary.NativeEndian.PutUint64(entry[48:], blockBytes)
	return uringResult(entry)
}

func uringResult(entry [64]byte) error {
	res, err := bpf.UringSubmit(entry)
	if err == nil && res < 0 {
		err = unix.Errno(-res)
	}
	return err
}

// clearReservations gets EOPNOTSUPP or ENOTTY from a loop device that it reaches.
func clearReservations(fd int) error {
	var arg [16]byte
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), 1<<30|16<<16|'p'<<8|prClear, uintptr(unsafe.Pointer(&arg)))
	if errno != 0 {
		return errno
	}
	return nil
}

// sgIO sends a SCSI command block with a block of data and returns the errno.
func sgIO(fd int, cdb, data []byte, out bool) error {
	hdr := struct {
		interfaceID, direction int32
		cdbLen, senseLen       uint8
		iovecs                 uint16
		dataLen                uint32
		data, cdb, sense       unsafe.Pointer
		timeoutMS, flags       uint32
		packID                 int32
		user                   unsafe.Pointer
		rest                   [24]byte
	}{interfaceID: 'S', direction: -3, cdbLen: uint8(len(cdb)), cdb: unsafe.Pointer(&cdb[0]), timeoutMS: 5000}
	if out {
		hdr.direction = -2
	}
	if len(data) == 0 {
		hdr.direction = -1
	} else {
		hdr.data, hdr.dataLen = unsafe.Pointer(&data[0]), uint32(len(data))
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), 0x2285, uintptr(unsafe.Pointer(&hdr)))
	if errno != 0 {
		return errno
	}
	return nil
}

// Every way to get at a disk, in every state of the gate: as the decision says, and what is refused leaves no trace.
func TestEveryTouchInEveryState(t *testing.T) {
	g, d := loadGate(t), newDisk(t)
	ways := touches(t, d)
	do(t, g.Guard(d.Guarded))
	for _, c := range []struct {
		name string
		l    bpf.LeaseState
		runs time.Duration
		m    bpf.Mode
		self bool
	}{
		{"running, open", bpf.LeaseRunning, time.Hour, bpf.Open, false},
		{"running, readonly", bpf.LeaseRunning, time.Hour, bpf.ReadOnly, false},
		{"running, shut", bpf.LeaseRunning, time.Hour, bpf.Shut, false},
		{"joining, open", bpf.LeaseJoining, time.Hour, bpf.Open, false},
		{"lapsed, open", bpf.LeaseRunning, 0, bpf.Open, false},
		{"lapsed, open, by our daemon", bpf.LeaseRunning, 0, bpf.Open, true},
		{"none, open", bpf.LeaseNone, time.Hour, bpf.Open, false},
		{"fenced, open", bpf.LeaseFenced, time.Hour, bpf.Open, false},
		{"fenced, shut, by our daemon", bpf.LeaseFenced, time.Hour, bpf.Shut, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			pid := 0
			if c.self {
				pid = unix.Getpid()
			}
			do(t, g.SetSelf(bpf.SelfConfigd, pid), g.SetGroup(group, c.m))
			l := lease(t, g, c.l, c.runs)
			before, err := g.Counters()
			do(t, err)
			refused := 0
			for _, way := range ways {
				want := bpftest.Decide(bpftest.Ask{Now: bpf.Now(), Lease: l, Mode: c.m, Op: way.op, Self: c.self}) == bpftest.Pass
				wipe(t, d)
				err := way.do()
				if errors.Is(err, unix.EOPNOTSUPP) && way.op == bpftest.Write {
					continue // the kernel says so before it asks the gate
				}
				if got := !errors.Is(err, unix.EIO); got != want {
					t.Errorf("%s (%v): %v, want it to pass: %v", way.name, way.op, err, want)
				}
				if !want {
					refused++
					if way.op != bpftest.Read && traces(t, d) {
						t.Errorf("%s: refused, but something landed", way.name)
					}
				}
			}
			after, err := g.Counters()
			do(t, err)
			counted, skipped := uint64(0), uint64(0)
			for i := range after {
				counted += after[i].Refused + after[i].Lapsed - before[i].Refused - before[i].Lapsed
				skipped += after[i].Skipped
			}
			if int(counted) != refused || skipped > 0 {
				t.Errorf("counted %d refusals of %d, %d programs skipped", counted, refused, skipped)
			}
		})
	}
}

// wipe clears the memory behind the disk, past the gate.
func wipe(t *testing.T, d *disk) {
	t.Helper()
	_, err := unix.Pwrite(d.memory, nothing, sectorBytes)
	do(t, err)
}

// traces reports whether anything but the partition table is on the disk.
func traces(t *testing.T, d *disk) bool {
	t.Helper()
	all := make([]byte, len(nothing))
	_, err := unix.Pread(d.memory, all, sectorBytes)
	do(t, err)
	return !bytes.Equal(all, nothing)
}

// nothing is what is on a disk after its partition table.
var nothing = make([]byte, diskBytes-sectorBytes)
