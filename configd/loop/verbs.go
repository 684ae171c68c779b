// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	member "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/disk"
	"github.com/plexus-cvm/plexus/configd/label"
	"github.com/plexus-cvm/plexus/configd/txn"
	"github.com/plexus-cvm/plexus/dm"
)

var errEnded = &member.Error{Code: member.Unreachable, Message: "configd is stopping"}

var _ api.Verbs = (*Loop)(nil)

// newID returns a random id for a disk, group or volume.
func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Disks implements api.Verbs, as do the methods below.
func (l *Loop) Disks(ctx context.Context) (api.DiskList, error) {
	groups, err := l.known(ctx)
	if err != nil {
		return api.DiskList{}, err
	}
	found, err := l.cfg.Host.Scan()
	if err != nil {
		return api.DiskList{}, err
	}
	var list api.DiskList
	for _, f := range found {
		list.Disks = append(list.Disks, l.describe(f, groups))
	}
	return list, nil
}

// describe says what a disk is to us.
func (l *Loop) describe(f disk.Found, groups []txn.GroupStatus) api.Disk {
	d := api.Disk{Device: f.Disk.Path, Size: f.Disk.Bytes, Transport: f.Disk.Transport, WWID: f.Disk.WWID}
	switch {
	case errors.Is(f.Err, label.ErrNoLabel):
		d.State = api.DiskBlank
		contents, err := l.cfg.Host.Contents(f.Disk)
		use, useErr := l.cfg.Host.Use(f.Disk)
		switch {
		case err != nil || useErr != nil:
			d.State, d.Detail = api.DiskError, text(errors.Join(err, useErr))
		case len(contents) > 0:
			d.State, d.Detail = api.DiskForeign, contents[0].Words
		case len(use.Busy) > 0:
			d.State, d.Detail = api.DiskForeign, use.Busy[0]
		}
		return d
	case f.Err != nil:
		d.State, d.Detail = api.DiskError, f.Err.Error()
		return d
	}
	h := f.Label.Header
	d.ID = h.Disk
	if h.Group == "" {
		d.State = api.DiskReady
		return d
	}
	d.State, d.Group = api.DiskOther, h.Name
	d.Detail = "its group is not imported here"
	for _, g := range groups {
		if g.ID != h.Group || g.Config == nil {
			continue
		}
		if m, ok := g.Config.DiskByID(h.Disk); ok {
			d.State, d.Name, d.Detail = api.DiskMember, m.Name, ""
		}
	}
	return d
}

// own lets one request at a time change which disks are ours, and returns how to let the next one in.
func (l *Loop) own(ctx context.Context) (giveBack func(), err error) {
	select {
	case l.ownership <- struct{}{}:
		return func() { <-l.ownership }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.done:
		return nil, errEnded
	}
}

// InitDisks looks at all the disks before it touches one.
func (l *Loop) InitDisks(ctx context.Context, r api.DiskInit) (api.DiskList, error) {
	if len(r.Disks) == 0 {
		return api.DiskList{}, member.Refuse(member.BadRequest, "", "initialise disks: none is named")
	}
	giveBack, err := l.own(ctx)
	if err != nil {
		return api.DiskList{}, err
	}
	defer giveBack()
	groups, err := l.known(ctx)
	if err != nil {
		return api.DiskList{}, err
	}
	var found []disk.Disk
	for _, name := range r.Disks {
		d, err := l.cfg.Host.Find(name)
		if err != nil {
			return api.DiskList{}, err
		}
		if g, as, ok := l.memberOf(d, groups); ok {
			return api.DiskList{}, member.Refuse(member.Failed, "no force helps: its volumes would lose their data; see `plexus dg show "+g+"`",
				"initialise disk %s: it is disk %s of group %s, which is imported here", name, as, g)
		}
		if slices.ContainsFunc(found, func(o disk.Disk) bool { return o.Name == d.Name }) {
			return api.DiskList{}, member.Refuse(member.BadRequest, "", "initialise disk %s: it is named twice", d.Name)
		}
		found = append(found, d)
	}
	var list api.DiskList
	var done []string
	for _, d := range found {
		if err := l.cfg.Host.Init(d, newID(), r.Force); err != nil {
			if len(done) > 0 {
				err = fmt.Errorf("%w (initialised before it: %s)", err, strings.Join(done, ", "))
			}
			return list, err
		}
		l.log.Info("disk initialised", "disk", d.Name, "force", r.Force)
		done = append(done, d.Name)
		list.Disks = append(list.Disks, l.look(d))
	}
	return list, nil
}

