//go:build guest

// SPDX-License-Identifier: Apache-2.0

package bpf_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/bpf"
)

const volumeName = "gate-test-delete-me"

// dmRequest is a device-mapper ioctl with room for one target.
type dmRequest struct {
	unix.DmIoctl
	target unix.DmTargetSpec
	params [64]byte
}

func dm(t *testing.T, control int, command uintptr, fill func(*dmRequest)) dmRequest {
	t.Helper()
	r := dmRequest{}
	r.Version = [3]uint32{4, 0, 0}
	r.Data_size, r.Data_start = uint32(unsafe.Sizeof(r)), uint32(unsafe.Offsetof(r.target))
	copy(r.Name[:], volumeName)
	if fill != nil {
		fill(&r)
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(control), command, uintptr(unsafe.Pointer(&r))); errno != 0 {
		t.Fatalf("device-mapper ioctl %#x: %v", command, errno)
	}
	return r
}

// newVolume makes a linear volume over the whole disk, guarded as a volume; returns the path of its node.
func newVolume(t *testing.T, d *disk) (string, bpf.Guarded, func(suspended bool)) {
	t.Helper()
	control := open(t, "/dev/mapper/control", unix.O_RDWR)
	made := dm(t, control, unix.DM_DEV_CREATE, nil)
	t.Cleanup(func() { dm(t, control, unix.DM_DEV_REMOVE, nil) })
	dm(t, control, unix.DM_TABLE_LOAD, func(r *dmRequest) {
		r.Target_count = 1
		r.target.Length = diskBytes / sectorBytes
		copy(r.target.Target_type[:], "linear")
		copy(r.params[:], fmt.Sprintf("%v 0", d.Dev))
	})
	suspend := func(on bool) {
		dm(t, control, unix.DM_DEV_SUSPEND, func(r *dmRequest) {
			if on {
				r.Flags = 1 << 1 // DM_SUSPEND_FLAG
			}
		})
	}
	suspend(false)
	v := bpf.Guarded{Dev: bpf.Dev{Major: unix.Major(made.Dev), Minor: unix.Minor(made.Dev)}, Group: group, Volume: true}
	var err error
	v.Diskseq, err = bpf.Diskseq(v.Dev)
	do(t, err)
	return fmt.Sprintf("/dev/dm-%d", v.Dev.Minor), v, suspend
}

func TestWriterOfAVolumeGetsItsErrorAfterTheLease(t *testing.T) {
	g, d := loadGate(t), newDisk(t)
	path, v, _ := newVolume(t, d)
	fd := open(t, path, unix.O_RDWR|unix.O_DIRECT)
	do(t, g.Guard(d.Guarded), g.Guard(v), g.SetGroup(group, bpf.Open))
	l := lease(t, g, bpf.LeaseRunning, 700*time.Millisecond)
	out, writes := block(t, landed), 0
	var err error
	for err == nil && bpf.Now() < l.Deadline+int64(time.Minute) {
		if _, err = unix.Pwrite(fd, out, 0); err == nil {
			writes++
		}
	}
	if now := bpf.Now(); !errors.Is(err, unix.EIO) || now < l.Deadline || writes == 0 {
		t.Errorf("after %d writes %v, %v before the deadline", writes, err, time.Duration(l.Deadline-now))
	}
	if n := lapsed(t, g); n == 0 {
		t.Error("the lapse was not counted")
	}
}

// A suspended volume holds what is written to it; its writer must see no error though the lease runs out meanwhile.
func TestWriterOfAHeldVolumeWaits(t *testing.T) {
	g, d := loadGate(t), newDisk(t)
	path, v, suspend := newVolume(t, d)
	volume, raw := open(t, path, unix.O_RDWR|unix.O_DIRECT), open(t, d.path, unix.O_RDWR|unix.O_DIRECT)
	do(t, g.Guard(d.Guarded), g.Guard(v), g.SetGroup(group, bpf.Open))
	out := block(t, landed)

	held := lease(t, g, bpf.LeaseRunning, 0)
	suspend(true)
	held.Hold = bpf.Now() + int64(time.Minute)
	do(t, g.SetLease(held))
	before := counter(t, g, bpf.HookPermission)
	ended := make(chan error, 1)
	go func() {
		_, err := unix.Pwrite(volume, out, 0)
		ended <- err
	}()
	for counter(t, g, bpf.HookPermission).Passed == before.Passed {
		unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
	}
	if n := lapsed(t, g); n != 0 {
		t.Errorf("%d lapses while held", n)
	}
	select {
	case err := <-ended:
		t.Fatalf("a write to a suspended volume ended: %v", err)
	default:
	}
	lease(t, g, bpf.LeaseRunning, time.Hour)
	suspend(false)
	do(t, <-ended)

	lease(t, g, bpf.LeaseRunning, 0)
	held.Deadline = bpf.Now()
	do(t, g.SetLease(held))
	if _, err := unix.Pwrite(raw, out, 0); !errors.Is(err, unix.EIO) {
		t.Errorf("a write to the disk below a held volume: %v, want EIO", err)
	}
	if n := lapsed(t, g); n != 1 {
		t.Errorf("%d lapses after it, want 1", n)
	}
}

