// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// budgetDefault is what `make test` may take on two cores.
const budgetDefault = 30 * time.Minute

func main() {
	flags := pflag.NewFlagSet("testrun", pflag.ContinueOnError)
	list := flags.Bool("list", false, "print the stages and exit")
	names := flags.String("stages", "", "comma-separated names of the stages to run; default all")
	budget := flags.Duration("budget", budgetDefault, "time for the whole run")
	if err := flags.Parse(os.Args[1:]); err != nil {
		usage(err)
	}
	picked, err := pick(stages(), *names)
	if err != nil {
		usage(err)
	}
	if *list {
		for _, s := range picked {
			fmt.Printf("%-10s %s\n", s.name, s.what)
		}
		return
	}
	r := &run{stages: picked, strict: os.Getenv("CI") == "true", budget: *budget, grace: graceTime, out: os.Stdout}
	if r.module, r.packages, err = goList(); err != nil {
		fatal(err)
	}
	if r.accepted, err = loadSkips(skipsFile); err != nil {
		fatal(err)
	}
	if !r.all(interruptible()) {
		os.Exit(1)
	}
}

// interruptible returns a context that SIGINT, SIGTERM or SIGHUP ends.
func interruptible() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		cancel(errInterrupted)
	}()
	return ctx
}

func goList() (module string, packages []string, err error) {
	out, err := exec.Command("go", "list", "-m").Output()
	if err != nil {
		return "", nil, fmt.Errorf("ask go for the module: %w", err)
	}
	module = strings.TrimSpace(string(out))
	if out, err = exec.Command("go", "list", "./...").Output(); err != nil {
		return "", nil, fmt.Errorf("ask go for the packages: %w", err)
	}
	return module, strings.Fields(string(out)), nil
}

func usage(err error) {
	fmt.Fprintln(os.Stderr, "testrun:", err)
	os.Exit(3)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "testrun:", err)
	os.Exit(1)
}
