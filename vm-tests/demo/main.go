// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/plexus-cvm/plexus/clusterd/view"
	vmtests "github.com/plexus-cvm/plexus/vm-tests"
)

// step is one thing that must hold.
type step struct {
	name string
	run  func(*demo, context.Context) error
}

var steps = []step{
	{"1 three nodes found a cluster", (*demo).found},
	{"2 disks, and one group on all nodes", (*demo).share},
	{"3 volumes with the same tables everywhere", (*demo).volumes},
	{"4 one node writes, all read the same", (*demo).sameBytes},
	{"5 a volume grows under a writer", (*demo).grow},
	{"6a a node whose clusterd stands still loses its disks", (*demo).stoppedDaemon},
	{"6b a node that is frozen loses its disks", (*demo).frozenNode},
	{"7a the interconnect is down for two seconds", (*demo).interconnectDown},
	{"7b the master dies while a volume is created", (*demo).masterDies},
	{"8 a clean leave waits for who has a volume open", (*demo).cleanLeave},
}

func main() {
	kernel := pflag.String("kernel", "6.12", "series of the stock Debian kernel in the nodes")
	heartbeat := pflag.Duration("heartbeat", view.HeartbeatDefault, "of the cluster; a longer one stands a busy machine")
	only := pflag.Int("steps", len(steps), "stop after so many steps")
	verbose := pflag.Bool("verbose", false, "print the progress of the lab, and keep its logs")
	pflag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kernel, *heartbeat, min(*only, len(steps)), *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kernel string, heartbeat time.Duration, n int, verbose bool) (err error) {
	began := time.Now()
	d := &demo{began: began, times: view.TimesFrom(heartbeat)}
	if err := d.times.Check(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "plexus-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := d.open(ctx, dir, kernel, verbose); err != nil {
		return err
	}
	held := 0
	defer func() {
		if err != nil || verbose {
			if at, kerr := d.lab.Keep(); kerr == nil {
				fmt.Printf("consoles and journals are in %s\n", at)
			}
		}
		err = errors.Join(err, d.lab.Close())
		fmt.Printf("demo: %d of %d steps held\n", held, len(steps))
	}()
	for _, s := range steps[:n] {
		from := time.Now()
		fmt.Printf("\n== step %s\n", s.name)
		if err := s.run(d, ctx); err != nil {
			return fmt.Errorf("step %s does not hold: %w", s.name, err)
		}
		held++
		fmt.Printf("   held, %.1f s\n", time.Since(from).Seconds())
	}
	fmt.Printf("\nall in %.0f s\n", time.Since(began).Seconds())
	return nil
}

// open makes the lab: three nodes with the product installed, logged in to three disks.
func (d *demo) open(ctx context.Context, dir, kernel string, verbose bool) error {
	d.say("building, and booting three nodes with kernel %s", kernel)
	program := dir + "/writer"
	if err := vmtests.Build(ctx, "./vm-tests/writer", program); err != nil {
		return err
	}
	files := []vmtests.File{
		{Path: "/usr/local/bin/writer", Mode: 0o755, Host: program},
		// A stopped clusterd is to stay stopped until this program lets it go on; systemd would replace it after 10 s. And
		// a node that boots waits for its disks: their sessions are opened by this program, not by the boot.
		{Path: "/etc/systemd/system/plexus-clusterd.service.d/demo.conf", Data: []byte(
			"[Unit]\nConditionPathExistsGlob=/dev/disk/by-path/*iscsi*\n[Service]\nWatchdogSec=0\n")},
	}
	log := func(string, ...any) {}
	if verbose {
		log = d.say
	}
	lab, err := vmtests.New(ctx, vmtests.Options{
		Kernel: kernel, Nodes: 3, CPUs: 1, Disks: 3, Plexus: true, Heartbeat: d.times.Heartbeat, Files: files, Log: log,
	})
	if err != nil {
		return err
	}
	d.lab = lab
	if err := d.lab.LoginAll(ctx); err != nil {
		return errors.Join(err, d.lab.Close())
	}
	d.say("three nodes are up, each with the same three iSCSI disks")
	return nil
}