func TestFilesOnAGuardedVolumeAreJudgedByIt(t *testing.T) {
	g, d := loadGate(t), newDisk(t)
	path, v, _ := newVolume(t, d)
	unpack(t, "testdata/ext2.img.gz", path)
	at := t.TempDir()
	if err := unix.Mount(path, at, "ext4", 0, ""); err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() { do(t, unix.Unmount(at, 0)) })
	do(t, os.WriteFile(at+"/file", []byte("before"), 0o600))
	f, err := os.OpenFile(at+"/file", os.O_RDWR, 0)
	do(t, err)
	t.Cleanup(func() { f.Close() })
	do(t, g.Guard(d.Guarded), g.Guard(v), g.SetGroup(group, bpf.Open))

	lease(t, g, bpf.LeaseRunning, time.Hour)
	_, err = f.WriteString("open")
	do(t, err)
	do(t, g.SetGroup(group, bpf.ReadOnly))
	_, err = os.ReadFile(at + "/file")
	do(t, err)
	if _, err := f.WriteString("readonly"); !errors.Is(err, unix.EIO) {
		t.Errorf("write with the group read-only: %v", err)
	}
	lease(t, g, bpf.LeaseFenced, 0)
	if _, err := os.ReadFile(at + "/file"); !errors.Is(err, unix.EIO) {
		t.Errorf("read after the fence: %v", err)
	}
	if _, err := f.WriteString("fenced"); !errors.Is(err, unix.EIO) {
		t.Errorf("write after the fence: %v", err)
	}
	// Neither may hang, whatever they answer.
	t.Logf("fsync after the fence: %v, close: %v", f.Sync(), f.Close())
	lease(t, g, bpf.LeaseRunning, time.Hour)
	if text, err := os.ReadFile(at + "/file"); err != nil || strings.TrimRight(string(text), "\x00") != "openre" {
		t.Errorf("the file has %q (%v), want what was written while open, and no more", text, err)
	}
}

func unpack(t *testing.T, from, to string) {
	t.Helper()
	packed, err := os.Open(from)
	do(t, err)
	defer packed.Close()
	text, err := gzip.NewReader(packed)
	do(t, err)
	out, err := os.OpenFile(to, os.O_WRONLY, 0)
	do(t, err)
	_, err = io.Copy(out, text)
	do(t, err, out.Sync(), out.Close())
}

// Commands inside SG_IO are told apart: a disk of the kernel's SCSI simulator.
func TestSCSICommandsAreToldApart(t *testing.T) {
	path := scsiDisk(t)
	g := loadGate(t)
	fd := open(t, path, unix.O_RDWR)
	seq, err := bpf.Diskseq(devOf(t, path))
	do(t, err, g.Guard(bpf.Guarded{Dev: devOf(t, path), Diskseq: seq, Group: group}), g.SetGroup(group, bpf.Open))
	data := block(t, landed)[:sectorBytes]
	write := func() error {
		return sgIO(fd, []byte{0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0}, data, true)
	}
	readBack := func() byte {
		in := make([]byte, sectorBytes)
		do(t, sgIO(fd, []byte{0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0}, in, false))
		return in[0]
	}
	for _, c := range []struct {
		name  string
		l     bpf.LeaseState
		self  bool
		check func(refused func(error) bool)
	}{
		{"fenced, stranger", bpf.LeaseFenced, false, func(refused func(error) bool) {
			if !refused(write()) || !refused(sgIO(fd, []byte{0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0}, make([]byte, sectorBytes), false)) {
				t.Error("a READ or WRITE passed a fenced node")
			}
			if refused(sgIO(fd, make([]byte, 6), nil, false)) || refused(sgIO(fd, []byte{0x12, 0, 0, 0, 36, 0}, make([]byte, 36), false)) {
				t.Error("TEST UNIT READY or INQUIRY was refused")
			}
			if !refused(sgIO(fd, []byte{0x5e, 0, 0, 0, 0, 0, 0, 0, 8, 0}, make([]byte, 8), false)) {
				t.Error("a stranger's reservation command passed")
			}
		}},
		{"fenced, our daemon", bpf.LeaseFenced, true, func(refused func(error) bool) {
			if !refused(write()) {
				t.Error("our own WRITE passed a fenced node")
			}
			if refused(sgIO(fd, []byte{0x5e, 0, 0, 0, 0, 0, 0, 0, 8, 0}, make([]byte, 8), false)) {
				t.Error("our reservation command was refused")
			}
		}},
		{"running", bpf.LeaseRunning, false, func(func(error) bool) {
			if readBack() == landed {
				t.Error("a refused WRITE landed")
			}
			do(t, write())
			if readBack() != landed {
				t.Error("a WRITE through the open gate did not land")
			}
		}},
		{"joining", bpf.LeaseJoining, false, func(refused func(error) bool) {
			if readBack(); !refused(write()) {
				t.Error("a joining node wrote")
			}
		}},
	} {
		pid := 0
		if c.self {
			pid = unix.Getpid()
		}
		do(t, g.SetSelf(bpf.SelfClusterd, pid))
		lease(t, g, c.l, time.Hour)
		c.check(func(err error) bool { return errors.Is(err, unix.EIO) })
	}
}
