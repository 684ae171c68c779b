// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/plexus-cvm/plexus/bpf"
	member "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/txn"
	"github.com/plexus-cvm/plexus/dm"
)

// indexes gives each imported group its place in the gate's groups map. Safe for concurrent use.
type indexes struct {
	mu sync.Mutex
	of map[string]uint32 // by group id
}

func (x *indexes) get(group string) (uint32, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i, ok := x.of[group]; ok {
		return i, nil
	}
	used := map[uint32]bool{}
	for _, i := range x.of {
		used[i] = true
	}
	for i := range uint32(bpf.GroupSelfTest) {
		if !used[i] {
			x.of[group] = i
			return i, nil
		}
	}
	return 0, fmt.Errorf("guard group %s: %d shared groups are imported, no more are possible", group, bpf.GroupSelfTest)
}

// learn keeps the place that an earlier configd has given to a group.
func (x *indexes) learn(group string, index uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for other, i := range x.of {
		if other == group || i == index {
			return
		}
	}
	x.of[group] = index
}

// openGate returns the gate that clusterd has loaded. The first time it tries it out: what it was not seen to refuse it
// does not count for.
func (l *Loop) openGate() (bpf.Gate, error) {
	l.gateMu.Lock()
	defer l.gateMu.Unlock()
	if l.gate == nil {
		g, err := l.cfg.Gate()
		if err != nil {
			return nil, fmt.Errorf("open the gate: %w; shared groups need it, and plexus-clusterd loads it", err)
		}
		if err := l.learnIndexes(g); err != nil {
			return nil, err
		}
		l.gate = g
		for _, f := range l.proven.test(g) {
			l.log.Info("gate", "hook", f.Name, "refuses", f.Answer, "seen", f.Detail)
		}
	}
	return l.gate, nil
}

// learnIndexes finds out which place each group has in a gate that was there before: if another group took it, what is no
// longer its own would be taken out of the gate, and that would be disks in use.
func (l *Loop) learnIndexes(g bpf.Gate) error {
	guards, err := g.Guards()
	if err != nil {
		return fmt.Errorf("read what is guarded: %w", err)
	}
	list, err := l.cfg.Kernel.List()
	if err != nil {
		return fmt.Errorf("read what is guarded: %w", err)
	}
	names := map[bpf.Dev]string{}
	for _, e := range list {
		names[bpf.Dev{Major: e.Dev.Major, Minor: e.Dev.Minor}] = e.Name
	}
	for _, d := range guards {
		group := l.seen.groupOf(d)
		if d.Volume {
			if info, err := l.cfg.Kernel.Info(names[d.Dev]); err == nil {
				id, _ := parseUUID(info.UUID)
				group = id.group
			}
		}
		if group != "" {
			l.groups.learn(group, d.Group)
		}
	}
	return nil
}

// guard puts disks under the gate, and the portals behind which they are.
func (l *Loop) guard(group string, disks []string) error {
	g, err := l.openGate()
	if err != nil {
		return err
	}
	index, err := l.groups.get(group)
	if err != nil {
		return err
	}
	for _, id := range disks {
		d, ok := l.seen.disk(id)
		if !ok {
			continue // a member that reaches it guards it; the tables here cannot be loaded without it
		}
		for _, p := range d.Portals {
			if err := g.AddPortal(bpf.Portal{Addr: p, Group: bpf.GroupAny}); err != nil {
				return fmt.Errorf("guard portal %v of %s: %w", p, d.Name, err)
			}
		}
		if err := g.Guard(bpf.Guarded{Dev: bpf.Dev{Major: d.Major, Minor: d.Minor}, Diskseq: d.Diskseq, Group: index}); err != nil {
			return fmt.Errorf("guard %s: %w", d.Name, err)
		}
	}
	return g.SetGroup(index, bpf.Open)
}

