// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	loopBytes      = 1 << 20
	loopBlockBytes = 4096
	loopTriesMax   = 16 // others may take the free device that we were told of
)

// A loop is a throw-away disk in memory, open for writing past the page cache. It goes with its descriptor, also when
// the process is killed.
type loop struct {
	path    string
	dev     Dev
	diskseq uint64
	fd      int
	block   []byte // one aligned block
}

func newLoop() (*loop, error) {
	memory, err := unix.MemfdCreate("plexus-selftest-delete-me", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make throw-away device: %w", err)
	}
	defer unix.Close(memory)
	if err := unix.Ftruncate(memory, loopBytes); err != nil {
		return nil, fmt.Errorf("make throw-away device: %w", err)
	}
	control, err := unix.Open("/dev/loop-control", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make throw-away device: open /dev/loop-control: %w: modprobe loop", err)
	}
	defer unix.Close(control)
	for range loopTriesMax {
		d, err := takeLoop(control, memory)
		if err == nil || !errors.Is(err, unix.EBUSY) {
			return d, err
		}
	}
	return nil, errors.New("make throw-away device: every free loop device was taken by somebody else")
}

func takeLoop(control, memory int) (*loop, error) {
	n, err := unix.IoctlRetInt(control, unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, fmt.Errorf("find free loop device: %w", err)
	}
	d := &loop{path: fmt.Sprintf("/dev/loop%d", n)}
	if d.fd, err = unix.Open(d.path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_DIRECT, 0); err != nil {
		return nil, fmt.Errorf("open %s: %w", d.path, err)
	}
	config := unix.LoopConfig{Fd: uint32(memory), Size: loopBlockBytes}
	config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
	if err := unix.IoctlLoopConfigure(d.fd, &config); err != nil {
		unix.Close(d.fd)
		return nil, fmt.Errorf("set up %s: %w", d.path, err)
	}
	if err := d.identify(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// identify reads the number and diskseq, and makes the block.
func (d *loop) identify() error {
	var s unix.Stat_t
	if err := unix.Fstat(d.fd, &s); err != nil {
		return fmt.Errorf("look at %s: %w", d.path, err)
	}
	d.dev = Dev{unix.Major(s.Rdev), unix.Minor(s.Rdev)}
	var err error
	if d.diskseq, err = Diskseq(d.dev); err != nil {
		return err
	}
	d.block, err = unix.Mmap(-1, 0, loopBlockBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("allocate a block: %w", err)
	}
	return nil
}

// Close lets the device go.
func (d *loop) Close() {
	unix.Close(d.fd)
	if d.block != nil {
		unix.Munmap(d.block)
	}
}

// Diskseq returns the kernel's running number of the disk that is there now; it comes from sysfs, and the disk is not
// opened. Kernels before 5.15 have none: the answer is then zero, which stands for any.
func Diskseq(d Dev) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%v/diskseq", d))
	if errors.Is(err, os.ErrNotExist) {
		if _, gone := os.Stat(fmt.Sprintf("/sys/dev/block/%v", d)); gone == nil {
			return 0, nil
		}
	}
	if err != nil {
		return 0, fmt.Errorf("read diskseq of %v: %w", d, err)
	}
	seq, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read diskseq of %v: %w", d, err)
	}
	return seq, nil
}
