// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"fmt"
	"slices"
	"strings"
)

// Step is a part of a plan that happens as a whole or not at all. Prepare does everything that can be refused; nothing
// that anybody uses has changed until Commit. Between the two the devices that change are suspended.
type Step struct {
	Prepare []Op
	Commit  []Op
}

// Abort is what calls a prepared step off: clear, resume, remove what was created.
func (s Step) Abort() []Op {
	back := undo(s.Prepare)
	return append(back.Prepare, back.Commit...)
}

// Holds reports whether I/O is held between the two parts of the step.
func (s Step) Holds() bool {
	return slices.ContainsFunc(s.Prepare, func(o Op) bool { _, ok := o.(Suspend); return ok })
}

// Plan is the way from one state of the devices to another: steps that run one after the other.
type Plan struct {
	Steps []Step
	// Moves is the number of the step in which sectors change their place, -1 if there is none. In a cluster all nodes
	// must have prepared this step before any commits it; the others can be run by each node on its own.
	Moves int
}

// Empty reports whether there is nothing to do.
func (p Plan) Empty() bool { return len(p.Steps) == 0 }

// Undo is the plan that leads back once all of p is done: each device is again as it was. What happened between two
// renames is taken back in one step.
func (p Plan) Undo() Plan {
	back := Plan{Moves: -1}
	var done []Op
	flush := func() {
		if u := undo(done); len(u.Prepare)+len(u.Commit) > 0 {
			if u.Holds() {
				back.Moves = len(back.Steps)
			}
			back.Steps = append(back.Steps, u)
		}
		done = nil
	}
	for _, s := range slices.Backward(p.Steps) {
		ops := slices.Concat(s.Prepare, s.Commit)
		if names := undoRenames(ops); names != nil {
			flush()
			back.Steps = append(back.Steps, Step{Commit: names})
			continue
		}
		done = append(ops, done...)
	}
	flush()
	return back
}

// undoRenames gives the old names back. A step that renames does nothing else.
func undoRenames(ops []Op) (back []Op) {
	for _, o := range slices.Backward(ops) {
		if r, ok := o.(Rename); ok {
			back = append(back, Rename{Name: r.To, To: r.Name})
		}
	}
	return back
}

// NoFlush is the same plan with every suspend a noflush one, for devices whose targets queue I/O that cannot land.
func (p Plan) NoFlush() Plan {
	noFlush := func(ops []Op) []Op {
		out := slices.Clone(ops)
		for i, o := range out {
			if s, ok := o.(Suspend); ok {
				out[i] = Suspend{Name: s.Name, NoFlush: true}
			}
		}
		return out
	}
	out := Plan{Moves: p.Moves}
	for _, s := range p.Steps {
		out.Steps = append(out.Steps, Step{Prepare: noFlush(s.Prepare), Commit: noFlush(s.Commit)})
	}
	return out
}

// String prints a line for each operation: the number of its step, the part, the operation.
func (p Plan) String() string {
	var b strings.Builder
	for i, s := range p.Steps {
		for _, o := range s.Prepare {
			fmt.Fprintf(&b, "%d prepare %s\n", i+1, o)
		}
		for _, o := range s.Commit {
			fmt.Fprintf(&b, "%d commit  %s\n", i+1, o)
		}
	}
	return b.String()
}
