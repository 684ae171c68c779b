// SPDX-License-Identifier: Apache-2.0

//go:build guest

package kernel_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/dmtest/laws"
	"github.com/plexus-cvm/plexus/dm/kernel"
	"github.com/plexus-cvm/plexus/dm/udev"
)

const (
	diskCount   = 4
	diskSectors = 8192
)

// disks are RAM disks of 4 MiB, made once for all tests of the guest.
var disks = sync.OnceValues(func() ([]dm.DevNum, error) {
	if os.Getenv("PLEXUS_GUEST") == "" {
		return nil, errors.New("these tests load modules and make devices: only in a guest (PLEXUS_GUEST)")
	}
	for _, module := range [][]string{{"dm_mod"}, {"loop"}, {"brd", "rd_nr=4", "rd_size=4096"}} {
		if out, err := exec.Command("modprobe", module...).CombinedOutput(); err != nil {
			return nil, errors.New("modprobe " + module[0] + ": " + string(out))
		}
	}
	var out []dm.DevNum
	for i := range diskCount {
		out = append(out, dm.DevNum{Major: 1, Minor: uint32(i)})
	}
	return out, nil
})

func newBed(t *testing.T) laws.Bed {
	t.Helper()
	d, err := disks()
	if err != nil {
		t.Fatal(err)
	}
	c, err := kernel.Open(udev.New())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return laws.Bed{Kernel: c, Disks: d, Size: diskSectors}
}

// device makes a device that goes away with the test.
func device(t *testing.T, k dm.Kernel, d dm.Device) string {
	t.Helper()
	d.Name = laws.Prefix + d.Name
	p, err := dm.Diff(nil, []dm.Device{d})
	if err != nil {
		t.Fatal(err)
	}
	if err := dm.Run(t.Context(), k, p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		k.Clear(d.Name)
		k.Resume(d.Name)
		if err := k.Remove(d.Name); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("clean up: %v", err)
		}
	})
	return d.Name
}

func table(t *testing.T, text string) dm.Table {
	t.Helper()
	out, err := dm.ParseTable(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// dmsetup runs the real tool, the judge.
func dmsetup(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("dmsetup")
	if err != nil {
		t.Skip("no dmsetup in this guest to compare with")
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("dmsetup %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// open opens a device's node; O_DIRECT, so that nothing answers but the device.
func open(t *testing.T, name string, mode int) int {
	t.Helper()
	fd, err := unix.Open("/dev/mapper/"+name, mode|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open %s: %v", name, err)
	}
	return fd
}
