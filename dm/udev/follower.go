// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/kernel"
)

const (
	cookieMagic = 0x0D4D << 16 // the upper half of the semaphore's key
	// flagPrimarySource says that somebody asked for the change, so that the rules act on it. It stands in the upper
	// half of the event number.
	flagPrimarySource = 0x0040 << 16

	cookieTries = 32
	settleLimit = 30 * time.Second
	waitSlice   = 100 * time.Millisecond // how soon the wait sees that its context has ended
)

// Follower follows the changes of one process.
type Follower struct {
	running func() bool // is there a udevd
	nodes   nodes
	limit   time.Duration

	mu     sync.Mutex
	open   bool // sem and cookie are in use
	sem    semaphore
	cookie uint32
	errs   []error
}

var _ kernel.Follower = (*Follower)(nil)

// New is the follower for this machine.
func New() *Follower {
	return &Follower{running: udevdRuns, nodes: nodes{dir: "/dev/mapper"}, limit: settleLimit}
}

// udevdRuns looks for the socket that udevd listens on.
func udevdRuns() bool {
	_, err := os.Stat("/run/udev/control")
	return err == nil
}

// Announce counts one more change to wait for.
func (f *Follower) Announce() uint32 {
	if !f.running() {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open {
		if err := f.begin(); err != nil {
			f.errs = append(f.errs, err)
			return 0
		}
	}
	if err := f.sem.add(1); err != nil {
		f.errs = append(f.errs, fmt.Errorf("count a change for udev: %w", err))
		return 0
	}
	return f.cookie | flagPrimarySource
}

// begin makes the semaphore for the changes up to the next Settle.
func (f *Follower) begin() error {
	var err error
	for range cookieTries {
		cookie := uint32(rand.Uint32N(1<<16-1)) + 1 // zero is no cookie
		var sem semaphore
		if sem, err = newSemaphore(cookieMagic | cookie); err == nil {
			f.open, f.sem, f.cookie = true, sem, cookie
			return nil
		}
		if !errors.Is(err, unix.EEXIST) {
			break
		}
	}
	return fmt.Errorf("make a semaphore to wait for udev (`ipcs -s` lists them): %w", err)
}

// Done takes a change back that udev will not hear of.
func (f *Follower) Done(event uint32, sent bool) {
	if event == 0 || sent {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open && event == f.cookie|flagPrimarySource {
		if err := f.sem.add(-1); err != nil {
			f.errs = append(f.errs, fmt.Errorf("take a change for udev back: %w", err))
		}
	}
}

// Node makes the device's node, unless udevd does.
func (f *Follower) Node(name string, dev dm.DevNum) {
	if f.running() {
		return
	}
	f.keep(f.nodes.make(name, dev))
}

// NoNode removes the device's node, unless udevd does.
func (f *Follower) NoNode(name string) {
	if f.running() {
		return
	}
	f.keep(f.nodes.remove(name))
}

func (f *Follower) keep(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = append(f.errs, err)
}

// Settle waits for all changes since the last one, at most half a minute or until ctx ends, and returns what went wrong with
// them. If the rules have not run by then the error matches [dm.ErrNotSettled].
func (f *Follower) Settle(ctx context.Context) error {
	f.mu.Lock()
	open, sem, errs := f.open, f.sem, f.errs
	f.open, f.errs = false, nil // changes from here on have a semaphore of their own
	f.mu.Unlock()
	if open {
		errs = append(errs, f.wait(ctx, sem))
		sem.remove()
	}
	return errors.Join(errs...)
}

func (f *Follower) wait(ctx context.Context, sem semaphore) error {
	if err := sem.add(-1); err != nil && !errors.Is(err, unix.EIDRM) {
		return fmt.Errorf("wait for udev: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, f.limit)
	defer cancel()
	for {
		err := sem.awaitZero(waitSlice)
		switch {
		case err == nil, errors.Is(err, unix.EIDRM): // EIDRM: somebody declared it complete
			return nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		default:
			return fmt.Errorf("wait for udev: %w", err)
		}
		if ctx.Err() != nil {
			left, _ := sem.value()
			return fmt.Errorf("%w: rules for %d changes still to run; are the rules of package dmsetup installed "+
				"(95-dm-notify.rules)?", dm.ErrNotSettled, left)
		}
	}
}
