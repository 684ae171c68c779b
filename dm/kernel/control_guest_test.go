// SPDX-License-Identifier: Apache-2.0

//go:build guest

package kernel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/dmtest/laws"
	"github.com/plexus-cvm/plexus/dm/kernel"
)

func TestKernelPrintsTheTableThatWasLoaded(t *testing.T) {
	k := newBed(t).Kernel
	text := "0 64 linear 1:0 8\n64 128 striped 2 8 1:1 0 1:2 16\n192 8 error \n"
	name := device(t, k, dm.Device{Name: "text", UUID: "PLEXUSTEST-text", Table: table(t, text)})
	got, err := k.Table(name, dm.SlotLive)
	if err != nil || got.String() != text {
		t.Fatalf("got %q, %v", got, err)
	}
	status, err := k.Status(name)
	if err != nil || len(status) != 3 || status[1].String() != "64 128 striped 2 1:1 1:2 1 AA" {
		t.Errorf("status %v, %v", status, err)
	}
	deps, err := k.Deps(name)
	slices.SortFunc(deps, func(a, b dm.DevNum) int { return int(a.Minor) - int(b.Minor) })
	if err != nil || fmt.Sprint(deps) != "[1:0 1:1 1:2]" {
		t.Errorf("deps %v, %v", deps, err)
	}
}

func TestDmsetupPrintsTheSameTable(t *testing.T) {
	k := newBed(t).Kernel
	text := "0 64 linear 1:0 8\n64 128 striped 2 8 1:1 0 1:2 16\n192 8 error \n"
	name := device(t, k, dm.Device{Name: "judged", Table: table(t, text)})
	if got := dmsetup(t, "table", name); got != text {
		t.Errorf("dmsetup prints %q, we print %q", got, text)
	}
}

func TestEveryStateIsSeen(t *testing.T) {
	k := newBed(t).Kernel
	name := laws.Prefix + "states"
	dev, err := k.Create(name, "PLEXUSTEST-states")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Remove(name) })
	see := func(live, inactive, suspended, readOnly bool) {
		t.Helper()
		i, err := k.Info(name)
		if err != nil {
			t.Fatal(err)
		}
		if i.HasLive != live || i.HasInactive != inactive || i.Suspended != suspended || i.ReadOnly != readOnly ||
			i.UUID != "PLEXUSTEST-states" || i.Dev != dev || i.Name != name {
			t.Errorf("live %t, inactive %t, suspended %t, read-only %t wanted; got %+v", live, inactive, suspended, readOnly, i)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	see(false, false, false, false)
	do(k.Load(name, table(t, "0 64 linear 1:0 0\n"), false))
	see(false, true, false, false)
	do(k.Resume(name))
	see(true, false, false, false)
	do(k.Suspend(t.Context(), name, true))
	see(true, false, true, false)
	do(k.Load(name, table(t, "0 64 linear 1:0 64\n"), true))
	see(true, true, true, false)
	do(k.Clear(name))
	see(true, false, true, false)
	do(k.Load(name, table(t, "0 64 linear 1:0 64\n"), true))
	do(k.Resume(name))
	see(true, false, false, true)
	do(k.Rename(name, name+"2"))
	name += "2"
	see(true, false, false, true)
	entries, err := k.List()
	if err != nil || !slices.Contains(entries, dm.Entry{Name: name, Dev: dev}) {
		t.Errorf("list %v, %v", entries, err)
	}
	do(k.Remove(name))
	if _, err := k.Info(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after remove: %v", err)
	}
}

func TestRefusalsSayWhatAndWhy(t *testing.T) {
	k := newBed(t).Kernel
	name := device(t, k, dm.Device{Name: "busy", UUID: "PLEXUSTEST-busy", Table: table(t, "0 64 linear 1:0 0\n")})
	fd := open(t, name, unix.O_RDONLY)
	defer unix.Close(fd)
	_, exists := k.Create(name, "")
	_, uuid := k.Create(name+"x", "PLEXUSTEST-busy")
	for what, c := range map[string]struct{ err, want error }{
		"remove of an open device":  {k.Remove(name), unix.EBUSY},
		"name taken":                {exists, unix.EBUSY},
		"uuid taken":                {uuid, unix.EBUSY},
		"load on no device":         {k.Load(laws.Prefix+"none", table(t, "0 64 linear 1:0 0\n"), false), fs.ErrNotExist},
		"load of an unknown target": {k.Load(name, table(t, "0 64 nosuchtarget 1:0 0\n"), false), unix.EINVAL},
		"slash in a name":           {k.Remove("a/b"), unix.EINVAL},
	} {
		var typed *kernel.Error
		if !errors.Is(c.err, c.want) || !errors.As(c.err, &typed) {
			t.Errorf("%s: %v, want %v", what, c.err, c.want)
		}
	}
}

func TestTableLargerThanTheFirstBuffer(t *testing.T) {
	k := newBed(t).Kernel
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "%d 8 linear 1:%d %d\n", 8*i, i%2, 8*((i*7)%1000))
	}
	name := device(t, k, dm.Device{Name: "large", Table: table(t, b.String())})
	if got, err := k.Table(name, dm.SlotLive); err != nil || got.String() != b.String() {
		t.Errorf("%d bytes back of %d, %v", len(got.String()), b.Len(), err)
	}
}

