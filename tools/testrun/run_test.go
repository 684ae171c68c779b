// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sample is a module with one test of every outcome.
const sample = `package sample

import "testing"

func TestGood(t *testing.T) {}
func TestBad(t *testing.T)  { t.Error("two and two is five") }
func TestSkipped(t *testing.T) { t.Skip("needs a moon") }
func TestParts(t *testing.T) {
	t.Run("one", func(t *testing.T) {})
	t.Run("two", func(t *testing.T) { t.Skip("needs two moons") })
}
`

func writeModule(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example.test/sample\n\ngo 1.26\n"
	for name, text := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

func goRun(out io.Writer, stages ...stage) *run {
	return &run{stages: stages, packages: []string{"./..."}, module: "example.test/sample", budget: time.Minute,
		grace: time.Second, out: out}
}

func TestReportCountsFailuresAndSkipsWithTheirReasons(t *testing.T) {
	writeModule(t, map[string]string{"a_test.go": sample})
	var out strings.Builder
	if goRun(&out, goTest("unit", "all", "./...")).all(t.Context()) {
		t.Error("a run with a failing test held")
	}
	for _, want := range []string{
		"two and two is five",
		"\nskipped:\n  ..TestParts/two: needs two moons\n  ..TestSkipped: needs a moon\n",
		"\nfailed:\n  ..TestBad\n",
		"\n2 passed, 1 failed, 2 skipped\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
	if !strings.HasSuffix(out.String(), "2 passed, 1 failed, 2 skipped\n") {
		t.Errorf("the totals are not the last line:\n%s", out.String())
	}
}

func TestStrictRunFailsOnASkipThatIsNotListed(t *testing.T) {
	good := strings.Replace(sample, `t.Error("two and two is five")`, "", 1)
	for _, c := range []struct {
		name, list, last string
		held             bool
	}{
		{"both listed", "*.TestSkipped | needs a *\n*.TestParts/* | needs two moons", "3 passed, 0 failed, 2 skipped\n", true},
		{"one not listed", "*.TestSkipped | needs a moon", "3 passed, 1 failed, 1 skipped\n", false},
		{"another reason", "*.TestSkipped | needs a sun\n*.TestParts/two | *", "3 passed, 1 failed, 1 skipped\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			writeModule(t, map[string]string{"a_test.go": good})
			list, err := parseSkips(c.list)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			r := goRun(&out, goTest("unit", "all", "./..."))
			r.strict, r.accepted = true, list
			if r.all(t.Context()) != c.held || !strings.HasSuffix(out.String(), c.last) {
				t.Errorf("got\n%s", out.String())
			}
		})
	}
}

func TestOnlyThePartsOfATestAreCounted(t *testing.T) {
	writeModule(t, map[string]string{"a_test.go": `package sample

import "testing"

func TestWhole(t *testing.T) {
	t.Run("good/with/slashes", func(t *testing.T) {})
	t.Run("bad", func(t *testing.T) { t.Error("no") })
}

func TestTail(t *testing.T) {
	t.Run("good", func(t *testing.T) {})
	t.Error("after its parts")
}
`})
	var out strings.Builder
	goRun(&out, goTest("unit", "all", "./...")).all(t.Context())
	want := "failed:\n  ..TestWhole/bad\n  ..TestTail\n"
	if s := out.String(); !strings.Contains(s, want) || !strings.HasSuffix(s, "2 passed, 2 failed, 0 skipped\n") {
		t.Errorf("got\n%s", s)
	}
}

func TestPackageThatDoesNotBuildIsAFailure(t *testing.T) {
	writeModule(t, map[string]string{"a_test.go": sample, "b/b_test.go": "package b\n\nvar x int = \"text\"\n"})
	var out strings.Builder
	if goRun(&out, goTest("unit", "all", "./b/")).all(t.Context()) {
		t.Error("it held")
	}
	if s := out.String(); !strings.Contains(s, "cannot use") || !strings.HasSuffix(s, "0 passed, 1 failed, 0 skipped\n") {
		t.Errorf("got\n%s", s)
	}
}

func TestPanicNamesTheTest(t *testing.T) {
	writeModule(t, map[string]string{"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestDies(t *testing.T) { panic(\"out of cheese\") }\n"})
	var out strings.Builder
	goRun(&out, goTest("unit", "all", "./...")).all(t.Context())
	if s := out.String(); !strings.Contains(s, "out of cheese") || !strings.Contains(s, "failed:\n  ..TestDies") {
		t.Errorf("got\n%s", s)
	}
}

func TestCommandStageIsJudgedByItsExitStatus(t *testing.T) {
	var out strings.Builder
	held := goRun(&out, stage{name: "yes", what: "w", argv: []string{"true"}}, stage{name: "no", what: "w", argv: []string{"false"}},
		stage{name: "gone", what: "w", argv: []string{"./no-such-program"}}).all(t.Context())
	if s := out.String(); held || !strings.HasSuffix(s, "1 passed, 2 failed, 0 skipped\n") || !strings.Contains(s, "no-such-program") {
		t.Errorf("got\n%s", s)
	}
}

// watcher tells when a line that matches has been printed.
type watcher struct {
	strings.Builder
	want *regexp.Regexp
	seen chan string
}

func (w *watcher) Write(p []byte) (int, error) {
	n, err := w.Builder.Write(p)
	if m := w.want.FindStringSubmatch(w.String()); m != nil && w.seen != nil {
		w.seen <- m[1]
		w.seen = nil
	}
	return n, err
}

// A stage that ignores SIGINT and has a child of its own: both must be gone when the run ends.
func TestInterruptEndsTheWholeProcessGroup(t *testing.T) {
	seen := make(chan string, 1)
	out := &watcher{want: regexp.MustCompile(`child (\d+)\n`), seen: seen}
	script := "trap '' INT; sleep 1000 & echo child $!; wait"
	r := goRun(out, stage{name: "stuck", what: "w", argv: []string{"sh", "-c", script}}, stage{name: "next", what: "w", argv: []string{"true"}})
	r.grace = 50 * time.Millisecond
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan bool)
	go func() { ended <- r.all(ctx) }()
	pid := <-seen
	cancel(errInterrupted)
	if <-ended {
		t.Error("an interrupted run held")
	}
	if !strings.Contains(out.String(), "stage next: not run: interrupted") {
		t.Errorf("got\n%s", out.String())
	}
	for end := time.Now().Add(5 * time.Second); alive(pid) && time.Now().Before(end); {
		runtime.Gosched() // it is dead, but may not have been buried yet
	}
	if alive(pid) {
		t.Errorf("process %s is still there", pid)
	}
}

// alive reports whether the process still runs; a zombie that nobody has collected yet does not.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func TestUsedUpBudgetEndsTheRun(t *testing.T) {
	var out strings.Builder
	r := goRun(&out, stage{name: "slow", what: "w", argv: []string{"sleep", "1000"}})
	r.budget = 100 * time.Millisecond
	if r.all(t.Context()) || !strings.Contains(out.String(), errBudget.Error()) {
		t.Errorf("got\n%s", out.String())
	}
}

func TestSignalsInterruptTheRun(t *testing.T) {
	ctx := interruptible()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	if context.Cause(ctx) != errInterrupted {
		t.Errorf("cause is %v", context.Cause(ctx))
	}
}
