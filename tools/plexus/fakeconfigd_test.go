// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	clusterd "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/configd/config"
)

// fakeConfigd is a configd without disks and kernel: the configuration alone is real.
type fakeConfigd struct {
	mu     sync.Mutex
	disks  []api.Disk
	groups map[string]config.Group
	err    error // refuses every change
}

func newFakeConfigd() *fakeConfigd {
	const size = 1 << 30
	f := &fakeConfigd{groups: map[string]config.Group{}}
	for i, dev := range []string{"/dev/sdb", "/dev/sdc", "/dev/sdd"} {
		f.disks = append(f.disks, api.Disk{
			Device: dev, Size: size, Transport: view.TransportISCSI, WWID: fmt.Sprintf("naa.%016x", i+1), State: api.DiskBlank,
		})
	}
	f.disks[2].State, f.disks[2].Detail = api.DiskForeign, "ext4 filesystem"
	return f
}

func (f *fakeConfigd) Disks(context.Context) (api.DiskList, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return api.DiskList{Disks: slices.Clone(f.disks)}, nil
}

func (f *fakeConfigd) InitDisks(_ context.Context, r api.DiskInit) (list api.DiskList, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, dev := range r.Disks {
		d := f.disk(dev)
		switch {
		case d == nil:
			return list, clusterd.Refuse(clusterd.Failed, "plexus disk list names them", "init disk %s: there is no such disk on this node", dev)
		case d.State == api.DiskForeign && !r.Force:
			return list, clusterd.Refuse(clusterd.Failed, "--force overwrites it, and what is on it is lost",
				"init disk %s: %s is on it", dev, d.Detail)
		}
		d.State, d.Detail, d.ID = api.DiskReady, "", fmt.Sprintf("%032x", len(dev)+int(dev[len(dev)-1]))
		list.Disks = append(list.Disks, *d)
	}
	return list, nil
}

func (f *fakeConfigd) disk(dev string) *api.Disk {
	i := slices.IndexFunc(f.disks, func(d api.Disk) bool { return d.Device == dev })
	if i < 0 {
		return nil
	}
	return &f.disks[i]
}