// Clear, rename, load, remove in this order corrupt the memory of kernels up to at least 6.12, unless Rename guards against it. The
// harness finds what the kernel says of it in the log.
func TestRenameAfterClearIsSafe(t *testing.T) {
	k := newBed(t).Kernel
	for i := range 50 {
		name := device(t, k, dm.Device{Name: fmt.Sprint("cleared-", i), Table: table(t, "0 64 linear 1:0 0\n")})
		for _, err := range []error{
			k.Load(name, table(t, "0 64 linear 1:0 64\n"), false), k.Clear(name),
			k.Rename(name, name+"x"), k.Load(name+"x", table(t, "0 64 linear 1:0 64\n"), false), k.Clear(name + "x"),
			k.Rename(name+"x", name), k.Remove(name),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestNodesFollowTheDevices(t *testing.T) {
	if _, err := os.Stat("/run/udev/control"); err == nil {
		t.Skip("udevd runs here and makes the nodes")
	}
	k := newBed(t).Kernel
	name := device(t, k, dm.Device{Name: "node", Table: table(t, "0 64 linear 1:0 0\n")})
	info, err := k.Info(name)
	if err != nil {
		t.Fatal(err)
	}
	is := func(name string, want bool) {
		t.Helper()
		var st unix.Stat_t
		err := unix.Stat("/dev/mapper/"+name, &st)
		if !want && errors.Is(err, fs.ErrNotExist) {
			return
		}
		if !want || err != nil || uint64(st.Rdev) != unix.Mkdev(info.Dev.Major, info.Dev.Minor) {
			t.Errorf("%s: there: wanted %t, %v", name, want, err)
		}
	}
	is(name, true)
	if err := k.Rename(name, name+"2"); err != nil {
		t.Fatal(err)
	}
	is(name, false)
	is(name+"2", true)
	if err := k.Remove(name + "2"); err != nil {
		t.Fatal(err)
	}
	is(name+"2", false)
	if err := k.Settle(t.Context()); err != nil {
		t.Error(err)
	}
}

const rescueAfter = 20 * time.Second

// A write to a suspended device waits; a flush suspend of a device above it, which waits for that write in turn, ends with its
// context and leaves its device running.
func TestSuspendHoldsAndGivesUp(t *testing.T) {
	k := newBed(t).Kernel
	low := device(t, k, dm.Device{Name: "low", Table: table(t, "0 1024 linear 1:0 0\n")})
	high := device(t, k, dm.Device{Name: "high", Table: dm.Table{{Length: 1024, Target: dm.Linear{Dev: dm.Ref{Num: devOf(t, k, low)}}}}})
	if err := k.Suspend(t.Context(), low, true); err != nil {
		t.Fatal(err)
	}
	// A write that nobody lets go would outlive the test program: it cannot be killed.
	rescue := time.AfterFunc(rescueAfter, func() { k.Resume(low) })
	defer rescue.Stop()
	fd := open(t, high, unix.O_RDWR)
	written := make(chan error, 1)
	page := aligned(t, 'x')
	go func() {
		_, err := unix.Pwrite(fd, page, 0)
		written <- err
	}()
	awaitInflight(t, devOf(t, k, high))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := k.Suspend(ctx, high, true)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, unix.EINTR) {
		t.Errorf("suspend above a held write: %v", err)
	}
	if i, err := k.Info(high); err != nil || i.Suspended {
		t.Errorf("after the suspend gave up: %+v, %v", i, err)
	}
	select {
	case err := <-written:
		t.Fatalf("the write did not wait: %v", err)
	default:
	}
	if err := k.Resume(low); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Errorf("the write after the resume: %v", err)
	}
	got := aligned(t, 0)
	if _, err := unix.Pread(fd, got, 0); err != nil || !bytes.Equal(got, page) {
		t.Errorf("read back: %v", err)
	}
	unix.Close(fd)
	if err := k.Remove(high); err != nil { // before the device that it stands on
		t.Error(err)
	}
}

func devOf(t *testing.T, k dm.Kernel, name string) dm.DevNum {
	t.Helper()
	i, err := k.Info(name)
	if err != nil {
		t.Fatal(err)
	}
	return i.Dev
}

// aligned is a page of memory, as O_DIRECT wants it.
func aligned(t *testing.T, fill byte) []byte {
	t.Helper()
	b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(b) })
	for i := range b {
		b[i] = fill
	}
	return b
}

// awaitInflight waits until the block layer has counted I/O in the device.
func awaitInflight(t *testing.T, dev dm.DevNum) {
	t.Helper()
	path := "/sys/dev/block/" + dev.String() + "/inflight"
	deadline := time.Now().Add(rescueAfter / 2)
	for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if w := strings.Fields(string(text)); len(w) == 2 && w[1] != "0" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no write seen in flight: %s", text)
		}
	}
}
