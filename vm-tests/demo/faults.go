// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

const outage = 2 * time.Second

// interconnectDown takes the interconnect away for a moment: a pause for all writers, an error for none.
func (d *demo) interconnectDown(ctx context.Context) error {
	before, err := d.agree(ctx, 1, 2, 3)
	if err != nil {
		return err
	}
	var writers []*writer
	for n := 1; n <= 3; n++ {
		w, err := d.write(ctx, n, []string{linear, striped, striped}[n-1])
		if err != nil {
			return err
		}
		writers = append(writers, w)
	}
	if err := d.lab.Interconnect.Down(); err != nil {
		return err
	}
	d.say("the interconnect is down")
	select {
	case <-time.After(outage):
	case <-ctx.Done():
	}
	if err := d.lab.Interconnect.Up(); err != nil {
		return err
	}
	d.say("it is up again")
	after, err := d.agree(ctx, 1, 2, 3)
	if err != nil {
		return err
	}
	for _, w := range writers {
		r, err := d.stop(ctx, w)
		if err != nil {
			return err
		}
		if r.Error != "" {
			return fmt.Errorf("the writer on node%d saw %q after %d writes", w.node, r.Error, r.Written)
		}
		d.say("node%d: %d writes, no error, longest pause %v", w.node, r.Written, r.LongestPause.Round(time.Millisecond))
	}
	for _, m := range before.Members {
		if !after.Has(m.Node, m.Inc) {
			return fmt.Errorf("node %d has left: %v became %v", m.Node, before, after)
		}
	}
	d.say("nobody has left: %v", after)
	return nil
}

// masterDies kills the master three times in the middle of a change.
func (d *demo) masterDies(ctx context.Context) error {
	for i := range 3 {
		if err := d.masterDiesOnce(ctx, fmt.Sprintf("vol%d", i+1)); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) masterDiesOnce(ctx context.Context, name string) error {
	v, err := d.agree(ctx, 1, 2, 3)
	if err != nil {
		return err
	}
	master := int(v.Master)
	var others []int
	for n := 1; n <= 3; n++ {
		if n != master {
			others = append(others, n)
		}
	}
	wait := time.Duration(rand.IntN(800)) * time.Millisecond
	asked := d.lab.Node(others[0]).Command("plexus", "volume", "create", volume(name), "16m")
	if err := asked.Start(ctx); err != nil {
		return err
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return ctx.Err()
	}
	d.lab.Node(master).Kill()
	d.say("node%d, the master, was killed %v after node%d asked for volume %s", master, wait, others[0], name)
	answer := asked.Wait(ctx)
	for _, n := range others {
		if _, err := d.until(ctx, n, "a view with a new master", func(s api.Status) bool {
			return s.Condition == view.InView && len(s.View.Members) == 2 && s.View.Master != 0 && int(s.View.Master) != master
		}); err != nil {
			return err
		}
	}
	hash, err := d.sameHash(ctx, others...)
	if err != nil {
		return err
	}
	exists, err := d.wholeOrNowhere(ctx, name, others...)
	if err != nil {
		return err
	}
	if answer == nil && !exists {
		return fmt.Errorf("volume %s was promised and does not exist", name)
	}
	d.say("a new master; volume %s exists: %v, on both alike; the command said: %v; %s", name, exists, said(answer), hash)
	if err := d.lab.Node(master).Boot(ctx); err != nil {
		return err
	}
	if err := d.lab.Node(master).Login(ctx); err != nil {
		return err
	}
	if err := d.start(ctx, master); err != nil {
		return err
	}
	if v, err = d.agree(ctx, 1, 2, 3); err != nil {
		return err
	}
	if hash, err = d.sameHash(ctx, 1, 2, 3); err != nil {
		return err
	}
	d.say("node%d has booted and joined: %v; all three: %s", master, v, hash)
	return d.sameTables(ctx, 1, 2, 3)
}

func said(err error) string {
	if err == nil {
		return "done"
	}
	return strings.TrimSpace(err.Error())
}

// wholeOrNowhere reports whether a volume exists, on all nodes named alike: in the configuration and as a device.
func (d *demo) wholeOrNowhere(ctx context.Context, name string, nodes ...int) (bool, error) {
	seen := map[bool][]int{}
	for _, n := range nodes {
		g, err := d.group(ctx, n)
		if err != nil {
			return false, err
		}
		configured := false
		for _, v := range g.Volumes {
			configured = configured || v.Name == name
		}
		_, err = d.lab.Node(n).Run(ctx, "dmsetup", "table", group+"-"+name)
		if loaded := err == nil; loaded != configured {
			return false, fmt.Errorf("on node%d volume %s is configured: %v, has a table: %v", n, name, configured, loaded)
		}
		seen[configured] = append(seen[configured], n)
	}
	if len(seen) != 1 {
		return false, fmt.Errorf("volume %s exists on nodes %v and not on nodes %v", name, seen[true], seen[false])
	}
	return len(seen[true]) > 0, nil
}

// cleanLeave lets a node leave that has a volume open.
func (d *demo) cleanLeave(ctx context.Context) error {
	node := d.lab.Node(3)
	holder := node.Command("bash", "-c", "exec sleep 1000 3<"+device(linear))
	if err := holder.Start(ctx); err != nil {
		return err
	}
	if _, err := node.Shell(ctx, "until [ $(dmsetup info -c --noheadings -o open "+group+"-"+linear+") -gt 0 ]; do sleep 0.1; done"); err != nil {
		return err
	}
	leave := node.Command("plexus", "cluster", "leave")
	if err := leave.Start(ctx); err != nil {
		return err
	}
	s, err := d.until(ctx, 3, "a leave that waits for a holder", func(s api.Status) bool {
		return s.Condition == view.Leaving && len(s.Waiting) > 0 && s.Waiting[0].Holder == "sleep"
	})
	if err != nil {
		return err
	}
	d.say("node3 is %v, %s: %s, held by %s (pid %d)", s.Condition, s.Stage, s.Waiting[0].Volume, s.Waiting[0].Holder, s.Waiting[0].PID)
	if _, err := node.Run(ctx, "kill", fmt.Sprint(s.Waiting[0].PID)); err != nil {
		return err
	}
	from := time.Now()
	_ = holder.Wait(ctx) // ended by the signal
	if err := leave.Wait(ctx); err != nil {
		return fmt.Errorf("plexus cluster leave: %w", err)
	}
	d.say("closed; %.1f s later the leave has ended", time.Since(from).Seconds())
	v, err := d.agree(ctx, 1, 2)
	if err != nil {
		return err
	}
	text, err := node.Shell(ctx, `for i in $(seq 50); do systemctl is-active -q plexus-clusterd || break; sleep 0.1; done; systemctl show -p ActiveState,ExecMainStatus plexus-clusterd; dmsetup ls`)
	if err != nil {
		return err
	}
	if !strings.Contains(text, "ActiveState=inactive") || !strings.Contains(text, "ExecMainStatus=0") || strings.Contains(text, group+"-") {
		return fmt.Errorf("node3 has not ended well:\n%s", text)
	}
	d.say("clusterd of node3 has exited with 0, no volume is left there; %v", v)
	return nil
}
