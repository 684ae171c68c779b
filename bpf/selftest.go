// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// selfTestMax bounds a self-test as a whole.
const selfTestMax = 20 * time.Second

// SelfTest shows for each hook whether the gate in force refuses I/O: on a throw-away loop device, and on a throw-away
// connection within this host. Each is first seen to let through, then to refuse, then to let through again. The answer
// is No where something got past, Unknown where it could not be tried; the detail says what was seen.
//
// The test has a group of its own, GroupSelfTest, which is open or shut without a lease having a say in it: while the
// lease does not run, a hook can still be seen to refuse, but not to let through, and the answer says so.
//
// One self-test at a time in a host, because they share the group; a second one answers Unknown.
func (g *Pinned) SelfTest(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, selfTestMax)
	defer cancel()
	disk, done, err := g.prepare()
	defer done()
	tries := map[Hook]func(context.Context, *loop) (string, error){
		HookOpen: g.tryOpen, HookPermission: g.tryPermission, HookIoctl: g.tryIoctl, HookMmap: g.tryMmap, HookUringCmd: g.tryUringCmd,
	}
	found := make([]Finding, 0, hooksMax)
	for _, h := range Hooks() {
		seen, why := "", g.missing[h]
		switch {
		case why != nil:
		case h == HookEgress && !errors.Is(err, errBusy):
			seen, why = g.tryEgress(ctx)
		case err != nil:
			why = err
		default:
			seen, why = tries[h](ctx, disk)
		}
		found = append(found, finding(h.String(), why, seen))
	}
	return found
}

// busyName is held, as an abstract socket, by the self-test that runs: it is let go however the process ends.
const busyName = "@plexus-selftest"

var errBusy = errors.New("another self-test is running on this host: wait for it")

// prepare takes the group and guards a throw-away device. Done gives both back, also after an error.
func (g *Pinned) prepare() (disk *loop, done func(), err error) {
	done = func() {}
	busy, err := net.Listen("unix", busyName)
	if err != nil {
		return nil, done, fmt.Errorf("%w: %w", errBusy, err)
	}
	done = func() {
		g.SetGroup(GroupSelfTest, Shut)
		busy.Close()
	}
	if err := g.sweep(); err != nil {
		return nil, done, err
	}
	if disk, err = newLoop(); err != nil {
		return nil, done, err
	}
	free := done
	done = func() {
		g.Unguard(disk.dev)
		disk.Close()
		free()
	}
	return disk, done, g.Guard(Guarded{Dev: disk.dev, Diskseq: disk.diskseq, Group: GroupSelfTest})
}

// sweep removes what a self-test that was killed has left guarded.
func (g *Pinned) sweep() error {
	var dev, group uint32
	var guarded guardValue
	var to portalKey
	disks := g.maps[gateMapGuard].Iterate()
	for disks.Next(&dev, &guarded) {
		if guarded.Group == GroupSelfTest {
			if err := g.Unguard(devOf(dev)); err != nil {
				return err
			}
		}
	}
	portals := g.maps[gateMapPortals].Iterate()
	for portals.Next(&to, &group) {
		if group == GroupSelfTest {
			if err := g.RemovePortal(to.addr()); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(disks.Err(), portals.Err()); err != nil {
		return fmt.Errorf("sweep after an earlier self-test: %w", err)
	}
	return nil
}

// errPassed says that something got past a shut gate; for doctor this is "no".
var errPassed = fmt.Errorf("got past the shut gate: %w", ErrNotSupported)

// open says whether the lease lets the self-test see anything pass.
func (g *Pinned) open() bool {
	l, err := g.Lease()
	return err == nil && l.State == LeaseRunning && Now() < l.Deadline
}

// tryOnce does something with the group open, if the lease allows, and with the group shut: then it must get EIO.
func (g *Pinned) tryOnce(do func() error) (string, error) {
	seen := "refused"
	if g.open() {
		if err := g.SetGroup(GroupSelfTest, Open); err != nil {
			return "", err
		}
		if err := do(); err != nil {
			return "", fmt.Errorf("try with the gate open: %w", err)
		}
		seen = "passed open, refused shut"
	}
	if err := g.SetGroup(GroupSelfTest, Shut); err != nil {
		return "", err
	}
	switch err := do(); {
	case err == nil:
		return "", errPassed
	case !errors.Is(err, unix.EIO):
		return "", fmt.Errorf("try with the gate shut: %w", err)
	}
	return seen, nil
}

func (g *Pinned) tryOpen(_ context.Context, disk *loop) (string, error) {
	return g.tryOnce(func() error {
		fd, err := unix.Open(disk.path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return unix.Close(fd)
	})
}

func (g *Pinned) tryIoctl(_ context.Context, disk *loop) (string, error) {
	return g.tryOnce(func() error { return unix.IoctlSetPointerInt(disk.fd, unix.BLKROSET, 0) })
}

func (g *Pinned) tryMmap(_ context.Context, disk *loop) (string, error) {
	return g.tryOnce(func() error {
		m, err := unix.Mmap(disk.fd, 0, loopBlockBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return err
		}
		return unix.Munmap(m)
	})
}

func (g *Pinned) tryUringCmd(_ context.Context, disk *loop) (string, error) {
	return g.tryOnce(func() error { return uringDiscard(disk.fd, loopBlockBytes) })
}
