// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/dm"
)

const opMost = 3 * time.Millisecond // how long one step of a plan takes

// Tables as configd carries them to device-mapper: each way begins from what the kernel has, a step at a time, and a
// daemon that dies leaves the rest undone. What load has prepared is remembered.

func (c *configd) want(g *config.Group, inc view.Incarnation) ([]dm.Device, error) {
	if g == nil || g.Removed {
		return nil, nil
	}
	devices, err := config.Devices(*g, func(d config.Disk) (dm.Ref, bool) {
		x := c.n.w.disks.find(d.ID)
		return dm.Ref{Num: c.n.kernel.vols.number(x)}, c.seen[d.ID]
	})
	for i := range devices {
		p := partsOf(devices[i].UUID)
		devices[i].UUID = uuidOf(p[0], p[1], inc)
	}
	return devices, err
}

// have returns the devices of a group that are this incarnation's.
func (c *configd) have(group string, inc view.Incarnation) ([]dm.State, error) {
	return dm.Observe(c.n.kernel.vols, func(i dm.Info) bool {
		return partsOf(i.UUID)[0] == group && incarnationOf(i.UUID) == inc
	})
}

func (c *configd) diff(g *config.Group, id string, inc view.Incarnation) (dm.Plan, error) {
	want, err := c.want(g, inc)
	if err != nil {
		return dm.Plan{}, err
	}
	have, err := c.have(id, inc)
	if err != nil {
		return dm.Plan{}, err
	}
	return dm.Diff(have, want)
}

// load prepares every step of the way to g; when one fails nothing of it is left.
func (c *configd) load(g config.Group, inc view.Incarnation, deadline view.Tick, done func(error)) {
	plan, err := c.diff(&g, g.ID, inc)
	if err != nil {
		done(err)
		return
	}
	v := c.n.kernel.vols
	late := func() bool { return c.n.clock.now() >= deadline }
	c.steps(plan, late, func(ctx context.Context, i int) error {
		if c.busy {
			return errors.New("device or resource busy")
		}
		return dm.Prepare(ctx, v, plan.Steps[i])
	}, func(i int, err error) {
		for i--; err != nil && i >= 0; i-- {
			err = errors.Join(err, dm.Abort(context.Background(), v, plan.Steps[i]))
		}
		if err == nil {
			c.prepared[g.ID] = plan
		}
		done(err)
	})
}

// steps does something for each step of a plan, once what the step suspends has no I/O in flight.
func (c *configd) steps(plan dm.Plan, late func() bool, do func(ctx context.Context, i int) error, done func(n int, err error)) {
	var next func(i int)
	next = func(i int) {
		if i == len(plan.Steps) {
			done(i, nil)
			return
		}
		c.within(opMost, func() {
			c.n.kernel.vols.drain(&c.daemon, suspends(plan.Steps[i]), late, func() {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if late() {
					cancel()
				}
				if err := do(ctx, i); err != nil {
					done(i, err)
					return
				}
				next(i + 1)
			})
		})
	}
	next(0)
}

func suspends(s dm.Step) []string {
	var names []string
	for _, op := range slices.Concat(s.Prepare, s.Commit) {
		if x, ok := op.(dm.Suspend); ok {
			names = append(names, x.Name)
		}
	}
	return names
}

// resume makes the tables of g live. While clusterd holds the volumes what is suspended stays so.
func (c *configd) resume(g config.Group, inc view.Incarnation, holding bool, done func(error)) {
	plan := c.prepared[g.ID]
	delete(c.prepared, g.ID)
	v := c.n.kernel.vols
	plan = dm.Plan{Steps: slices.Clone(plan.Steps), Moves: plan.Moves}
	for i := range plan.Steps {
		plan.Steps[i] = held(plan.Steps[i], holding)
	}
	c.stepsOnly(plan, func(i int) error { return dm.Commit(context.Background(), v, plan.Steps[i]) }, func(err error) {
		if err != nil {
			done(err)
			return
		}
		c.reach(&g, g.ID, inc, holding, done)
	})
}

// stepsOnly does something for each step, whatever becomes of those before.
func (c *configd) stepsOnly(plan dm.Plan, do func(i int) error, done func(error)) {
	var errs []error
	var next func(i int)
	next = func(i int) {
		if i == len(plan.Steps) {
			done(errors.Join(errs...))
			return
		}
		c.within(opMost, func() {
			errs = append(errs, do(i))
			next(i + 1)
		})
	}
	next(0)
}

// reach goes all the way from what is there to g.
func (c *configd) reach(g *config.Group, id string, inc view.Incarnation, holding bool, done func(error)) {
	plan, err := c.diff(g, id, inc)
	if err != nil {
		done(err)
		return
	}
	v := c.n.kernel.vols
	never := func() bool { return false }
	c.steps(plan, never, func(ctx context.Context, i int) error {
		return dm.Run(ctx, v, dm.Plan{Steps: []dm.Step{held(plan.Steps[i], holding)}, Moves: -1})
	}, func(_ int, err error) { done(err) })
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
func (c *configd) clear(group string, inc view.Incarnation) error {
	delete(c.prepared, group)
	have, err := c.have(group, inc)
	errs := []error{err}
	for _, d := range have {
		if d.HasInactive {
			errs = append(errs, c.n.kernel.vols.Clear(d.Name))
		}
	}
	return errors.Join(errs...)
}
