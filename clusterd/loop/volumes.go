// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/plexus-cvm/plexus/clusterd/fence"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
)

// volumes is what this node would have to take away: the fence sets, and who has which of their volumes suspended.
//
// A volume that configd has suspended for a transaction is marked Owned in its fence set, and is left alone here. When
// configd hands it back while the volumes are held it stays suspended and goes on with the rest; when they are not, it
// is resumed at once. Safe for concurrent use; device-mapper is asked by one worker alone, in order.
type volumes struct {
	kernel dm.Kernel
	jobs   chan func(context.Context)
	ended  chan struct{}

	mu      sync.Mutex
	sets    *fence.Store
	holding bool
	stop    context.CancelFunc // ends the hold under way
}

const jobsMax = 64

func newVolumes(k dm.Kernel, sets *fence.Store) *volumes {
	return &volumes{
		kernel: k, sets: sets, stop: func() {},
		jobs: make(chan func(context.Context), jobsMax), ended: make(chan struct{}),
	}
}

// work asks device-mapper for one thing after another, until ctx ends.
func (v *volumes) work(ctx context.Context) {
	defer close(v.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-v.jobs:
			job(ctx)
		}
	}
}

func (v *volumes) wait() { <-v.ended }

// put takes a fence set over, on disk first, and says whether the volumes are held.
func (v *volumes) put(s view.FenceSet) (holding bool, err error) {
	v.mu.Lock()
	before, err := v.sets.Put(s)
	holding = v.holding
	v.mu.Unlock()
	if err != nil {
		return false, err
	}
	if back := handedBack(before, s); !holding && len(back) > 0 {
		v.jobs <- func(context.Context) { _ = v.resume(back) } // configd resumes them too, and sees what fails
	}
	return holding, nil
}

// handedBack returns the names of the volumes that are Owned in one set and no longer in the next.
func handedBack(before, now view.FenceSet) []string {
	owned := map[string]bool{}
	for _, vol := range before.Volumes {
		owned[vol.UUID] = vol.Owned
	}
	var back []string
	for _, vol := range now.Volumes {
		if owned[vol.UUID] && !vol.Owned {
			back = append(back, vol.Name)
		}
	}
	return back
}

// drop forgets a group that has no device here any more.
func (v *volumes) drop(groupID string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sets.Drop(groupID)
}

// all returns the fence sets, sorted by group.
func (v *volumes) all() []view.FenceSet {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sets.All()
}

// begin marks a leave: the sets stay as they are until its end, over restarts too. A hold ends: the I/O that it holds is
// failed by the leave.
func (v *volumes) begin(l fence.Leave) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holding = false
	v.stop()
	return v.sets.Begin(l)
}

// end forgets what was taken away.
func (v *volumes) end() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sets.End()
}

// hold suspends every volume, with what is in flight drained, and says when all are. A release ends it early.
func (v *volumes) hold(done func(error)) {
	v.mu.Lock()
	v.holding = true
	v.mu.Unlock()
	v.jobs <- func(ctx context.Context) {
		v.mu.Lock()
		if !v.holding {
			v.mu.Unlock()
			return
		}
		ctx, v.stop = context.WithCancel(ctx)
		names := v.names()
		v.mu.Unlock()
		var errs []error
		for _, n := range names {
			if err := v.kernel.Suspend(ctx, n, true); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("hold %s: %w", n, err))
			}
		}
		if ctx.Err() == nil {
			done(errors.Join(errs...))
		}
	}
}

// release lets the volumes go on.
func (v *volumes) release(done func(error)) {
	v.mu.Lock()
	v.holding = false
	v.stop()
	v.mu.Unlock()
	v.jobs <- func(context.Context) {
		v.mu.Lock()
		v.stop()
		names := v.names()
		v.mu.Unlock()
		done(v.resume(names))
	}
}

func (v *volumes) resume(names []string) error {
	var errs []error
	for _, n := range names {
		if err := v.kernel.Resume(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("resume %s: %w", n, err))
		}
	}
	return errors.Join(errs...)
}

// names lists the volumes that are ours to suspend and to resume; the caller holds the lock.
func (v *volumes) names() []string {
	var list []string
	for _, s := range v.sets.All() {
		for _, vol := range s.Volumes {
			if !vol.Owned {
				list = append(list, vol.Name)
			}
		}
	}
	slices.Sort(list)
	return list
}
