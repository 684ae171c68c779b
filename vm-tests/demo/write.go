// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
	vmtests "github.com/plexus-cvm/plexus/vm-tests"
	"github.com/plexus-cvm/plexus/vm-tests/blocks"
)

// report is what the writer program prints.
type report struct {
	Written      uint64        `json:"written"`
	Last         uint64        `json:"last"`
	LastDone     view.Tick     `json:"last_done"`
	Error        string        `json:"error"`
	Errno        int           `json:"errno"`
	FailedAt     view.Tick     `json:"failed_at"`
	LongestPause time.Duration `json:"longest_pause"`
	Start        view.Tick     `json:"start"`
	End          view.Tick     `json:"end"`
}

// writer is a writer program under way on a node.
type writer struct {
	node int
	run  uint64
	cmd  *vmtests.Cmd
	out  bytes.Buffer
	err  bytes.Buffer
}

// write starts a writer of numbered blocks on a node; it writes without pause until it is stopped or fails.
func (d *demo) write(ctx context.Context, node int, name string) (*writer, error) {
	d.runs++
	w := &writer{node: node, run: d.runs}
	w.cmd = d.lab.Node(node).Command("writer", "--node", strconv.Itoa(node), "--run", strconv.FormatUint(w.run, 10),
		"--blocks", strconv.Itoa(region), device(name))
	w.cmd.Stdout, w.cmd.Stderr = &w.out, &w.err
	return w, w.cmd.Start(ctx)
}

// stop ends a writer that is to have written until now.
func (d *demo) stop(ctx context.Context, w *writer) (report, error) {
	if err := w.cmd.Signal(ctx, syscall.SIGTERM); err != nil {
		return report{}, err
	}
	return d.wait(ctx, w)
}

// wait returns the report of a writer that ends by itself.
func (d *demo) wait(ctx context.Context, w *writer) (report, error) {
	ctx, cancel := context.WithTimeout(ctx, d.patience())
	defer cancel()
	var r report
	if err := w.cmd.Wait(ctx); err != nil {
		return r, fmt.Errorf("the writer on node%d: %w: %s", w.node, err, w.err.String())
	}
	err := json.Unmarshal(w.out.Bytes(), &r)
	return r, err
}

// landed reads the writer's region from the target's side.
func (d *demo) landed(disk *vmtests.TargetDisk, offset int64) (map[int]blocks.Block, error) {
	return blocks.Read(disk, offset, region)
}

// boottime is the CLOCK_BOOTTIME of a node, to a hundredth of a second.
func (d *demo) boottime(ctx context.Context, node int) (view.Tick, error) {
	text, err := d.lab.Node(node).Run(ctx, "cat", "/proc/uptime")
	if err != nil {
		return 0, err
	}
	word, _, _ := strings.Cut(text, " ")
	seconds, err := strconv.ParseFloat(word, 64)
	return view.Tick(seconds * 1e9), err
}

// sameBytes has one node write and all three read.
func (d *demo) sameBytes(ctx context.Context) error {
	for _, name := range []string{linear, striped} {
		if _, err := d.lab.Node(1).Run(ctx, "dd", "if=/dev/urandom", "of="+device(name), "bs=1M", "count=4", "oflag=direct", "status=none"); err != nil {
			return err
		}
		sums := map[string]bool{}
		for n := 1; n <= 3; n++ {
			sum, err := d.lab.Node(n).Shell(ctx, "dd if="+device(name)+" bs=1M count=4 iflag=direct status=none | sha256sum")
			if err != nil {
				return err
			}
			sums[sum] = true
			d.say("%s on node%d: %.16s", name, n, sum)
		}
		if len(sums) != 1 {
			return fmt.Errorf("volume %s reads differently on the nodes", name)
		}
	}
	return nil
}

// grow makes a volume longer while a node writes to it.
func (d *demo) grow(ctx context.Context) error {
	w, err := d.write(ctx, 2, linear)
	if err != nil {
		return err
	}
	if err := d.plexus(ctx, 1, nil, "volume", "resize", volume(linear), "+32m"); err != nil {
		return err
	}
	if _, err := d.sameHash(ctx, 1, 2, 3); err != nil {
		return err
	}
	r, err := d.stop(ctx, w)
	if err != nil {
		return err
	}
	if r.Error != "" || r.Written == 0 {
		return fmt.Errorf("the writer on node2 saw %q after %d writes", r.Error, r.Written)
	}
	for n := 1; n <= 3; n++ {
		size, err := d.lab.Node(n).Run(ctx, "blockdev", "--getsize64", device(linear))
		if err != nil {
			return err
		}
		if strings.TrimSpace(size) != strconv.Itoa(96<<20) {
			return fmt.Errorf("on node%d the volume has %s bytes, want %d", n, strings.TrimSpace(size), 96<<20)
		}
	}
	d.say("64 to 96 MiB on all nodes; node2 made %d writes meanwhile, no error, longest pause %v", r.Written, r.LongestPause.Round(time.Millisecond))
	return d.sameTables(ctx, 1, 2, 3)
}
