// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/plexus-cvm/plexus/clusterd/fence"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
)

// volumes is what this node would have to take away: the fence sets, and who has which of their volumes suspended.
//
// A volume that configd has suspended for a transaction is marked Owned in its fence set, and is left alone here. When
// configd hands it back while the volumes are held it is suspended with the rest, and goes on with them; when they are
// not, it is resumed at once. Safe for concurrent use; device-mapper is asked by one worker alone. Nobody waits for it:
// what is wished last replaces what has not begun.
type volumes struct {
	kernel dm.Kernel
	wake   chan struct{} // there is something to do
	ended  chan struct{}

	// turn is held from the look at who owns a volume to the end of its resume: a resume swaps in what configd has loaded
	// for a change that is not decided yet. It is locked before mu.
	turn sync.Mutex

	mu      sync.Mutex
	sets    *fence.Store
	shut    bool // a clean leave has found no set: none may come
	holding bool
	hold    uint64                // counts the holds
	stop    context.CancelFunc    // ends the hold under way
	next    func(context.Context) // the hold or release to begin
	back    map[string]bool       // names of volumes that were handed back
}

func newVolumes(k dm.Kernel, sets *fence.Store) *volumes {
	return &volumes{
		kernel: k, sets: sets, stop: func() {}, back: map[string]bool{},
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
}

// work asks device-mapper for one thing after another, until ctx ends.
func (v *volumes) work(ctx context.Context) {
	defer close(v.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-v.wake:
		}
		v.mu.Lock()
		next, back := v.next, v.back
		v.next, v.back = nil, map[string]bool{}
		v.mu.Unlock()
		if next != nil {
			next(ctx)
		}
		for _, n := range slices.Sorted(maps.Keys(back)) {
			v.takeBack(ctx, n)
		}
	}
}

// nudge wakes the worker.
func (v *volumes) nudge() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

func (v *volumes) wait() { <-v.ended }

// put takes a fence set over, on disk first, and says whether the volumes are held.
func (v *volumes) put(s view.FenceSet) (holding bool, err error) {
	v.turn.Lock()
	defer v.turn.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.shut {
		return false, fmt.Errorf("put fence set of group %s: %w", s.Group, fence.ErrLeaving)
	}
	before, err := v.sets.Put(s)
	if err != nil {
		return false, err
	}
	for _, n := range handedBack(before, s) {
		v.back[n] = true
	}
	v.nudge()
	return v.holding, nil
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

// leaving returns the mark of a leave that has not ended, or nil.
func (v *volumes) leaving() *fence.Leave {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sets.Leaving()
}

// close reports whether no set is left; if so none is taken over any more, until open.
func (v *volumes) close() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shut = len(v.sets.All()) == 0
	return v.shut
}

// open lets fence sets come, for a new life.
func (v *volumes) open() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shut = false
}

// begin marks a leave: the sets stay as they are until its end, over restarts too. A hold ends: the I/O that it holds is
// failed by the leave.
func (v *volumes) begin(l fence.Leave) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holding, v.next = false, nil
	v.stop()
	return v.sets.Begin(l)
}

// end forgets what was taken away.
func (v *volumes) end() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sets.End()
}

// suspend suspends every volume, with what is in flight drained, and says when all are, unless a release or a leave came
// first. The number that it returns is that of this hold, for holds.
func (v *volumes) suspend(done func(error)) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holding = true
	v.hold++
	hold := v.hold
	v.next = func(ctx context.Context) {
		v.mu.Lock()
		if !v.holding || v.hold != hold {
			v.mu.Unlock()
			return
		}
		ctx, v.stop = context.WithCancel(ctx)
		names := v.names()
		v.mu.Unlock()
		var errs []error
		for _, n := range names {
			if ctx.Err() != nil {
				return
			}
			errs = append(errs, v.suspendOne(ctx, n))
		}
		if ctx.Err() == nil {
			done(errors.Join(errs...))
		}
	}
	v.nudge()
	return hold
}

// holds reports whether that hold is the one in force.
func (v *volumes) holds(hold uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.holding && v.hold == hold
}

// release lets the volumes go on, unless they are to be held again before it begins.
func (v *volumes) release(done func(error)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holding = false
	v.stop()
	v.next = func(context.Context) {
		v.mu.Lock()
		names := v.names()
		v.mu.Unlock()
		var errs []error
		for _, n := range names {
			errs = append(errs, v.resumeOne(n))
		}
		done(errors.Join(errs...))
	}
	v.nudge()
}

// takeBack makes a volume that was handed back as the others are. Its owner may not have come to suspend it.
func (v *volumes) takeBack(ctx context.Context, name string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v.mu.Lock()
	hold := v.holding
	if hold {
		v.stop() // what it would end has ended: there is one worker
		v.stop = cancel
	}
	v.mu.Unlock()
	if hold {
		_ = v.suspendOne(ctx, name) // if it cannot be, the gate refuses its I/O after the lease, and that is seen
		return
	}
	_ = v.resumeOne(name) // configd resumes it too, and sees what fails
}

func (v *volumes) suspendOne(ctx context.Context, name string) error {
	if err := v.kernel.Suspend(ctx, name, true); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("hold %s: %w", name, err)
	}
	return nil
}

// resumeOne resumes a volume if it is still ours to resume.
func (v *volumes) resumeOne(name string) error {
	v.turn.Lock()
	defer v.turn.Unlock()
	v.mu.Lock()
	ours := !v.holding && v.ours(name)
	v.mu.Unlock()
	if !ours {
		return nil
	}
	if err := v.kernel.Resume(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("resume %s: %w", name, err)
	}
	return nil
}

// ours reports whether a volume is in a set and nobody else's; the caller holds the lock.
func (v *volumes) ours(name string) bool {
	for _, s := range v.sets.All() {
		for _, vol := range s.Volumes {
			if vol.Name == name {
				return !vol.Owned
			}
		}
	}
	return false
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
