// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/dm"
)

// tables carry a group's configuration to device-mapper. Each method begins from what the kernel has, so that it does the
// right thing after a crash too; of load it is remembered what was prepared. Calls for one group come one after another.
type tables struct {
	kernel dm.Kernel
	find   func(disk string) (dm.DevNum, bool) // by label id

	mu       sync.Mutex
	prepared map[string]dm.Plan // by group id: loaded, not resumed
}

// unsettled is device-mapper without the wait for user space: a transaction does not wait for udev's rules. Who asked for the
// change does, see Loop.settled.
type unsettled struct{ dm.Kernel }

// Settle implements dm.Kernel.
func (unsettled) Settle(context.Context) error { return nil }

// want returns the devices of a group as they are to be on this side.
func (t *tables) want(g *config.Group, s side) ([]dm.Device, error) {
	if g == nil || g.Removed {
		return nil, nil
	}
	devices, err := config.Devices(*g, func(d config.Disk) (dm.Ref, bool) {
		n, ok := t.find(d.ID)
		return dm.Ref{Num: n}, ok
	})
	if err != nil {
		return nil, err
	}
	for i := range devices {
		if s.shared {
			devices[i].UUID += fmt.Sprintf("-%d", s.inc)
		}
	}
	return devices, nil
}

// have returns the devices of a group that are there on this side.
func (t *tables) have(group string, s side) ([]dm.State, error) {
	return dm.Observe(t.kernel, func(i dm.Info) bool { return s.has(group, i.UUID) })
}

func (t *tables) diff(g *config.Group, id string, s side) (dm.Plan, error) {
	want, err := t.want(g, s)
	if err != nil {
		return dm.Plan{}, err
	}
	have, err := t.have(id, s)
	if err != nil {
		return dm.Plan{}, err
	}
	return dm.Diff(have, want)
}

// load prepares every step of the way to g: tables loaded, what changes suspended. When it fails, clear and revive bring back
// what it did: only then is it known whether clusterd holds, and what may be resumed.
func (t *tables) load(ctx context.Context, g config.Group, s side) error {
	plan, err := t.diff(&g, g.ID, s)
	if err != nil {
		return err
	}
	for _, step := range plan.Steps {
		if err := dm.Prepare(ctx, t.kernel, step); err != nil {
			return err
		}
	}
	t.mu.Lock()
	t.prepared[g.ID] = plan
	t.mu.Unlock()
	return nil
}

// take returns what load has prepared, once.
func (t *tables) take(group string) (dm.Plan, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.prepared[group]
	delete(t.prepared, group)
	return p, ok
}

// resume makes the tables of g live. While clusterd holds the volumes what is suspended stays so.
func (t *tables) resume(g config.Group, s side, holding bool) error {
	ctx := context.Background()
	if plan, ok := t.take(g.ID); ok {
		var errs []error
		for _, step := range plan.Steps {
			errs = append(errs, dm.Commit(ctx, t.kernel, held(step, holding)))
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return t.reach(ctx, &g, g.ID, s, holding)
}

// reach goes all the way from what is there to g.
func (t *tables) reach(ctx context.Context, g *config.Group, id string, s side, holding bool) error {
	plan, err := t.diff(g, id, s)
	if err != nil {
		return err
	}
	for i, step := range plan.Steps {
		plan.Steps[i] = held(step, holding)
	}
	return dm.Run(ctx, t.kernel, plan)
}

// held is the step without its resumes, where somebody else has them to do.
func held(s dm.Step, holding bool) dm.Step {
	if !holding {
		return s
	}
	out := dm.Step{Prepare: s.Prepare}
	for _, op := range s.Commit {
		if _, ok := op.(dm.Resume); !ok {
			out.Commit = append(out.Commit, op)
		}
	}
	return out
}

// clear drops what load has loaded; nothing is resumed.
func (t *tables) clear(group string, s side) error {
	t.take(group)
	have, err := t.have(group, s)
	errs := []error{err}
	for _, d := range have {
		if d.HasInactive {
			errs = append(errs, t.kernel.Clear(d.Name))
		}
	}
	return errors.Join(errs...)
}

// revive brings the devices back to those of g, which may be none.
func (t *tables) revive(g *config.Group, id string, s side, holding bool) error {
	return t.reach(context.Background(), g, id, s, holding)
}

// fail puts the error table under all devices of a group, so that nobody waits for them any longer.
func (t *tables) fail(group string) error {
	all, err := dm.Observe(t.kernel, func(i dm.Info) bool {
		u, ok := parseUUID(i.UUID)
		return ok && u.group == group
	})
	errs := []error{err}
	for _, d := range all {
		dead := dm.Table{{Length: d.Live.Length(), Target: dm.Error{}}}
		if err := t.kernel.Load(d.Name, dead, d.ReadOnly); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, t.kernel.Suspend(context.Background(), d.Name, false), t.kernel.Resume(d.Name))
	}
	return errors.Join(errs...)
}
