// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"

	member "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
)

// unload takes the shared volumes away for a clean leave, all of them once nobody has any open: until then they stay, so
// that a leave that is called off has cost nothing.
func (l *Loop) unload() {
	if !l.place.Unload || l.closed {
		return
	}
	var groups []string
	for _, g := range l.machine.Status().Groups {
		if g.Shared {
			groups = append(groups, g.ID)
		}
	}
	s, start := side{shared: true, inc: l.place.Self.Inc}, l.place.Start
	l.closed = true
	l.lanes.run(laneClusterd, func() {
		err := l.unloadAll(groups, s, start)
		if err != nil && !errors.Is(err, errOpen) {
			l.log.Error("volumes not taken away", "error", err)
		}
		l.post(func() { l.closed = false })
	})
}

var errOpen = errors.New("volumes are open")

func (l *Loop) unloadAll(groups []string, s side, start uint64) error {
	for _, id := range groups {
		have, err := l.tables.have(id, s)
		if err != nil {
			return err
		}
		for _, d := range have {
			if d.OpenCount > 0 {
				return errOpen
			}
		}
	}
	for _, id := range groups {
		if err := l.unloadOne(id, s, start); err != nil {
			return err
		}
	}
	return nil
}

// unloadOne removes the devices of one group, takes its disks out of the gate, and its fence set back from clusterd.
func (l *Loop) unloadOne(id string, s side, start uint64) error {
	have, err := l.tables.have(id, s)
	if err != nil {
		return err
	}
	plan, err := dm.Diff(have, nil)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := settled(dm.Run(ctx, l.cfg.Kernel, plan)); err != nil {
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
	_, err = l.cfg.Clusterd.PutFence(ctx, member.FenceRequest{Start: start, Set: view.FenceSet{GroupID: id}, Drop: true})
	return err
}
