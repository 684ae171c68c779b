// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Why a run ends before its last stage.
var (
	errInterrupted = errors.New("interrupted")
	errBudget      = errors.New("the time budget is used up")
)

// run is one pass over a list of stages. It is used by one goroutine.
type run struct {
	stages   []stage
	packages []string // what ./... stands for
	module   string
	accepted []allowed
	strict   bool // a skip that is not listed is a failure
	budget   time.Duration
	grace    time.Duration
	out      io.Writer

	began time.Time
	tally
}

// all runs the stages and prints the report. It returns whether everything held.
func (r *run) all(ctx context.Context) bool {
	r.began = time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, r.budget, errBudget)
	defer cancel()
	for i, s := range r.stages {
		if ctx.Err() != nil {
			r.failed = append(r.failed, fmt.Sprintf("stage %s: not run: %v", s.name, context.Cause(ctx)))
			continue
		}
		r.one(ctx, fmt.Sprintf("[%d/%d] %s", i+1, len(r.stages), s.name), s)
	}
	r.report()
	return len(r.failed) == 0
}

func (r *run) one(ctx context.Context, title string, s stage) {
	fmt.Fprintf(r.out, "%s: %s\n", title, s.what)
	began := time.Now()
	say := func(format string, args ...any) { fmt.Fprintf(r.out, "      "+format+"\n", args...) }
	var got tally
	var err error
	if s.gotest {
		got, err = r.tests(ctx, s, say)
	} else {
		got, err = r.plain(ctx, s, say)
	}
	if err != nil && len(got.failed) == 0 || ctx.Err() != nil {
		got.failed = append(got.failed, fmt.Sprintf("stage %s: %v", s.name, err))
	}
	got = r.judge(got)
	r.add(got)
	word := "ok"
	if len(got.failed) > 0 {
		word = "FAIL"
	}
	fmt.Fprintf(r.out, "%s: %s: %s in %s (%s of %s)\n", title, word, got, seconds(time.Since(began)),
		seconds(time.Since(r.began)), r.budget)
}

// plain runs a command whose exit status says it all. Its output is passed on as it comes.
func (r *run) plain(ctx context.Context, s stage, say func(string, ...any)) (tally, error) {
	err := command(ctx, s.argv, s.env, r.grace, func(from io.Reader) error {
		lines := bufio.NewScanner(from)
		lines.Buffer(nil, lineBytesMax)
		for lines.Scan() {
			say("%s", lines.Text())
		}
		return lines.Err()
	})
	if err != nil {
		return tally{}, fmt.Errorf("%s: %w", strings.Join(s.argv, " "), err)
	}
	return tally{passed: 1}, nil
}

func (r *run) tests(ctx context.Context, s stage, say func(string, ...any)) (tally, error) {
	rd := newReader(r.module, say)
	err := command(ctx, spread(s, r.packages).argv, s.env, r.grace, rd.read)
	if err == nil && rd.passed+len(rd.tally.failed)+len(rd.skips) == 0 {
		err = errors.New("no test ran")
	}
	if err != nil {
		for _, name := range rd.unended() {
			rd.tally.failed = append(rd.tally.failed, name+": did not end")
		}
	}
	return rd.tally, err
}

// judge turns skips that are not accepted into failures.
func (r *run) judge(t tally) tally {
	if !r.strict {
		return t
	}
	var kept []skip
	for _, s := range t.skips {
		if listed(r.accepted, s) {
			kept = append(kept, s)
		} else {
			t.failed = append(t.failed, fmt.Sprintf("%s: skipped, and not listed in %s: %s", s.name, skipsFile, s.reason))
		}
	}
	t.skips = kept
	return t
}

func (r *run) add(t tally) {
	r.passed += t.passed
	r.failed = append(r.failed, t.failed...)
	r.skips = append(r.skips, t.skips...)
}

func (r *run) report() {
	if len(r.skips) > 0 {
		fmt.Fprintln(r.out, "\nskipped:")
		slices.SortFunc(r.skips, func(a, b skip) int { return strings.Compare(a.name, b.name) })
		for _, s := range r.skips {
			fmt.Fprintf(r.out, "  %s: %s\n", s.name, s.reason)
		}
	}
	if len(r.failed) > 0 {
		fmt.Fprintln(r.out, "\nfailed:")
		for _, name := range r.failed {
			fmt.Fprintf(r.out, "  %s\n", name)
		}
	}
	fmt.Fprintf(r.out, "\ntime: %s of %s\n%s\n", seconds(time.Since(r.began)), r.budget, r.tally)
}

func (t tally) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", t.passed, len(t.failed), len(t.skips))
}

func seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