// guardVolumes puts the devices of a shared group under the gate, so that whoever uses them is told when the lease is over.
func (l *Loop) guardVolumes(c config.Group, s side) error {
	if !s.shared {
		return nil
	}
	g, err := l.openGate()
	if err != nil {
		return err
	}
	index, err := l.groups.get(c.ID)
	if err != nil {
		return err
	}
	have, err := l.tables.have(c.ID, s)
	if err != nil {
		return err
	}
	for _, d := range have {
		dev := bpf.Dev{Major: d.Dev.Major, Minor: d.Dev.Minor}
		seq, err := l.cfg.Diskseq(dev)
		if err != nil {
			return fmt.Errorf("guard volume %s: %w", d.Name, err)
		}
		if err := g.Guard(bpf.Guarded{Dev: dev, Diskseq: seq, Group: index, Volume: true}); err != nil {
			return fmt.Errorf("guard volume %s: %w", d.Name, err)
		}
	}
	return nil
}

// settle ends a change on this node: what is no longer the group's is guarded no longer.
func (l *Loop) settle(c config.Group, s side) error {
	if !s.shared {
		return nil
	}
	g, err := l.openGate()
	if err != nil {
		return err
	}
	index, err := l.groups.get(c.ID)
	if err != nil {
		return err
	}
	keep := map[bpf.Dev]bool{}
	for _, d := range c.Disks {
		if n, ok := l.seen.number(d.ID); ok && !c.Removed {
			keep[bpf.Dev{Major: n.Major, Minor: n.Minor}] = true
		}
	}
	have, err := l.tables.have(c.ID, s)
	if err != nil {
		return err
	}
	for _, d := range have {
		keep[bpf.Dev{Major: d.Dev.Major, Minor: d.Dev.Minor}] = true
	}
	return l.prune(g, index, keep)
}

// prune takes everything of a group out of the gate that is not to be kept, and the portals behind which nothing is left.
func (l *Loop) prune(g bpf.Gate, index uint32, keep map[bpf.Dev]bool) error {
	guards, err := g.Guards()
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range guards {
		if d.Group == index && !keep[d.Dev] {
			errs = append(errs, g.Unguard(d.Dev))
		}
	}
	return errors.Join(append(errs, l.prunePortals(g))...)
}

func (l *Loop) prunePortals(g bpf.Gate) error {
	guards, err := g.Guards()
	if err != nil {
		return err
	}
	portals, err := g.Portals()
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range portals {
		used := false
		for _, d := range l.seen.all() {
			used = used || slices.Contains(d.Portals, p.Addr) && slices.ContainsFunc(guards, func(x bpf.Guarded) bool {
				return x.Dev == bpf.Dev{Major: d.Major, Minor: d.Minor} && x.Diskseq == d.Diskseq
			})
		}
		if !used {
			errs = append(errs, g.RemovePortal(p.Addr))
		}
	}
	return errors.Join(errs...)
}

// hand gives clusterd what must be cut for a group when this node leaves.
func (l *Loop) hand(start uint64, inc view.Incarnation, f txn.Fence) (holding bool, err error) {
	index, err := l.groups.get(f.Group)
	if err != nil {
		return false, err
	}
	set := view.FenceSet{Group: f.Name, GroupID: f.Group, Index: index, Disks: []view.FenceDisk{}, Volumes: []view.FenceVolume{}}
	for _, id := range f.Disks {
		if d, ok := l.seen.disk(id); ok {
			set.Disks = append(set.Disks, d.Fence(id))
		}
	}
	for _, v := range f.Volumes {
		set.Volumes = append(set.Volumes, view.FenceVolume{
			Name: dm.VolumeName(f.Name, v.Name), UUID: uuid{f.Group, v.ID, inc}.String(), Owned: v.Owned,
		})
	}
	set.Level = l.proven.level(set.Disks)
	if want := l.cfg.Settings.FenceLevel; want != "" && !set.Level.AtLeast(want) {
		return false, fmt.Errorf("import group %s: fence level %s is wanted, %s is proven here; see `plexus doctor`", f.Name, want, set.Level)
	}
	r, err := l.cfg.Clusterd.PutFence(l.running, member.FenceRequest{Start: start, Set: set, Drop: len(f.Disks) == 0})
	return r.Holding, err
}
