//go:build vm

// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"
)

// TestGuest runs the tests with the build tag guest of every package that has some, in a kernel guest of their own, on each
// kernel. A test of theirs is a sub-test here: TestGuest/6.12/dm/kernel/TestName.
func TestGuest(t *testing.T) {
	packages, err := guestPackages(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, series := range seriesUnderTest() {
		t.Run(series, func(t *testing.T) {
			for _, pkg := range packages {
				t.Run(pkg, func(t *testing.T) { runGuestPackage(t, series, pkg) })
			}
		})
	}
}

func runGuestPackage(t *testing.T, series, pkg string) {
	need := guestNeeds[pkg]
	if need.limit == 0 {
		need.limit = guestTestLimit
	}
	ctx, cancel := context.WithTimeout(t.Context(), need.limit+2*bootLimit)
	defer cancel()
	files, err := compileGuestTests(ctx, pkg, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g, err := StartKernelGuest(ctx, KernelOptions{
		Kernel: series, CPUs: need.cpus, MemoryMB: need.memoryMB, Boot: need.boot, Files: files, Log: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	defer keepOnFailure(t, g)
	for _, module := range need.modules {
		if err := g.Modprobe(ctx, module); err != nil {
			t.Fatal(err)
		}
	}

	var out bytes.Buffer
	argv := []string{guestTestDir + "/guest.test", "-test.v=test2json", "-test.timeout=" + need.limit.String()}
	if run := guestRunPattern(pkg); run != "" {
		argv = append(argv, "-test.run="+run)
	}
	cmd := g.Command(argv...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = guestTestDir, []string{"PLEXUS_GUEST=" + series}, &out, &out
	if err := cmd.Start(ctx); err != nil {
		t.Fatal(err)
	}
	ended := cmd.Wait(ctx)
	if ctx.Err() != nil {
		t.Fatalf("%v; the console is %s", ended, g.Console())
	}
	top, rest, err := parseTestOutput(ctx, out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range top {
		report(t, r)
	}
	switch {
	case len(top) == 0:
		t.Errorf("no test ran: %v\n%s", ended, rest)
	case ended != nil:
		t.Errorf("%v\n%s", ended, rest)
	}
	if err := g.CheckKernelLog(ctx); err != nil {
		t.Error(err)
	}
}

// report shows a result from the guest as a sub-test of this run.
func report(t *testing.T, r *testResult) {
	name := strings.TrimPrefix(r.name, trimTo(t.Name(), r.name))
	t.Run(name, func(t *testing.T) {
		for _, part := range r.parts {
			report(t, part)
		}
		text := strings.TrimRight(r.output.String(), "\n")
		switch r.outcome {
		case "pass":
			if text != "" {
				t.Log("\n" + text)
			}
		case "skip":
			t.Skip(strings.TrimSpace(text))
		case "fail":
			t.Error("\n" + text)
		default:
			t.Errorf("did not end\n%s", text)
		}
	})
}

// trimTo is the leading part of a result's name that its reporting parent stands for already.
func trimTo(parent, name string) string {
	for i := strings.LastIndex(name, "/"); i > 0; i = strings.LastIndex(name[:i], "/") {
		if strings.HasSuffix(parent, "/"+name[:i]) {
			return name[:i+1]
		}
	}
	return ""
}

// guestRunPattern is the part of -run that lies beyond TestGuest/SERIES/PACKAGE: the guest's own -run.
func guestRunPattern(pkg string) string {
	elements := strings.Split(flag.Lookup("test.run").Value.String(), "/")
	beyond := 2 + strings.Count(pkg, "/") + 1
	if len(elements) <= beyond {
		return ""
	}
	return strings.Join(elements[beyond:], "/")
}

// keepOnFailure keeps the guest's console and kernel log and says where.
func keepOnFailure(t *testing.T, g *KernelGuest) {
	if !t.Failed() {
		return
	}
	dir, err := g.Keep(context.WithoutCancel(t.Context()))
	if err != nil {
		dir = fmt.Sprintf("lost: %v", err)
	}
	t.Logf("console and kernel log: %s", dir)
}
