// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"context"
	"errors"
	"fmt"
)

// undoTries is how often an operation is tried without which an undo would leave a device suspended.
const undoTries = 3

// Run carries a plan out. If an operation fails, or ctx ends before the commit of a step, all that was done is undone and
// the error says why; an error from the undo itself stands beside it. The context also bounds each suspend; a step
// whose commit has begun is not interrupted by it.
//
// If the error matches [ErrNotSettled] and nothing else, the plan has been carried out and user space lags behind.
func Run(ctx context.Context, k Kernel, p Plan) error {
	err := run(ctx, k, p)
	return errors.Join(err, k.Settle(context.WithoutCancel(ctx)))
}

func run(ctx context.Context, k Kernel, p Plan) error {
	var back Plan
	for _, s := range p.Steps {
		done, err := s.run(ctx, k)
		back.Steps = append(back.Steps, Step{Commit: done})
		if err == nil {
			continue
		}
		var ops []Op
		for _, u := range back.Undo().Steps {
			ops = append(ops, u.Prepare...)
			ops = append(ops, u.Commit...)
		}
		return errors.Join(err, takeBack(ctx, k, ops))
	}
	return nil
}

// run returns the operations that succeeded.
func (s Step) run(ctx context.Context, k Kernel) (done []Op, err error) {
	for _, op := range s.Prepare {
		if err := context.Cause(ctx); err != nil {
			return done, fmt.Errorf("%s: %w", op, err)
		}
		if err := op.do(ctx, k); err != nil {
			return done, err
		}
		done = append(done, op)
	}
	for _, op := range s.Commit {
		if err := op.do(context.WithoutCancel(ctx), k); err != nil {
			return done, err
		}
		done = append(done, op)
	}
	return done, nil
}

// Prepare does the first part of a step for a transaction; if it fails, what it did is undone. After it the caller owes
// the kernel a [Commit] or an [Abort] before its deadline: devices are suspended.
func Prepare(ctx context.Context, k Kernel, s Step) error {
	done, err := Step{Prepare: s.Prepare}.run(ctx, k)
	if err != nil {
		return errors.Join(err, takeBack(ctx, k, Step{Prepare: done}.Abort()))
	}
	return nil
}

// Commit does the second part of a prepared step. There is no way back from a decision to commit, so it goes on over
// errors: a resume that was refused is tried once more with the table loaded anew. A device that still cannot have its new
// table never goes on with the old one: it stays as it is, suspended, and the error names it.
func Commit(ctx context.Context, k Kernel, s Step) error {
	ctx = context.WithoutCancel(ctx)
	loads := loadsOf(s.Prepare)
	var errs []error
	for _, op := range s.Commit {
		err := op.do(ctx, k)
		if r, ok := op.(Resume); ok && err != nil {
			err = r.again(ctx, k, loads, err)
		}
		errs = append(errs, err)
	}
	return errors.Join(errors.Join(errs...), k.Settle(ctx))
}

// Abort calls a prepared step off.
func Abort(ctx context.Context, k Kernel, s Step) error {
	return errors.Join(takeBack(ctx, k, s.Abort()), k.Settle(context.WithoutCancel(ctx)))
}

// takeBack carries out the operations of an undo, as many of them as it can. A device whose old table cannot be had again
// is left running as it is. One whose new table cannot be cleared must not be resumed: its sectors would be in two
// places; it stays suspended and the error says so.
func takeBack(ctx context.Context, k Kernel, ops []Op) error {
	ctx = context.WithoutCancel(ctx)
	loads := loadsOf(ops)
	spoilt := map[string]bool{}
	var errs []error
	for _, op := range ops {
		name := op.Device()
		if spoilt[name] {
			continue
		}
		err := op.do(ctx, k)
		for try := 1; err != nil && try < undoTries; try++ {
			switch o := op.(type) {
			case Clear:
				err = o.do(ctx, k)
			case Resume:
				err = o.again(ctx, k, loads, err)
			}
		}
		if err == nil {
			continue
		}
		errs = append(errs, fmt.Errorf("undo: %w", err))
		switch op.(type) {
		case Clear, Create, Load:
			spoilt[name] = true
		case Suspend:
			spoilt[name] = true
			errs = append(errs, k.Clear(name))
		case Resume: // the old table is refused, and suspended for it: go on with the one that ran until now
			if _, ok := loads[name]; ok {
				errs = append(errs, k.Clear(name), k.Resume(name))
			}
		}
	}
	return errors.Join(errs...)
}

func loadsOf(ops []Op) map[string]Load {
	loads := map[string]Load{}
	for _, op := range ops {
		if l, ok := op.(Load); ok {
			loads[l.Name] = l
		}
	}
	return loads
}

// again tries a refused resume once more. The kernel drops an inactive table that it refuses: without it a resume would
// go on with the table from before, so it is loaded first.
func (o Resume) again(ctx context.Context, k Kernel, loads map[string]Load, refused error) error {
	if l, ok := loads[o.Name]; ok {
		if err := l.do(ctx, k); err != nil {
			return errors.Join(refused, err)
		}
	}
	return o.do(ctx, k)
}
