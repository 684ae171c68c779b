// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"sync"

	member "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
)

// unloading is how far a clean leave is with the volumes.
type unloading struct {
	busy  bool // something is under way in the lanes
	taken bool // devices were removed: a leave that is called off has to bring them back
}

// resting is a group's tables with nothing under way.
const resting = "resting"

// unload takes the shared volumes away for a clean leave, all of them once nobody has any open: until then they stay, so
// that a leave that is called off has cost nothing. One that is called off later has: then the configuration join is
// done anew, which loads them.
func (l *Loop) unload() {
	if l.unloads.busy {
		return
	}
	if !l.place.Unload {
		if l.unloads.taken && l.place.Condition == view.InView {
			l.log.Info("the leave was called off: loading the volumes again")
			l.unloads.taken = false
			l.hangUp() // registered anew, the machine begins anew
		}
		return
	}
	groups, ok := l.sharedResting()
	if !ok {
		return
	}
	l.unloads.busy = true
	s := side{shared: true, inc: l.place.Self.Inc}
	l.lanes.run(laneUnload, func() {
		closed, err := l.allClosed(groups, s)
		l.post(func() { l.unloadNow(closed, err) })
	})
}

// sharedResting lists the shared groups, if nothing is under way with the tables of any.
func (l *Loop) sharedResting() (ids []string, ok bool) {
	for _, g := range l.machine.Status().Groups {
		if !g.Shared {
			continue
		}
		if g.Tables != resting || g.Proposed != 0 {
			return nil, false
		}
		ids = append(ids, g.ID)
	}
	return ids, true
}

// allClosed reports whether nobody has a volume of the groups open.
func (l *Loop) allClosed(groups []string, s side) (bool, error) {
	for _, id := range groups {
		have, err := l.tables.have(id, s)
		if err != nil {
			return false, err
		}
		for _, d := range have {
			if d.OpenCount > 0 {
				return false, nil
			}
		}
	}
	return true, nil
}

// unloadNow begins to take the volumes away, in the lanes of their groups: what a change still wants of their tables comes
// after that.
func (l *Loop) unloadNow(closed bool, err error) {
	groups, ok := l.sharedResting()
	if err != nil {
		l.log.Error("volumes not looked at", "error", err)
	}
	if !closed || !ok || !l.place.Unload {
		l.unloads.busy = false
		return
	}
	l.unloads.taken = true
	s, start := side{shared: true, inc: l.place.Self.Inc}, l.place.Start
	var left sync.WaitGroup
	for _, id := range groups {
		left.Add(1)
		l.lanes.run(laneGroup(id), func() {
			defer left.Done()
			if err := l.unloadOne(id, s, start); err != nil {
				l.log.Error("volumes not taken away", "group", id, "error", err)
			}
		})
	}
	l.lanes.run(laneUnload, func() {
		left.Wait()
		l.post(func() { l.unloads.busy = false })
	})
}

// unloadOne removes the devices of one group, takes its disks out of the gate, and its fence set back from clusterd.
func (l *Loop) unloadOne(id string, s side, start uint64) error {
	have, err := l.tables.have(id, s)
	if err != nil {
		return err
	}
	defer l.follow()
	plan, err := dm.Diff(have, nil)
	if err != nil {
		return err
	}
	if err := dm.Run(l.running, l.tables.kernel, plan); err != nil {
		return err
	}
	g, err := l.openGate()
	if err != nil {
		return err
	}
	index, err := l.groups.get(id)
	if err != nil {
		return err
	}
	if err := l.prune(g, index, nil); err != nil {
		return err
	}
	_, err = l.cfg.Clusterd.PutFence(l.running, member.FenceRequest{Start: start, Set: view.FenceSet{GroupID: id}, Drop: true})
	return err
}