func (f *fakeConfigd) Groups(context.Context) (list api.GroupList, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.groups {
		out := f.show(g)
		out.Disks, out.Volumes = nil, nil
		list.Groups = append(list.Groups, out)
	}
	slices.SortFunc(list.Groups, func(a, b api.Group) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

func (f *fakeConfigd) Group(_ context.Context, name string) (api.Group, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g, err := f.group(name)
	return f.show(g), err
}

func (f *fakeConfigd) group(name string) (config.Group, error) {
	g, ok := f.groups[name]
	if !ok {
		return g, clusterd.Refuse(clusterd.Failed, "plexus dg list names them", "there is no disk group %s", name)
	}
	return g, nil
}

func (f *fakeConfigd) show(g config.Group) api.Group {
	out := api.Group{Name: g.Name, ID: g.ID, Shared: g.Shared, State: api.GroupEnabled, Version: g.Version,
		Hash: hash(g), Fence: view.FenceWire, DiskCount: len(g.Disks), VolumeCount: len(g.Volumes)}
	for _, d := range g.Disks {
		disk := api.GroupDisk{Name: d.Name, ID: d.ID, Size: d.Length.Bytes(), Free: d.Length.Bytes(), Copy: "current"}
		for _, seen := range f.disks {
			if seen.ID == d.ID {
				disk.Device = seen.Device
			}
		}
		for _, s := range g.Subdisks() {
			if s.Disk == d.Name {
				disk.Free -= s.Length.Bytes()
			}
		}
		out.Size, out.Free = out.Size+disk.Size, out.Free+disk.Free
		out.Disks = append(out.Disks, disk)
	}
	for _, v := range g.Volumes {
		out.Volumes = append(out.Volumes, shown(g.Name, v))
	}
	return out
}

// hash stands for the hash of the text, so that the scripts do not change with the text.
func hash(g config.Group) string { return config.Hash(fmt.Appendf(nil, "%s %d", g.Name, g.Version)) }

func shown(group string, v config.Volume) api.Volume {
	out := api.VolumeOf(group, v)
	out.Kernel = api.KernelEnabled
	return out
}

func (f *fakeConfigd) CreateGroup(_ context.Context, r api.GroupCreate) (api.Change, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change := config.CreateGroup{Name: r.Name, ID: strings.Repeat("c0", 16), Shared: r.Shared}
	if r.Shared {
		change.Cluster = view.ClusterID(strings.Repeat("a1", 16))
	}
	for _, arg := range r.Disks {
		name, dev, ok := strings.Cut(arg, "=")
		if !ok {
			name, dev = "", arg
		}
		d := f.disk(dev)
		if d == nil || d.ID == "" {
			return api.Change{}, clusterd.Refuse(clusterd.Failed, "plexus disk init "+dev, "create group %s: disk %s has no label", r.Name, dev)
		}
		change.Disks = append(change.Disks, config.Disk{Name: name, ID: d.ID, WWID: d.WWID, Offset: 16 * config.Extent, Length: 1000 * config.Extent})
	}
	return f.edit(f.groups[r.Name], change, r.DryRun)
}

// edit makes the next version and keeps it.
func (f *fakeConfigd) edit(g config.Group, c config.Change, dryRun bool) (api.Change, error) {
	if f.err != nil {
		return api.Change{}, f.err
	}
	next, err := config.Edit(g, c)
	if err != nil {
		return api.Change{}, err
	}
	out := api.Change{Change: c.String(), Group: next.Name, Version: next.Version, Hash: hash(next), DryRun: dryRun}
	for _, d := range config.Compare(g, next) {
		out.Plan = append(out.Plan, d.String())
	}
	if !dryRun {
		f.groups[next.Name] = next
	}
	return out, nil
}

func (f *fakeConfigd) Volumes(_ context.Context, group string) (list api.VolumeList, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if group != "" {
		if _, err := f.group(group); err != nil {
			return list, err
		}
	}
	for _, g := range f.groups {
		if group == "" || g.Name == group {
			list.Volumes = append(list.Volumes, f.show(g).Volumes...)
		}
	}
	return list, nil
}

func (f *fakeConfigd) Volume(_ context.Context, group, name string) (api.Volume, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g, err := f.group(group)
	if err != nil {
		return api.Volume{}, err
	}
	v, ok := g.Volume(name)
	if !ok {
		return api.Volume{}, clusterd.Refuse(clusterd.Failed, "", "there is no volume %s in group %s", name, group)
	}
	return shown(group, v), nil
}

func (f *fakeConfigd) change(group string, c config.Change, dryRun bool) (api.Change, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g, err := f.group(group)
	if err != nil {
		return api.Change{}, err
	}
	return f.edit(g, c, dryRun)
}

func (f *fakeConfigd) CreateVolume(_ context.Context, r api.VolumeCreate) (api.Change, error) {
	return f.change(r.Group, config.CreateVolume{Name: r.Name, ID: fmt.Sprintf("%032x", r.Name), Layout: r.Layout,
		Columns: r.Columns, Unit: config.Sectors(r.Unit / 512), Size: r.Size, Disks: r.Disks}, r.DryRun)
}

func (f *fakeConfigd) ResizeVolume(_ context.Context, group, name string, r api.VolumeResize) (api.Change, error) {
	return f.change(group, config.Resize{Volume: name, Size: r.Size, Shrink: r.Shrink, Disks: r.Disks}, r.DryRun)
}

func (f *fakeConfigd) RemoveVolume(_ context.Context, group, name string, r api.VolumeRemove) (api.Change, error) {
	return f.change(group, config.RemoveVolume{Volume: name}, r.DryRun)
}

func (f *fakeConfigd) Doctor(context.Context) (api.Doctor, error) {
	return api.Doctor{
		Checks: []api.Check{
			{Name: "hook file_permission refuses", Answer: api.Yes, Detail: "8 of 8 writers refused"},
			{Name: "hook bio refuses", Answer: api.No, Detail: "the kernel lacks error injection", Hint: "use a kernel with CONFIG_FUNCTION_ERROR_INJECTION"},
		},
		Groups: []api.Guarantee{{Group: "data", Level: view.FenceWire, Wanted: view.FenceWire, Why: "packets to 10.0.2.1:3260 are refused",
			CutToo: []string{"/dev/sdd"}, InDoubt: "a machine paused with its clock"}},
	}, nil
}
