// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// runDirDefault is where the daemons have their sockets. The environment variable names another place.
const (
	runDirDefault  = "/run/plexus"
	runDirVariable = "PLEXUS_RUN_DIR"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		complain(os.Stderr, err)
	}
	os.Exit(exitCode(err))
}

func root() *cobra.Command {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, runDir: runDirDefault}
	if dir := os.Getenv(runDirVariable); dir != "" {
		a.runDir = dir
	}
	c := &cobra.Command{
		Use:           "plexus",
		Short:         "shared volumes for a cluster of Linux nodes",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       revision().String(),
	}
	c.SetVersionTemplate("{{.Version}}\n")
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return misuse(c, "%s: %v", c.CommandPath(), err) })
	c.PersistentFlags().VarP(&a.output, "output", "o", "`table` or json")
	c.PersistentFlags().StringVar(&a.runDir, "run-dir", a.runDir, "`folder` of the daemons' sockets")
	c.AddCommand(
		verbs("cluster", "membership of this node", clusterInit(a), clusterJoin(a), clusterLeave(a), clusterStatus(a), clusterToken(a)),
		verbs("disk", "disks of this node", diskList(a), diskInit(a)),
		verbs("dg", "disk groups", dgCreate(a), dgList(a), dgShow(a)),
		verbs("volume", "volumes", volumeCreate(a), volumeList(a), volumeShow(a), volumeResize(a), volumeRemove(a)),
		doctor(a),
		version(a),
	)
	onlyVerbs(c)
	return c
}

// verbs is a command that does nothing but hold others.
func verbs(name, short string, list ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: name, Short: short}
	c.AddCommand(list...)
	onlyVerbs(c)
	return c
}

// onlyVerbs makes a command without a verb, or with one that does not exist, a mistake.
func onlyVerbs(c *cobra.Command) {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return misuse(c, "%s: a verb is missing", c.CommandPath())
		}
		return misuse(c, "%s: %q is not a verb of it", c.CommandPath(), args[0])
	}
}
