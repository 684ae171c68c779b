// SPDX-License-Identifier: Apache-2.0

package laws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/dmtest"
)

// callsMax bounds the calls that one plan makes, so that a law ends.
const callsMax = 2000

// Arrives: Run reaches what is wanted and nothing else, and the plan's undo leads back.
func Arrives(t *testing.T, bed func() Bed) {
	rapid.Check(t, func(t *rapid.T) {
		b := bed()
		old, want := b.draw(t, "old"), b.draw(t, "new")
		p := b.at(t, old, want)
		before := b.shape(t)
		if err := dm.Run(context.Background(), b.Kernel, p); err != nil {
			t.Fatalf("run:\n%s%v", p, err)
		}
		b.mustBe(t, want, p)
		if err := dm.Run(context.Background(), b.Kernel, p.Undo()); err != nil {
			t.Fatalf("undo:\n%s%v", p.Undo(), err)
		}
		if got := b.shape(t); got != before {
			t.Fatalf("undone is not as before\nplan:\n%sundo:\n%sbefore:\n%safter:\n%s", p, p.Undo(), before, got)
		}
		b.sweep(t)
	})
}

// Whole: whichever call fails, the devices are as before or as wanted, and nothing is left suspended; nor when a
// second call fails during the undo.
func Whole(t *testing.T, bed func() Bed) {
	rapid.Check(t, func(t *rapid.T) {
		b := bed()
		old, want := b.draw(t, "old"), b.draw(t, "new")
		later := rapid.IntRange(1, 12).Draw(t, "second fault")
		for i := range callsMax {
			p := b.at(t, old, want)
			before := b.shape(t)
			if !b.failing(t, p, dmtest.FailAt(i)) {
				b.mustBe(t, want, p)
				break
			}
			if got := b.shape(t); got != before && !b.plan(t, want).Empty() {
				t.Fatalf("call %d failed: neither old nor new\nplan:\n%sold:\n%snow:\n%s", i, p, before, got)
			}
			b.mustRun(t, p)
			p = b.at(t, old, want)
			b.failing(t, p, dmtest.FailAt(i, i+later))
			b.mustRun(t, p)
		}
		b.sweep(t)
	})
}

// Recovers: whenever the process dies, a plan made from what it left reaches what is wanted, and so does one that
// goes back.
func Recovers(t *testing.T, bed func() Bed) {
	rapid.Check(t, func(t *rapid.T) {
		b := bed()
		old, want := b.draw(t, "old"), b.draw(t, "new")
		back := rapid.Bool().Draw(t, "back")
		for i := range callsMax {
			p := b.at(t, old, want)
			if !b.failing(t, p, dmtest.CrashAt(i)) {
				break
			}
			next := want
			if back {
				next = old
			}
			b.reach(t, next)
		}
		b.sweep(t)
	})
}

// at brings the kernel to old and plans the way to want.
func (b Bed) at(t *rapid.T, old, want []dm.Device) dm.Plan {
	t.Helper()
	b.sweep(t)
	b.reach(t, old)
	return b.plan(t, want)
}

func (b Bed) plan(t fataler, want []dm.Device) dm.Plan {
	t.Helper()
	p, err := dm.Diff(b.observe(t), want)
	if err != nil {
		t.Fatalf("diff: %v", err)
	}
	return p
}

// reach plans and runs, and checks the end.
func (b Bed) reach(t fataler, want []dm.Device) {
	t.Helper()
	p := b.plan(t, want)
	if err := dm.Run(context.Background(), b.Kernel, p); err != nil {
		t.Fatalf("run:\n%s%v", p, err)
	}
	b.mustBe(t, want, p)
}

// sweep removes every device of the law.
func (b Bed) sweep(t fataler) { t.Helper(); b.reach(t, nil) }

// failing runs a plan under a fault and reports whether the fault struck. User space is never waited for while a device
// is suspended.
func (b Bed) failing(t *rapid.T, p dm.Plan, fault func(int, string) error) bool {
	t.Helper()
	struck, dead := false, false
	var calls []string
	f := &dmtest.Faulty{Kernel: b.Kernel, Fault: func(n int, call string) error {
		err := fault(n, call)
		calls = append(calls, fmt.Sprintf("%d %s: %v", n, call, err))
		struck, dead = struck || err != nil, dead || errors.Is(err, dmtest.ErrCrashed)
		if call == "settle" && !dead {
			if s := b.suspended(t); s != "" {
				t.Fatalf("%s is left suspended\n%s%s", s, p, strings.Join(calls, "\n"))
			}
		}
		return err
	}}
	err := dm.Run(context.Background(), f, p)
	if (err != nil) != struck {
		t.Fatalf("fault struck: %t, error: %v\n%s%s", struck, err, p, strings.Join(calls, "\n"))
	}
	return struck
}

// mustRun checks that nothing is suspended.
func (b Bed) mustRun(t fataler, p dm.Plan) {
	t.Helper()
	if s := b.suspended(t); s != "" {
		t.Fatalf("%s is left suspended\n%s", s, p)
	}
}

// suspended names a device that is suspended.
func (b Bed) suspended(t fataler) string {
	t.Helper()
	for _, s := range b.observe(t) {
		if s.Suspended {
			return s.Name
		}
	}
	return ""
}

// mustBe checks that the kernel has what is wanted and that nothing is left to do.
func (b Bed) mustBe(t fataler, want []dm.Device, p dm.Plan) {
	t.Helper()
	if again := b.plan(t, want); !again.Empty() {
		t.Fatalf("not there yet\nplan:\n%sstill:\n%s", p, again)
	}
	var lines []string
	for _, w := range want {
		lines = append(lines, line(w.Name, w.UUID, w.ReadOnly, false, false, w.Table.String()))
	}
	slices.Sort(lines)
	if got, want := b.shape(t), strings.Join(lines, ""); got != want {
		t.Fatalf("plan:\n%sgot:\n%swant:\n%s", p, got, want)
	}
}

// shape prints the devices with names for numbers: a device that was removed and made again has another number.
func (b Bed) shape(t fataler) string {
	t.Helper()
	states := b.observe(t)
	var lines []string
	for _, s := range states {
		lines = append(lines, line(s.Name, s.UUID, s.ReadOnly, s.Suspended, s.HasInactive, s.Live.String()))
	}
	slices.Sort(lines)
	text := strings.Join(lines, "")
	for _, s := range states {
		text = strings.ReplaceAll(text, " "+s.Dev.String()+" ", " "+dm.Named(s.Name).String()+" ")
	}
	return text
}

func line(name, uuid string, ro, suspended, inactive bool, table string) string {
	return fmt.Sprintf("%s uuid=%s ro=%t suspended=%t inactive=%t\n%s", name, uuid, ro, suspended, inactive, table)
}