// memberOf says in which group here a disk is, and under which name: by its label, or, where that cannot be read, by what
// it was when the disks were read last.
func (l *Loop) memberOf(d disk.Disk, groups []txn.GroupStatus) (group, name string, ok bool) {
	id := ""
	if h, err := l.cfg.Host.Open(d, disk.ForRead); err == nil {
		if c, err := h.Label(); err == nil {
			id = c.Header.Disk
		}
		_ = h.Close()
	}
	for _, g := range groups {
		if g.Config == nil {
			continue
		}
		for _, m := range g.Config.Disks {
			was, seen := l.seen.disk(m.ID)
			if m.ID == id || seen && was.Name == d.Name && was.Diskseq == d.Diskseq {
				return g.Name, m.Name, true
			}
		}
	}
	return "", "", false
}

func (l *Loop) look(d disk.Disk) api.Disk {
	out := api.Disk{Device: d.Path, Size: d.Bytes, Transport: d.Transport, WWID: d.WWID, State: api.DiskError}
	h, err := l.cfg.Host.Open(d, disk.ForRead)
	if err != nil {
		out.Detail = err.Error()
		return out
	}
	defer h.Close()
	c, err := h.Label()
	return l.describe(disk.Found{Disk: d, Label: c, Err: err}, nil)
}

// known returns the groups as the machine has them.
func (l *Loop) known(ctx context.Context) ([]txn.GroupStatus, error) {
	var groups []txn.GroupStatus
	err := l.do(ctx, func() error { groups = l.machine.Status().Groups; return nil })
	return slices.DeleteFunc(groups, func(g txn.GroupStatus) bool { return g.Config == nil && g.Trouble == "" }), err
}

func (l *Loop) group(ctx context.Context, name string) (txn.GroupStatus, error) {
	groups, err := l.known(ctx)
	if err != nil {
		return txn.GroupStatus{}, err
	}
	for _, g := range groups {
		if g.Name == name {
			return g, nil
		}
	}
	return txn.GroupStatus{}, member.Refuse(member.Failed, "`plexus dg list` shows those there are", "group %s does not exist on this node", name)
}

