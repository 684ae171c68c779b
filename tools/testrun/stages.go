// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
)

// A stage is one command of the run.
type stage struct {
	name   string
	what   string   // one line for --list
	argv   []string // the command
	gotest bool     // it is a `go test -json`
	env    []string // added to the environment
}

// stages is the whole list, in the order in which they run: what is quick and most likely to fail comes first.
func stages() []stage {
	return []stage{
		{name: "vet", what: "go vet over all packages, with the tests that run in guests", argv: []string{"go", "vet", "-tags", "vm,guest", "./..."}},
		goTest("lint", "the rules of the house, gofmt among them", "./tools/lint/"),
		goTest("unit", "the tests of every other package", "./..."),
		{name: "sim", what: "400 seeds of the simulated cluster", argv: []string{"go", "run", "./tools/sim", "--seeds", "400"}},
		{name: "mutants", what: "the simulator notices each rule that is broken on purpose", argv: []string{"go", "run", "./tools/sim/mutants"}},
		vm("harness", "the virtual machines themselves: boot, networks, disks, faults, and that nothing is left behind",
			"-skip", "^TestGuest$", "-kernel", "6.12"),
		vm("guest-6.12", "device-mapper, gate and netlink tests inside guests with a stock 6.12 kernel",
			"-run", "^TestGuest$", "-kernel", "6.12"),
		vm("guest-6.1", "the same with a stock 6.1 kernel",
			"-run", "^TestGuest$", "-kernel", "6.1"),
		{name: "demo", what: "the main job from end to end: three nodes with a stock 6.12 kernel, a slower heartbeat for slow machines",
			argv: []string{"go", "run", "./vm-tests/demo", "--heartbeat", "1s"}},
	}
}

// ownStage lists the packages that have a stage of their own, and so are left out of a pattern with dots.
var ownStage = []string{"/tools/lint"}

func goTest(name, what string, args ...string) stage {
	return stage{name: name, what: what, gotest: true, argv: append([]string{"go", "test", "-json"}, args...)}
}

// vm is a stage of the tests that boot virtual machines; they are never taken from the cache of test results.
func vm(name, what string, args ...string) stage {
	return goTest(name, what, append([]string{"-tags", "vm", "-count", "1", "-timeout", "20m", "./vm-tests"}, args...)...)
}

// pick returns the stages named in the comma-separated list, in the order of the run; an empty list is all of them.
func pick(all []stage, list string) ([]stage, error) {
	if list == "" {
		return all, nil
	}
	names := strings.Split(list, ",")
	var picked []stage
	for _, s := range all {
		if slices.Contains(names, s.name) {
			picked = append(picked, s)
		}
	}
	for _, n := range names {
		if !slices.ContainsFunc(all, func(s stage) bool { return s.name == n }) {
			return nil, fmt.Errorf("no stage is called %q; testrun --list names them", n)
		}
	}
	return picked, nil
}

// spread replaces the pattern ./... in a stage's command by the packages that have no stage of their own.
func spread(s stage, packages []string) stage {
	at := slices.Index(s.argv, "./...")
	if !s.gotest || at < 0 {
		return s
	}
	rest := slices.DeleteFunc(slices.Clone(packages), func(p string) bool {
		return slices.ContainsFunc(ownStage, func(own string) bool { return strings.HasSuffix(p, own) })
	})
	s.argv = slices.Concat(s.argv[:at], rest, s.argv[at+1:])
	return s
}
