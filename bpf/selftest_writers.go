// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	writers       = 8    // all on one CPU, so that they preempt each other if the kernel does that
	attemptsEach  = 4000 // writes of each at the shut gate
	attemptsShare = 64   // writes between two looks at the clock
)

// tryPermission has many writers at a shut gate at once: a kernel that preempts a program skips the next run of it.
func (g *Pinned) tryPermission(ctx context.Context, disk *loop) (string, error) {
	seen, err := g.tryOnce(func() error { return writeBlock(disk) })
	if err != nil {
		return "", err
	}
	before, err := g.Counters()
	if err != nil {
		return "", err
	}
	var passed, refused atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		group.Go(func() { errs[i] = storm(ctx, disk, &passed, &refused) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	after, err := g.Counters()
	if err != nil {
		return "", err
	}
	skipped := after[HookPermission].Skipped - before[HookPermission].Skipped
	if passed.Load() > 0 || skipped > 0 {
		return "", fmt.Errorf("%d of %d writes of %d writers on one CPU, with %d runs skipped: %w",
			passed.Load(), passed.Load()+refused.Load(), writers, skipped, errPassed)
	}
	return fmt.Sprintf("%s, all %d writes of %d writers on one CPU", seen, refused.Load(), writers), nil
}

func writeBlock(disk *loop) error {
	_, err := unix.Pwrite(disk.fd, disk.block, 0)
	return err
}

// storm writes from one thread bound to the first CPU that this process may use.
func storm(ctx context.Context, disk *loop, passed, refused *atomic.Int64) error {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its binding with it
	if err := bindToOneCPU(); err != nil {
		return err
	}
	for i := range attemptsEach {
		switch err := writeBlock(disk); {
		case err == nil:
			passed.Add(1)
		case errors.Is(err, unix.EIO):
			refused.Add(1)
		default:
			return fmt.Errorf("write to throw-away device: %w", err)
		}
		if i%attemptsShare == 0 && ctx.Err() != nil {
			return fmt.Errorf("write to throw-away device: %w", ctx.Err())
		}
	}
	return nil
}

func bindToOneCPU() error {
	var may, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		return fmt.Errorf("read CPU affinity: %w", err)
	}
	for cpu := range len(may) * 64 {
		if may.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("bind writer to a CPU: %w", err)
	}
	return nil
}
