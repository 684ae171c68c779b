// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/view"
	config "github.com/plexus-cvm/plexus/configd/api"
	vmtests "github.com/plexus-cvm/plexus/vm-tests"
)

const (
	group     = "data"
	linear    = "lin"
	striped   = "str"
	region    = 2048 // blocks that a writer goes round in: 8 MiB
	lookEvery = 100 * time.Millisecond
)

type demo struct {
	began time.Time
	times view.Times
	lab   *vmtests.Lab
	runs  uint64 // of writers
}

// patience is how long to wait for what must come about: an eviction, a boot, a join, one after the other.
func (d *demo) patience() time.Duration { return time.Minute + 3*d.times.Lease }

func (d *demo) say(format string, args ...any) {
	fmt.Printf("%7.1f  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

// plexus runs the command on a node and reads its JSON answer into out.
func (d *demo) plexus(ctx context.Context, node int, out any, args ...string) error {
	text, err := d.lab.Node(node).Run(ctx, append([]string{"plexus", "-o", "json"}, args...)...)
	if err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal([]byte(text), out); err != nil {
		return fmt.Errorf("node%d: plexus %s: %w: %s", node, strings.Join(args, " "), err, text)
	}
	return nil
}

func (d *demo) status(ctx context.Context, node int) (api.Status, error) {
	var s api.Status
	err := d.plexus(ctx, node, &s, "cluster", "status")
	return s, err
}

func (d *demo) group(ctx context.Context, node int) (config.Group, error) {
	var g config.Group
	err := d.plexus(ctx, node, &g, "dg", "show", group)
	return g, err
}

// until looks at a node's status again and again until it is as it must become.
func (d *demo) until(ctx context.Context, node int, what string, is func(api.Status) bool) (api.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, d.patience())
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var last api.Status
	for {
		s, err := d.status(ctx, node)
		if err == nil {
			if last = s; is(s) {
				return s, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last, fmt.Errorf("node%d: %s: not within %v; it says: %v %s, %v, %v", node, what, d.patience(), last.Condition, last.Stage, last.View, err)
		}
	}
}

// agree waits until all nodes named are members of one view that has just them, and returns its master.
func (d *demo) agree(ctx context.Context, nodes ...int) (view.View, error) {
	var v view.View
	for _, n := range nodes {
		s, err := d.until(ctx, n, fmt.Sprintf("a view of nodes %v", nodes), func(s api.Status) bool {
			return s.Condition == view.InView && len(s.View.Members) == len(nodes) && len(s.View.Joining) == 0
		})
		if err != nil {
			return v, err
		}
		if v.Seq != 0 && s.View.String() != v.String() {
			return d.agree(ctx, nodes...) // it has moved on while we looked
		}
		v = s.View
	}
	return v, nil
}

// sameHash waits until all nodes named have the group enabled with one hash, and returns it.
func (d *demo) sameHash(ctx context.Context, nodes ...int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, d.patience())
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		seen := map[string][]int{}
		for _, n := range nodes {
			g, err := d.group(ctx, n)
			key := fmt.Sprintf("version %d hash %.12s %s", g.Version, g.Hash, g.State)
			if err != nil {
				key = err.Error()
			}
			seen[key] = append(seen[key], n)
			if len(seen) == 1 && len(seen[key]) == len(nodes) && g.State == config.GroupEnabled {
				return key, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", fmt.Errorf("nodes %v do not have the group alike: %v", nodes, seen)
		}
	}
}

func volume(name string) string { return group + "/" + name }
func device(name string) string { return "/dev/plexus/" + group + "/" + name }

// start starts the daemons of a node.
func (d *demo) start(ctx context.Context, node int) error {
	_, err := d.lab.Node(node).Run(ctx, "systemctl", "start", "plexus-clusterd", "plexus-configd")
	return err
}
