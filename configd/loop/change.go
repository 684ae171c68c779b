// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"strings"

	member "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/txn"
)

func (l *Loop) CreateGroup(ctx context.Context, r api.GroupCreate) (api.Change, error) {
	c := config.CreateGroup{Name: r.Name, ID: newID(), Shared: r.Shared}
	if _, err := l.group(ctx, r.Name); err == nil {
		return api.Change{}, member.Refuse(member.Failed, "", "create group %s: a group of that name exists", r.Name)
	}
	err := l.do(ctx, func() error {
		if r.Shared && l.place.Condition != view.InView {
			return member.Refuse(member.NotAllowed, "`plexus cluster status` says how it stands", "create shared group %s: this node is %v, not a member of a cluster", r.Name, l.place.Condition)
		}
		if r.Shared {
			c.Cluster = l.place.Cluster
		}
		return nil
	})
	if err != nil {
		return api.Change{}, err
	}
	giveBack, err := l.own(ctx)
	if err != nil {
		return api.Change{}, err
	}
	defer giveBack()
	for _, arg := range r.Disks {
		d, err := l.groupDisk(arg)
		if err != nil {
			return api.Change{}, err
		}
		c.Disks = append(c.Disks, d)
	}
	return l.change(ctx, txn.GroupStatus{ID: c.ID, Name: r.Name, Shared: r.Shared}, c, r.DryRun)
}

func (l *Loop) CreateVolume(ctx context.Context, r api.VolumeCreate) (api.Change, error) {
	g, err := l.group(ctx, r.Group)
	if err != nil {
		return api.Change{}, err
	}
	if r.Unit%512 != 0 {
		return api.Change{}, member.Refuse(member.BadRequest, "", "create volume %s: a stripe unit of %d bytes is not a whole number of sectors of 512", r.Name, r.Unit)
	}
	return l.change(ctx, g, config.CreateVolume{
		Name: r.Name, ID: newID(), Layout: r.Layout, Columns: r.Columns, Unit: config.Sectors(r.Unit / 512), Size: r.Size, Disks: r.Disks,
	}, r.DryRun)
}

func (l *Loop) ResizeVolume(ctx context.Context, group, name string, r api.VolumeResize) (api.Change, error) {
	g, err := l.withVolume(ctx, group, name)
	if err != nil {
		return api.Change{}, err
	}
	return l.change(ctx, g, config.Resize{Volume: name, Size: r.Size, Shrink: r.Shrink, Disks: r.Disks}, r.DryRun)
}

func (l *Loop) RemoveVolume(ctx context.Context, group, name string, r api.VolumeRemove) (api.Change, error) {
	g, err := l.withVolume(ctx, group, name)
	if err != nil {
		return api.Change{}, err
	}
	return l.change(ctx, g, config.RemoveVolume{Volume: name}, r.DryRun)
}

func (l *Loop) withVolume(ctx context.Context, group, name string) (txn.GroupStatus, error) {
	g, err := l.group(ctx, group)
	if err != nil || g.Config == nil {
		return g, err
	}
	if _, ok := g.Config.Volume(name); !ok {
		return g, noVolume(group, name)
	}
	return g, nil
}

// change tries a change out, and unless that is all that was asked, lets the machine make it.
func (l *Loop) change(ctx context.Context, g txn.GroupStatus, c config.Change, dry bool) (api.Change, error) {
	var base config.Group
	if _, founds := c.(config.CreateGroup); !founds && g.Config == nil {
		return api.Change{}, member.Refuse(member.NotAllowed, "`plexus dg list` and `plexus cluster status` say how it stands", "%v: group %s is disabled: %s", c, g.Name, g.Trouble)
	}
	if g.Config != nil {
		base = *g.Config
	}
	next, err := config.Edit(base, c)
	if err != nil {
		return api.Change{}, member.Refuse(member.Failed, "", "%v", err)
	}
	out := api.Change{Change: c.String(), Group: g.Name, Version: next.Version, Hash: config.Hash(config.Encode(next)), DryRun: dry}
	if !dry {
		return l.commit(ctx, g, c, out)
	}
	var s side
	if err := l.do(ctx, func() error { s = l.side(next); return nil }); err != nil {
		return api.Change{}, err
	}
	plan, err := l.tables.diff(&next, next.ID, s)
	if err != nil {
		return api.Change{}, err
	}
	out.Plan = strings.FieldsFunc(plan.String(), func(r rune) bool { return r == '\n' })
	return out, nil
}

func (l *Loop) commit(ctx context.Context, g txn.GroupStatus, c config.Change, out api.Change) (api.Change, error) {
	answer := make(chan txn.Answer, 1)
	err := l.do(ctx, func() error {
		l.request++
		l.answers[l.request] = answer
		l.log.Info("change asked for", "group", g.Name, "change", c.String())
		l.step(txn.Request{ID: l.request, Group: g.ID, Change: c})
		return nil
	})
	if err != nil {
		return api.Change{}, err
	}
	select {
	case a := <-answer:
		return l.outcome(ctx, g, a, out)
	case <-ctx.Done():
		return api.Change{}, ctx.Err()
	case <-l.done:
		return api.Change{}, errEnded
	}
}

// outcome turns the machine's answer into one for a person.
func (l *Loop) outcome(ctx context.Context, g txn.GroupStatus, a txn.Answer, out api.Change) (api.Change, error) {
	switch a.Outcome {
	case txn.Done:
		l.settled(ctx)
		now, err := l.group(ctx, g.Name)
		if err == nil {
			out.Version, out.Hash = now.Version, now.Hash
		}
		return out, nil
	case txn.Unknown:
		return api.Change{}, member.Refuse(member.Failed, "look with `plexus dg show` once the cluster has a master", "%s: it is not known whether it was done: %s", out.Change, a.Why)
	}
	return api.Change{}, member.Refuse(member.Failed, "", "%s: refused: %s", out.Change, a.Why)
}

// follow waits, beside everything else, until udev has followed what was done to the devices of this node.
func (l *Loop) follow() {
	l.lanes.run(laneUser, func() {
		if err := l.cfg.Kernel.Settle(context.Background()); err != nil {
			l.log.Warn("udev has not followed yet", "error", err)
		}
	})
}

// settled waits until all that follow was called for has been followed: whoever asked for a volume finds its links.
func (l *Loop) settled(ctx context.Context) {
	done := make(chan struct{})
	l.lanes.run(laneUser, func() { close(done) })
	select {
	case <-done:
	case <-ctx.Done():
	}
}
