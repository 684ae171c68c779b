//go:build guest

// SPDX-License-Identifier: Apache-2.0

package bpf_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/bpf"
)

const (
	diskBytes      = 2 << 20
	blockBytes     = 4096
	sectorBytes    = 512
	partitionStart = 1 << 20 // of the only partition, in bytes
	group          = 7       // of all that is guarded here
)

// A disk is a loop device over memory, with one partition. What lands on it can be seen in the memory behind.
type disk struct {
	t      *testing.T
	memory int
	path   string
	bpf.Guarded
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	memory, err := unix.MemfdCreate("disk", unix.MFD_CLOEXEC)
	do(t, err, unix.Ftruncate(memory, diskBytes))
	d := &disk{t: t, memory: memory}
	_, err = unix.Pwrite(memory, partitionTable(), 0)
	do(t, err)
	control, err := unix.Open("/dev/loop-control", unix.O_RDWR|unix.O_CLOEXEC, 0)
	do(t, err)
	defer unix.Close(control)
	n, err := unix.IoctlRetInt(control, unix.LOOP_CTL_GET_FREE)
	do(t, err)
	d.path = fmt.Sprintf("/dev/loop%d", n)
	fd, err := unix.Open(d.path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	do(t, err)
	config := unix.LoopConfig{Fd: uint32(memory), Size: sectorBytes}
	config.Info.Flags = unix.LO_FLAGS_PARTSCAN
	do(t, unix.IoctlLoopConfigure(fd, &config), unix.Close(fd))
	d.Guarded = bpf.Guarded{Dev: devOf(t, d.path), Group: group}
	d.Diskseq, err = bpf.Diskseq(d.Dev)
	do(t, err)
	if d.Diskseq == 0 {
		t.Fatal("the loop device has no diskseq")
	}
	t.Cleanup(d.detach)
	return d
}

// detach ends the loop device, which a shut gate must not hinder.
func (d *disk) detach() {
	fd, err := unix.Open(d.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	do(d.t, err)
	if err := unix.IoctlSetInt(fd, unix.LOOP_CLR_FD, 0); err != nil && !errors.Is(err, unix.ENXIO) {
		d.t.Errorf("detach %s: %v", d.path, err)
	}
	do(d.t, unix.Close(fd))
	unix.Close(d.memory)
}

// partitionTable is an MBR with one Linux partition from partitionStart to the end.
func partitionTable() []byte {
	mbr := make([]byte, sectorBytes)
	entry := mbr[446:]
	entry[4] = 0x83
	entry[9] = partitionStart / sectorBytes >> 8 // first sector, little-endian at 8
	entry[13] = (diskBytes - partitionStart) / sectorBytes >> 8
	mbr[510], mbr[511] = 0x55, 0xaa
	return mbr
}

func devOf(t *testing.T, path string) bpf.Dev {
	t.Helper()
	var s unix.Stat_t
	do(t, unix.Stat(path, &s))
	return bpf.Dev{Major: unix.Major(s.Rdev), Minor: unix.Minor(s.Rdev)}
}

func open(t *testing.T, path string, flags int) int {
	t.Helper()
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// block is one aligned block full of b.
func block(t *testing.T, b byte) []byte {
	t.Helper()
	m, err := unix.Mmap(-1, 0, blockBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	do(t, err)
	t.Cleanup(func() { unix.Munmap(m) })
	for i := range m {
		m[i] = b
	}
	return m
}

// loadGate loads the pinned gate, and takes it out with all that is guarded when the test ends.
func loadGate(t *testing.T) *bpf.Pinned {
	t.Helper()
	g, err := bpf.Load(bpf.PinDir)
	do(t, err)
	t.Cleanup(func() { g.Close(); takeOut(t) })
	for _, h := range bpf.Hooks() {
		do(t, g.Missing(h))
	}
	return g
}

// takeOut ends the pinned gate, whatever it guards.
func takeOut(t *testing.T) {
	t.Helper()
	g, err := bpf.Adopt(bpf.PinDir)
	do(t, err)
	guards, err := g.Guards()
	do(t, err)
	for _, d := range guards {
		do(t, g.Unguard(d.Dev))
	}
	do(t, g.Remove())
	if left, _ := filepath.Glob(bpf.PinDir + "*"); len(left) > 0 {
		t.Errorf("after Remove there is still %v", left)
	}
}

// lease sets one of that state that runs out after so long.
func lease(t *testing.T, g bpf.Gate, s bpf.LeaseState, runs time.Duration) bpf.Lease {
	t.Helper()
	if prev, err := g.Lease(); err == nil && prev.State == bpf.LeaseFenced {
		do(t, g.SetLease(bpf.Lease{}))
	}
	l := bpf.Lease{State: s, Deadline: bpf.Now() + int64(runs)}
	do(t, g.SetLease(l))
	return l
}

func counter(t *testing.T, g bpf.Gate, h bpf.Hook) bpf.Counter {
	t.Helper()
	all, err := g.Counters()
	do(t, err)
	return all[h]
}

func bootOption(t *testing.T, word string) bool {
	t.Helper()
	line, err := os.ReadFile("/proc/cmdline")
	do(t, err)
	for _, w := range strings.Fields(string(line)) {
		if w == word {
			return true
		}
	}
	return false
}
