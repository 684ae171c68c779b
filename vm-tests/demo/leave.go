// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/view"
	vmtests "github.com/plexus-cvm/plexus/vm-tests"
	"github.com/plexus-cvm/plexus/vm-tests/blocks"
)

// victim is node 3 before it loses its disks: a writer under way, and where its blocks land.
type victim struct {
	w       *writer
	inc     view.Incarnation
	uuids   string
	disk    *vmtests.TargetDisk
	offset  int64
	before  map[int]blocks.Block // what had landed when the others had a view without it
	beganAt time.Time
}

func (d *demo) victim(ctx context.Context) (*victim, error) {
	s, err := d.status(ctx, 3)
	if err != nil {
		return nil, err
	}
	v := &victim{inc: s.Incarnation}
	if v.disk, v.offset, err = d.place(ctx, 3, linear); err != nil {
		return nil, err
	}
	if v.uuids, err = d.uuids(ctx, 3); err != nil {
		return nil, err
	}
	if v.w, err = d.write(ctx, 3, linear); err != nil {
		return nil, err
	}
	return v, d.flowing(ctx, v)
}

// flowing waits until blocks of the writer have arrived.
func (d *demo) flowing(ctx context.Context, v *victim) error {
	ctx, cancel := context.WithTimeout(ctx, d.patience())
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		now, err := d.landed(v.disk, v.offset)
		if err != nil {
			return err
		}
		if len(blocks.Landed(nil, now, v.w.run)) > 20 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("no block of the writer on node3 arrives: %s", v.w.err.String())
		}
	}
}

// uuids lists the uuids and numbers of the volumes' devices that are in use.
func (d *demo) uuids(ctx context.Context, node int) (string, error) {
	return d.lab.Node(node).Run(ctx, "dmsetup", "info", "-c", "--noheadings", "-o", "uuid", "-S", "uuid=~^PLEXUS- && name!~-left-")
}

// evicted waits until nodes 1 and 2 have a view without node 3, and then takes down what has landed.
func (d *demo) evicted(ctx context.Context, v *victim) error {
	for _, n := range []int{1, 2} {
		s, err := d.until(ctx, n, "a view without node3", func(s api.Status) bool { return !s.View.Has(3, v.inc) })
		if err != nil {
			return err
		}
		if n == 1 {
			if v.before, err = d.landed(v.disk, v.offset); err != nil {
				return err
			}
			d.say("evicted after %.1f s: %v", time.Since(v.beganAt).Seconds(), s.View)
		}
	}
	return nil
}

// rejoined waits until node 3 is a member again in a new incarnation, on new devices, and says why it had left.
func (d *demo) rejoined(ctx context.Context, v *victim) error {
	s, err := d.until(ctx, 3, "a member again", func(s api.Status) bool {
		return s.Condition == view.InView && s.Incarnation != v.inc && s.LastLeave != nil
	})
	if err != nil {
		return err
	}
	d.say("node3 left because: %s (drained: %v)", s.LastLeave.Words, s.LastLeave.Drained)
	if !s.LastLeave.Drained {
		return fmt.Errorf("node3 joined again without having drained:\n%s", s.LastLeave.Report)
	}
	if s.LastLeave.Reason != view.ReasonLeaseLost && s.LastLeave.Reason != view.ReasonEvicted {
		return fmt.Errorf("node3 says that it left because of %s", s.LastLeave.Reason)
	}
	if _, err := d.agree(ctx, 1, 2, 3); err != nil {
		return err
	}
	if _, err := d.sameHash(ctx, 1, 2, 3); err != nil {
		return err
	}
	uuids, err := d.uuids(ctx, 3)
	if err != nil {
		return err
	}
	for line := range strings.Lines(uuids) {
		if strings.Contains(v.uuids, line) {
			return fmt.Errorf("node3 is back on an old device: %s", line)
		}
	}
	d.say("node3 is back as incarnation %d, was %d, on new devices, %.1f s after it stood still", s.Incarnation, v.inc, time.Since(v.beganAt).Seconds())
	return d.sameTables(ctx, 1, 2, 3)
}