func (l *Loop) Groups(ctx context.Context) (api.GroupList, error) {
	groups, err := l.known(ctx)
	if err != nil {
		return api.GroupList{}, err
	}
	var list api.GroupList
	for _, g := range groups {
		one := l.showGroup(g)
		one.Disks, one.Volumes = nil, nil
		list.Groups = append(list.Groups, one)
	}
	slices.SortFunc(list.Groups, func(a, b api.Group) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func (l *Loop) Group(ctx context.Context, name string) (api.Group, error) {
	g, err := l.group(ctx, name)
	if err != nil {
		return api.Group{}, err
	}
	return l.showGroup(g), nil
}

func (l *Loop) showGroup(g txn.GroupStatus) api.Group {
	out := api.Group{Name: g.Name, ID: g.ID, Shared: g.Shared, Version: g.Version, Hash: g.Hash, State: api.GroupDisabled, Fence: view.FenceNone}
	if g.Enabled {
		out.State = api.GroupEnabled
	}
	out.Detail = g.Trouble
	if g.Config == nil {
		return out
	}
	var disks []view.FenceDisk
	for _, f := range config.Free(*g.Config) {
		d, _ := g.Config.Disk(f.Disk)
		one := api.GroupDisk{Name: d.Name, ID: d.ID, Size: d.Length.Bytes(), Free: f.Free.Bytes(), Copy: copyOf(g, d)}
		if seen, ok := l.seen.disk(d.ID); ok {
			one.Device = seen.Path
			disks = append(disks, seen.Fence(d.ID))
		}
		out.Disks = append(out.Disks, one)
		out.Size, out.Free = out.Size+one.Size, out.Free+one.Free
	}
	if g.Shared {
		out.Fence = l.proven.level(disks)
	}
	for _, v := range g.Config.Volumes {
		out.Volumes = append(out.Volumes, l.showVolume(*g.Config, v))
	}
	out.DiskCount, out.VolumeCount = len(out.Disks), len(out.Volumes)
	return out
}

// copyOf says how a disk's copy of the configuration stands, as far as this node knows.
func copyOf(g txn.GroupStatus, d config.Disk) string {
	if d.Copy == 0 {
		return "none"
	}
	for _, c := range g.Copies {
		switch {
		case c.Disk != d.ID:
		case c.Trouble != "":
			return c.Trouble
		case c.Version != g.Version:
			return "stale"
		}
	}
	return "current"
}

func (l *Loop) showVolume(g config.Group, v config.Volume) api.Volume {
	out := api.VolumeOf(g.Name, v)
	info, err := l.cfg.Kernel.Info(dm.VolumeName(g.Name, v.Name))
	if u, ok := parseUUID(info.UUID); err != nil || !ok || u.group != g.ID || u.volume != v.ID {
		return out
	}
	out.Opens = info.OpenCount
	switch {
	case info.Suspended:
		out.Kernel = api.KernelSuspended
	case info.HasLive:
		out.Kernel = api.KernelEnabled
	}
	return out
}

func (l *Loop) Volumes(ctx context.Context, group string) (api.VolumeList, error) {
	groups, err := l.known(ctx)
	if err != nil {
		return api.VolumeList{}, err
	}
	if group != "" {
		g, err := l.group(ctx, group)
		if err != nil {
			return api.VolumeList{}, err
		}
		groups = []txn.GroupStatus{g}
	}
	slices.SortFunc(groups, func(a, b txn.GroupStatus) int { return strings.Compare(a.Name, b.Name) })
	var list api.VolumeList
	for _, g := range groups {
		list.Volumes = append(list.Volumes, l.showGroup(g).Volumes...)
	}
	return list, nil
}

func (l *Loop) Volume(ctx context.Context, group, name string) (api.Volume, error) {
	g, err := l.group(ctx, group)
	if err != nil {
		return api.Volume{}, err
	}
	if g.Config != nil {
		if v, ok := g.Config.Volume(name); ok {
			return l.showVolume(*g.Config, v), nil
		}
	}
	return api.Volume{}, noVolume(group, name)
}

func noVolume(group, name string) error {
	return member.Refuse(member.Failed, "`plexus volume list` shows those there are", "volume %s does not exist in group %s", name, group)
}

// deviceOf cuts a disk-media name off a disk named for a group: dg01=/dev/sdb.
func deviceOf(s string) (name, device string) {
	if n, d, ok := strings.Cut(s, "="); ok {
		return n, d
	}
	return "", s
}

// groupDisk returns a disk that is free to be in a group.
func (l *Loop) groupDisk(arg string) (config.Disk, error) {
	name, device := deviceOf(arg)
	d, err := l.cfg.Host.Find(device)
	if err != nil {
		return config.Disk{}, err
	}
	h, err := l.cfg.Host.Open(d, disk.ForRead)
	if err != nil {
		return config.Disk{}, err
	}
	defer h.Close()
	c, err := h.Label()
	switch {
	case errors.Is(err, label.ErrNoLabel):
		return config.Disk{}, member.Refuse(member.Failed, fmt.Sprintf("`plexus disk init %s` makes it one", device), "disk %s is not initialised", device)
	case err != nil:
		return config.Disk{}, err
	case c.Header.Group != "":
		return config.Disk{}, member.Refuse(member.Failed, "", "disk %s belongs to group %s already", device, c.Header.Name)
	}
	offset, length := c.Header.Public()
	return config.Disk{Name: name, ID: c.Header.Disk, WWID: d.WWID, Offset: offset, Length: length}, nil
}
