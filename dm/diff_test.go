// SPDX-License-Identifier: Apache-2.0

package dm_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/dmtest"
)

// TestPlans runs the scenarios in testdata/plans. The devices of a scenario stand in blocks: NAME [uuid=U] [ro], then the
// lines of the table, indented.
//
//	kernel                    begin with disks 8:0, 8:16, 8:32 of 1024 sectors
//	plan [undo]               the way to the devices given, and back
//	run [fail=I] [crash=I]    plan and run; the I-th call fails, or none gets through from there on; then the devices
//	do                        calls of others, a line each: open NAME, close NAME, create NAME, suspend NAME, load NAME TABLE
func TestPlans(t *testing.T) {
	datadriven.Walk(t, "testdata/plans", func(t *testing.T, path string) {
		k := newKernel()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "kernel":
				k = newKernel()
				return ""
			case "plan", "run":
				p, err := dm.Diff(observe(t, k), parseDevices(t, d.Input))
				if err != nil {
					return err.Error() + "\n"
				}
				if d.Cmd == "run" {
					return run(t, d, k, p) + show(t, k)
				}
				if d.HasArg("undo") {
					return p.Undo().String()
				}
				return p.String()
			case "do":
				for line := range strings.Lines(d.Input) {
					if err := do(k, strings.Fields(line)); err != nil {
						return err.Error() + "\n"
					}
				}
				return show(t, k)
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

func newKernel() *dmtest.Kernel {
	return dmtest.New(map[dm.DevNum]dm.Sectors{{Major: 8}: 1024, {Major: 8, Minor: 16}: 1024, {Major: 8, Minor: 32}: 1024})
}

func run(t *testing.T, d *datadriven.TestData, k dm.Kernel, p dm.Plan) string {
	f := &dmtest.Faulty{Kernel: k, Fault: func(int, string) error { return nil }}
	var at int
	if d.HasArg("fail") {
		d.ScanArgs(t, "fail", &at)
		f.Fault = dmtest.FailAt(at)
	}
	if d.HasArg("crash") {
		d.ScanArgs(t, "crash", &at)
		f.Fault = dmtest.CrashAt(at)
	}
	if err := dm.Run(context.Background(), f, p); err != nil {
		return err.Error() + "\n"
	}
	return ""
}

func do(k *dmtest.Kernel, words []string) error {
	switch words[0] {
	case "open":
		return k.Open(words[1])
	case "close":
		return k.Close(words[1])
	case "create":
		_, err := k.Create(words[1], "")
		return err
	case "suspend":
		return k.Suspend(context.Background(), words[1], true)
	case "load":
		t, err := dm.ParseTable(strings.Join(words[2:], " "))
		if err != nil {
			return err
		}
		return k.Load(words[1], t, false)
	}
	return errors.New("do what? " + words[0])
}

func observe(t *testing.T, k dm.Kernel) []dm.State {
	t.Helper()
	states, err := dm.Observe(k, func(dm.Info) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return states
}

func show(t *testing.T, k dm.Kernel) string {
	var b strings.Builder
	for _, s := range observe(t, k) {
		b.WriteString(s.Name + " " + s.Dev.String())
		if s.UUID != "" {
			b.WriteString(" uuid=" + s.UUID)
		}
		if s.ReadOnly {
			b.WriteString(" ro")
		}
		if s.Suspended {
			b.WriteString(" suspended")
		}
		b.WriteString("\n")
		for line := range strings.Lines(s.Live.String()) {
			b.WriteString("  " + line)
		}
		for line := range strings.Lines(s.Inactive.String()) {
			b.WriteString("  inactive " + line)
		}
	}
	return b.String()
}

func parseDevices(t *testing.T, text string) []dm.Device {
	t.Helper()
	var out []dm.Device
	var tables []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, " ") {
			tables[len(tables)-1] += line
			continue
		}
		words := strings.Fields(line)
		d := dm.Device{Name: words[0], ReadOnly: slices.Contains(words, "ro")}
		for _, w := range words[1:] {
			if uuid, ok := strings.CutPrefix(w, "uuid="); ok {
				d.UUID = uuid
			}
		}
		out, tables = append(out, d), append(tables, "")
	}
	for i := range out {
		table, err := dm.ParseTable(tables[i])
		if err != nil {
			t.Fatal(err)
		}
		out[i].Table = table
	}
	return out
}

// As long as no sector moves, an old sector of a device is at its old place or held at every moment of the plan.
func TestGrowingNeverMovesASector(t *testing.T) {
	k := newKernel()
	old := parseDevices(t, "v uuid=1\n 0 64 linear 8:0 0\n 64 64 striped 2 8 8:0 64 8:16 0\n")
	now := parseDevices(t, "v uuid=1\n 0 64 linear 8:0 0\n 64 128 striped 2 8 8:0 64 8:16 0\n 192 8 linear 8:32 0\nw uuid=2\n 0 64 linear 8:32 64\n")
	mustRun(t, k, old)
	dev := observe(t, k)[0].Dev
	p, err := dm.Diff(observe(t, k), now)
	if err != nil || p.Moves != -1 {
		t.Fatalf("moves %d, %v", p.Moves, err)
	}
	before := k.Clone()
	held := 0
	f := &dmtest.Faulty{Kernel: k, Fault: func(_ int, call string) error {
		for s := range dm.Sectors(128) {
			switch got := k.Submit(dev, s); {
			case got.Fate == dmtest.Held:
				held++
			case got != before.Map(dev, s):
				t.Errorf("before %s: sector %d at %s, was at %s", call, s, got, before.Map(dev, s))
			}
		}
		return nil
	}}
	if err := dm.Run(context.Background(), f, p); err != nil {
		t.Fatal(err)
	}
	if held == 0 || k.HeldIO("v") != 0 {
		t.Errorf("%d held on the way, %d at the end", held, k.HeldIO("v"))
	}
}

// A transaction prepares, and then commits or aborts; in between the device is held with the old table live.
func TestPreparedStepsCommitOrAbort(t *testing.T) {
	for _, commit := range []bool{true, false} {
		k := newKernel()
		mustRun(t, k, parseDevices(t, "v uuid=1\n 0 64 linear 8:0 0\n"))
		before := show(t, k)
		p, err := dm.Diff(observe(t, k), parseDevices(t, "v uuid=1\n 0 64 linear /dev/mapper/leg 0\nleg uuid=2\n 0 64 linear 8:16 0\n"))
		if err != nil || p.Moves != 0 || len(p.Steps) != 1 || !p.Steps[0].Holds() {
			t.Fatalf("%v\n%s", err, p)
		}
		if err := dm.Prepare(t.Context(), k, p.Steps[0]); err != nil {
			t.Fatal(err)
		}
		if s := observe(t, k)[1]; !s.Suspended || s.Live.String() != "0 64 linear 8:0 0\n" || s.Inactive == nil {
			t.Errorf("prepared: %+v", s)
		}
		if commit {
			if err := dm.Commit(t.Context(), k, p.Steps[0]); err != nil {
				t.Error(err)
			}
			if s := observe(t, k)[1]; s.Suspended || s.Live.String() != "0 64 linear 253:1 0\n" {
				t.Errorf("committed: %+v", s)
			}
			continue
		}
		if err := dm.Abort(t.Context(), k, p.Steps[0]); err != nil {
			t.Error(err)
		}
		if got := show(t, k); got != before {
			t.Errorf("aborted:\n%s", got)
		}
	}
}

// After the decision there is no way back: a device whose new table is refused at its resume gets it loaded once more, and
// if that does not help it stays held and is named.
func TestCommitNeverGoesOnWithTheOldTable(t *testing.T) {
	for tries, want := range map[int]string{1: "0 64 linear 8:16 0\n", 2: "held"} {
		k := newKernel()
		mustRun(t, k, parseDevices(t, "v uuid=1\n 0 64 linear 8:0 0\n"))
		p, err := dm.Diff(observe(t, k), parseDevices(t, "v uuid=1\n 0 64 linear 8:16 0\n"))
		if err != nil {
			t.Fatal(err)
		}
		if err := dm.Prepare(t.Context(), k, p.Steps[0]); err != nil {
			t.Fatal(err)
		}
		f := &dmtest.Faulty{Kernel: k, Fault: func(n int, call string) error {
			if n < 2*tries && call == "resume v" {
				return errors.New("resume v: refused")
			}
			return nil
		}}
		err = dm.Commit(t.Context(), f, p.Steps[0])
		s := observe(t, k)[0]
		switch {
		case want == "held" && (err == nil || !strings.Contains(err.Error(), "resume v") || !s.Suspended):
			t.Errorf("refused for good: %v, %+v", err, s)
		case want != "held" && (err != nil || s.Suspended || s.Live.String() != want):
			t.Errorf("refused once: %v, %+v", err, s)
		}
	}
}

func TestAContextThatEndsLeavesTheOldState(t *testing.T) {
	k := newKernel()
	mustRun(t, k, parseDevices(t, "v uuid=1\n 0 64 linear 8:0 0\n"))
	before := show(t, k)
	p, err := dm.Diff(observe(t, k), parseDevices(t, "v uuid=1\n 0 64 linear 8:16 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	late := errors.New("the deadline has passed")
	f := &dmtest.Faulty{Kernel: k, Fault: func(_ int, call string) error {
		if strings.HasPrefix(call, "load") {
			cancel(late)
		}
		return nil
	}}
	if err := dm.Run(ctx, f, p); !errors.Is(err, late) {
		t.Errorf("run: %v", err)
	}
	if got := show(t, k); got != before {
		t.Errorf("left:\n%s", got)
	}
}

func mustRun(t *testing.T, k dm.Kernel, want []dm.Device) {
	t.Helper()
	p, err := dm.Diff(observe(t, k), want)
	if err == nil {
		err = dm.Run(t.Context(), k, p)
	}
	if err != nil {
		t.Fatal(err)
	}
}
