// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/dm"
)

func follower(t *testing.T, running bool) *Follower {
	return &Follower{running: func() bool { return running }, nodes: nodes{dir: t.TempDir()}, limit: 300 * time.Millisecond}
}

// announce skips where System V semaphores are not to be had.
func announce(t *testing.T, f *Follower) uint32 {
	t.Helper()
	event := f.Announce()
	if event == 0 {
		t.Skipf("no semaphores here: %v", f.Settle(t.Context()))
	}
	return event
}

// complete is what `dmsetup udevcomplete` does for a rule: it finds the semaphore by the cookie in the event.
func complete(event uint32) error {
	id, _, errno := unix.Syscall(unix.SYS_SEMGET, uintptr(cookieMagic|event&0xffff), 1, 0)
	if errno != 0 {
		return errno
	}
	return semaphore(id).add(-1)
}

func TestSettleWaitsForEveryRule(t *testing.T) {
	f := follower(t, true)
	f.limit = time.Minute
	first := announce(t, f)
	second, none := f.Announce(), f.Announce()
	if first != second || first&flagPrimarySource == 0 || first&0xffff == 0 {
		t.Errorf("events %#x, %#x", first, second)
	}
	if n, err := f.sem.value(); err != nil || n != 4 {
		t.Errorf("value %d with three changes, %v", n, err)
	}
	f.Done(first, true)
	f.Done(second, true)
	f.Done(none, false) // the kernel sent nothing for it
	settled := make(chan error, 1)
	go func() { settled <- f.Settle(t.Context()) }()
	if err := complete(first); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-settled:
		t.Fatalf("settled with a rule still to run: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := complete(second); err != nil {
		t.Fatal(err)
	}
	if err := <-settled; err != nil {
		t.Error(err)
	}
	if err := complete(first); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the semaphore is still there: %v", err)
	}
}

func TestSettleGivesUpAndSaysWhatToDo(t *testing.T) {
	f := follower(t, true)
	event := announce(t, f)
	err := f.Settle(t.Context())
	if !errors.Is(err, dm.ErrNotSettled) || !strings.Contains(err.Error(), "rules for 1 changes") {
		t.Errorf("settle: %v", err)
	}
	if err := complete(event); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the semaphore is still there: %v", err)
	}
	if err := f.Settle(t.Context()); err != nil {
		t.Errorf("nothing to wait for: %v", err)
	}
}

func TestWithoutUdevdNothingIsAnnounced(t *testing.T) {
	f := follower(t, false)
	if event := f.Announce(); event != 0 {
		t.Errorf("event %#x", event)
	}
	if err := f.Settle(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWithoutUdevdNodesAreMadeAndRemoved(t *testing.T) {
	f := follower(t, false)
	path := filepath.Join(f.nodes.dir, "g-v")
	f.Node("g-v", dm.DevNum{Major: 254, Minor: 3})
	if err := f.Settle(t.Context()); errors.Is(err, unix.EPERM) {
		t.Skipf("this user cannot make device nodes: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	if n, err := nodeAt(path); err != nil || n != unix.Mkdev(254, 3) {
		t.Errorf("node %#x, %v", n, err)
	}
	f.Node("g-v", dm.DevNum{Major: 254, Minor: 300}) // another device under the name
	if n, err := nodeAt(path); err != nil || n != unix.Mkdev(254, 300) {
		t.Errorf("node %#x, %v", n, err)
	}
	f.NoNode("g-v")
	f.NoNode("g-v")
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
	if err := f.Settle(t.Context()); err != nil {
		t.Error(err)
	}
}

// Somebody wrote to the path while there was no device: his file must not vanish unseen.
func TestAFileInThePlaceOfANodeStays(t *testing.T) {
	f := follower(t, false)
	path := filepath.Join(f.nodes.dir, "g-v")
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.Node("g-v", dm.DevNum{Major: 254})
	if err := f.Settle(t.Context()); err == nil || !strings.Contains(err.Error(), "neither a block device nor a link") {
		t.Errorf("settle: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
