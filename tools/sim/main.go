// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/pflag"

	"github.com/plexus-cvm/plexus/tools/sim/world"
)

const progressEvery = 5 * time.Second

// options are the flags.
type options struct {
	seeds, first uint64
	nodes, steps int
	jobs         int
	trace, stop  bool
	stride       uint64 // of a child process: every stride-th seed
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "sim: %v\n", err)
		return 3
	}
	var t totals
	switch {
	case o.trace:
		t = trace(o, stdout)
	case o.jobs > 1 && o.seeds > 1 && !o.stop:
		t, err = share(o, stdout, stderr)
	default:
		t = serial(o, stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "sim: %v\n", err)
		return 1
	}
	fmt.Fprintln(stdout, t.Covered)
	fmt.Fprintln(stdout, t)
	if t.Violations > 0 {
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := pflag.NewFlagSet("sim", pflag.ContinueOnError)
	f.SetOutput(stderr)
	f.Uint64Var(&o.seeds, "seeds", 100, "how many seeds to run")
	f.Uint64Var(&o.first, "first", 1, "the first seed")
	f.IntVar(&o.nodes, "nodes", 0, "nodes in the cluster, 3 to 5; 0: by the seed")
	f.IntVar(&o.steps, "steps", 0, "end each run after so many steps; 0: when it is over")
	f.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "processes to share the seeds among")
	f.BoolVar(&o.trace, "trace", false, "print the whole trace of the first seed")
	f.BoolVar(&o.stop, "stop", false, "stop at the first violation")
	f.Uint64Var(&o.stride, "stride", 1, "run only every n-th seed")
	if err := f.Parse(dashed(args)); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.nodes != 0 && (o.nodes < 3 || o.nodes > 5):
		return o, fmt.Errorf("%d nodes are not 3 to 5", o.nodes)
	case o.seeds < 1 || o.stride < 1 || o.steps < 0 || o.jobs < 1:
		return o, fmt.Errorf("seeds, stride and jobs must be positive, steps not negative")
	}
	return o, nil
}

// dashed lets -seeds stand for --seeds.
func dashed(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if len(a) > 2 && a[0] == '-' && a[1] != '-' {
			a = "-" + a
		}
		out[i] = a
	}
	return out
}

// of gives the options of one seed.
func (o options) of(seed uint64) world.Options {
	n := o.nodes
	if n == 0 {
		n = 3 + int(seed%3)
	}
	return world.Options{Seed: seed, Nodes: n, Steps: o.steps}
}

// serial runs the seeds one after another in this process.
func serial(o options, out io.Writer) totals {
	var t totals
	last := time.Now()
	for i := uint64(0); i < o.seeds; i += o.stride {
		opt := o.of(o.first + i)
		r := world.Run(opt)
		t.add(totals{Seeds: 1, Steps: r.Steps, Covered: r.Coverage})
		if r.Violation != "" {
			t.Violations++
			report(out, opt, r)
			if o.stop {
				break
			}
		}
		if time.Since(last) > progressEvery {
			last = time.Now()
			fmt.Fprintf(out, "seed %d: %v so far\n", opt.Seed, t)
		}
	}
	return t
}

func report(out io.Writer, opt world.Options, r world.Result) {
	fmt.Fprintf(out, "faults: %s\n", r.Faults)
	for _, l := range r.Tail {
		fmt.Fprintf(out, "  %s\n", l)
	}
	fmt.Fprintf(out, "violation %s\n", r.Violation)
	fmt.Fprintf(out, "repeat: go run ./tools/sim -first %d -seeds 1 -nodes %d -steps %d\n", opt.Seed, opt.Nodes, opt.Steps)
}

// trace prints every line of one seed.
func trace(o options, out io.Writer) totals {
	opt := o.of(o.first)
	opt.Trace = true
	r := world.Run(opt)
	t := totals{Seeds: 1, Steps: r.Steps, Covered: r.Coverage}
	if r.Violation != "" {
		t.Violations = 1
	}
	report(out, opt, r)
	return t
}
