// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Bounds on what is kept of one test's output; the rest is dropped, oldest first.
const (
	outputLinesMax = 200
	lineBytesMax   = 1 << 20
)

// event is one line of `go test -json`; the fields are described by `go doc test2json`.
type event struct {
	Action     string
	Package    string
	ImportPath string // of a build-output or build-fail event
	Test       string
	Elapsed    float64
	Output     string
}

// skip is a test that did not run, and why.
type skip struct {
	name   string // package path inside the module, dot, test
	reason string
}

// tally is what the events of one stage add up to.
type tally struct {
	passed int
	failed []string // names
	skips  []skip
}

// reader turns events into a tally, and tells say what a person waiting wants to see.
type reader struct {
	tally
	module string // import path prefix left out of names
	say    func(format string, args ...any)
	output map[string][]string // by name: output of what has not ended yet
	tests  map[string]int      // by package: how many ended
	failed map[string]bool     // packages in which a test failed, and tests of which a part did
	parted map[string]bool     // tests that have parts: these are counted, not the whole
}

func newReader(module string, say func(string, ...any)) *reader {
	return &reader{module: module, say: say, output: map[string][]string{}, tests: map[string]int{}, failed: map[string]bool{}, parted: map[string]bool{}}
}

// read consumes a stream of events. A line that is not one is shown as it is: the go command has things to say too.
func (r *reader) read(from io.Reader) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, lineBytesMax)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Action == "" {
			r.say("%s", lines.Text())
			continue
		}
		r.take(e)
	}
	return lines.Err()
}

func (r *reader) take(e event) {
	name := r.name(e)
	switch e.Action {
	case "output":
		r.keep(name, e.Output)
	case "build-output":
		r.say("%s", strings.TrimRight(e.Output, "\n"))
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.packageEnded(e, name)
		} else {
			r.testEnded(e, name)
		}
		delete(r.output, name)
	}
}

// shownSeconds is from how many seconds on a single test is worth a progress line.
const shownSeconds = 2

func (r *reader) testEnded(e event, name string) {
	r.tests[e.Package]++
	whole := r.parted[name]
	for at, c := range name {
		if c == '/' {
			r.parted[name[:at]] = true
			r.failed[name[:at]] = r.failed[name[:at]] || e.Action == "fail"
		}
	}
	switch e.Action {
	case "pass":
		if !whole {
			r.passed++
		}
		if e.Elapsed >= shownSeconds {
			r.say("ok    %s %.1fs", name, e.Elapsed)
		}
	case "fail":
		said := own(r.output[name])
		if whole && r.failed[name] && len(said) == 0 {
			return // its parts have said it all
		}
		r.tally.failed = append(r.tally.failed, name)
		r.failed[e.Package] = true
		r.say("FAIL  %s %.1fs", name, e.Elapsed)
		for _, line := range said {
			r.say("      %s", line)
		}
	case "skip":
		r.skips = append(r.skips, skip{name, reason(r.output[name])})
	}
}

func (r *reader) packageEnded(e event, name string) {
	switch {
	case e.Action == "pass" && r.tests[e.Package] > 0:
		r.say("ok    %s %d tests %.1fs", name, r.tests[e.Package], e.Elapsed)
	case e.Action == "fail" && !r.failed[e.Package]:
		// It did not build, or died outside of any test.
		r.tally.failed = append(r.tally.failed, name)
		r.say("FAIL  %s", name)
		for _, line := range r.output[name] {
			r.say("      %s", line)
		}
	}
}

// unended returns the names of tests that were still running when the stream ended.
func (r *reader) unended() []string {
	var names []string
	for name := range r.output {
		if strings.Contains(name, ".Test") || strings.Contains(name, ".Fuzz") || strings.Contains(name, ".Example") {
			names = append(names, name)
		}
	}
	return names
}

// name is how a package or test is printed and matched: `dm/kernel.TestLoad/linear`.
func (r *reader) name(e event) string {
	p := strings.TrimPrefix(strings.TrimPrefix(e.Package, r.module), "/")
	if p == "" {
		p = "."
	}
	if e.Test == "" {
		return p
	}
	return p + "." + e.Test
}

func (r *reader) keep(name, text string) {
	list := append(r.output[name], strings.TrimRight(text, "\n"))
	if len(list) > outputLinesMax {
		list = list[len(list)-outputLinesMax:]
	}
	r.output[name] = list
}

var place = regexp.MustCompile(`^\s*[\w.-]+\.go:\d+: `)

// own leaves out the lines that the test framework prints around a test.
func own(output []string) []string {
	return slices.DeleteFunc(slices.Clone(output), func(line string) bool {
		line = strings.TrimSpace(line)
		return line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ")
	})
}

// reason is what a skipped test said.
func reason(output []string) string {
	var said []string
	for _, line := range own(output) {
		said = append(said, strings.TrimSpace(place.ReplaceAllString(line, "")))
	}
	return strings.Join(said, " ")
}