// stoppedDaemon stops the clusterd of a node that writes.
func (d *demo) stoppedDaemon(ctx context.Context) error {
	v, err := d.victim(ctx)
	if err != nil {
		return err
	}
	node := d.lab.Node(3)
	stopped, err := d.boottime(ctx, 3)
	if err != nil {
		return err
	}
	if _, err := node.Run(ctx, "systemctl", "kill", "--signal=STOP", "plexus-clusterd"); err != nil {
		return err
	}
	v.beganAt = time.Now()
	d.say("clusterd of node3 is stopped; node3 goes on writing")
	r, err := d.wait(ctx, v.w)
	if err != nil {
		return err
	}
	if syscall.Errno(r.Errno) != syscall.EIO {
		return fmt.Errorf("the writer on node3 ended with %q after %d writes, want an I/O error", r.Error, r.Written)
	}
	d.say("its writer got %q %.1f s after that, after %d writes", r.Error, r.FailedAt.Sub(stopped).Seconds(), r.Written)
	if err := d.evicted(ctx, v); err != nil {
		return err
	}
	if _, err := node.Run(ctx, "systemctl", "kill", "--signal=CONT", "plexus-clusterd"); err != nil {
		return err
	}
	if err := d.rejoined(ctx, v); err != nil {
		return err
	}
	after, err := d.landed(v.disk, v.offset)
	if err != nil {
		return err
	}
	if late := blocks.Landed(v.before, after, v.w.run); len(late) > 0 {
		return fmt.Errorf("%d blocks of node3 landed after the view without it: %v", len(late), late)
	}
	d.say("nothing of node3 landed after the view without it: 0 of %d writes", r.Written)
	return nil
}

// frozenNode freezes a node that writes, whole.
func (d *demo) frozenNode(ctx context.Context) error {
	v, err := d.victim(ctx)
	if err != nil {
		return err
	}
	node := d.lab.Node(3)
	atFreeze, err := d.boottime(ctx, 3)
	if err != nil {
		return err
	}
	if err := node.Freeze(); err != nil {
		return err
	}
	v.beganAt = time.Now()
	d.say("node3 is frozen in the middle of its writes")
	if err := d.evicted(ctx, v); err != nil {
		return errors.Join(err, node.Thaw())
	}
	frozen := time.Since(v.beganAt)
	if err := node.Thaw(); err != nil {
		return err
	}
	d.say("thawed after %.1f s", frozen.Seconds())
	r, err := d.wait(ctx, v.w)
	if err != nil {
		return err
	}
	if syscall.Errno(r.Errno) != syscall.EIO {
		return fmt.Errorf("the writer on node3 ended with %q after %d writes, want an I/O error", r.Error, r.Written)
	}
	d.say("after the thaw its writer got %q, after %d writes", r.Error, r.Written)
	if err := d.rejoined(ctx, v); err != nil {
		return err
	}
	if err := d.nothingHangs(ctx, 3); err != nil {
		return err
	}
	return d.judge(v, atFreeze.Add(frozen/2))
}

// judge counts what landed after the view: what was submitted before the freeze and lay in the network device may; what
// was submitted after it may not. Any moment well inside the freeze tells them apart, by the node's own clock.
func (d *demo) judge(v *victim, during view.Tick) error {
	after, err := d.landed(v.disk, v.offset)
	if err != nil {
		return err
	}
	var handed, late []blocks.Block
	for _, b := range blocks.Landed(v.before, after, v.w.run) {
		if b.Submitted < during {
			handed = append(handed, b)
		} else {
			late = append(late, b)
		}
	}
	if len(late) > 0 {
		return fmt.Errorf("%d blocks that node3 submitted after the view without it landed: %v", len(late), late)
	}
	d.say("submitted after the view and landed: 0; already handed to the network device before the freeze, and landed: %d", len(handed))
	return nil
}

// nothingHangs looks for processes in uninterruptible sleep, twice: one that is there both times hangs.
func (d *demo) nothingHangs(ctx context.Context, node int) error {
	const find = `for p in /proc/[0-9]*/stat; do read -r line < "$p" 2>/dev/null || continue; rest=${line##*) }; case $rest in D*) echo "${line%% *}";; esac; done`
	first, err := d.lab.Node(node).Shell(ctx, find)
	if err != nil {
		return err
	}
	select {
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	second, err := d.lab.Node(node).Shell(ctx, find)
	if err != nil {
		return err
	}
	for pid := range strings.Lines(first) {
		if strings.Contains("\n"+second, "\n"+pid) {
			comm, _ := d.lab.Node(node).Run(ctx, "cat", "/proc/"+strings.TrimSpace(pid)+"/comm")
			return fmt.Errorf("on node%d process %s (%s) hangs in D state", node, strings.TrimSpace(pid), strings.TrimSpace(comm))
		}
	}
	d.say("nothing hangs in D state on node%d", node)
	return nil
}
