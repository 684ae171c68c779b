// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestTheLastLineCounts(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run([]string{"-seeds", "3", "-first", "7", "-nodes", "3", "-steps", "500", "-jobs", "1"}, &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s%s", code, out.String(), errs.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	got, ok := parseTotals(lines[len(lines)-1])
	if want := (totals{Seeds: 3, Steps: 1500}); !ok || got != want {
		t.Errorf("the last line is %q, want %v", lines[len(lines)-1], want)
	}
}

func TestBadFlagsAreNamed(t *testing.T) {
	for _, args := range [][]string{{"-nodes", "2"}, {"-seeds", "0"}, {"-sede", "1"}, {"seven"}} {
		var out, errs bytes.Buffer
		if code := run(args, &out, &errs); code != 3 || !strings.Contains(errs.String(), "sim: ") {
			t.Errorf("%v: exit %d, %q", args, code, errs.String())
		}
	}
}

func TestAViolationIsPassedOnWhole(t *testing.T) {
	in := "faults: loss\n  a line\nviolation S1: two views\nrepeat: go run ./tools/sim -first 4\n1 seeds, 9 steps, 1 violations\n"
	var seen []string
	_, last := copyLines(strings.NewReader(in), func(s string) { seen = append(seen, s) })
	if len(seen) != 1 || strings.Count(seen[0], "\n") != 3 || !strings.HasPrefix(last, "1 seeds") {
		t.Errorf("passed on %q, last %q", seen, last)
	}
}
