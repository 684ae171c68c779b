// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/dmtest"
)

const drainPoll = 10 * time.Millisecond

// volumes are the device-mapper devices of a host. A suspend holds new I/O at once, and is done when what was in flight
// has ended.
type volumes struct {
	*dmtest.Kernel
	n        *node
	inflight map[string]int                 // by uuid
	wrong    map[string]bool                // by uuid: somebody has seen an error on it
	blocked  map[string]*daemon             // by name: being suspended, and by whom
	known    []mapped                       // what runs; nil: to be looked at anew
	made     map[dm.DevNum]view.Incarnation // in which each device was created
	version  uint64                         // of the group's tables, as resumed last
	going    uint64                         // and as loaded last, or gone back to
	returns  uint32                         // how often the disks came back, each time under other numbers
}

// mapped is a device through which I/O goes, with one piece of what it maps for each segment.
type mapped struct {
	name, uuid, volume string
	inc                view.Incarnation // in which it was created
	length             dm.Sectors
	pieces             []piece
}

type piece struct {
	disk           *disk
	at, on, length dm.Sectors // in the volume, on the disk
}

var _ dm.Kernel = (*volumes)(nil)

func newVolumes(n *node) *volumes {
	v := &volumes{Kernel: dmtest.New(map[dm.DevNum]dm.Sectors{}), n: n, inflight: map[string]int{}, wrong: map[string]bool{},
		blocked: map[string]*daemon{}, made: map[dm.DevNum]view.Incarnation{}}
	v.plug(diskBytes / sectorBytes)
	return v
}

// plug lets the disks appear, or with no sectors vanish. What stands on one that has vanished stays without it.
func (v *volumes) plug(size dm.Sectors) {
	v.known = nil
	for _, d := range v.n.w.disks.list {
		v.SetDisk(v.number(d), size)
	}
}

// replug lets the disks come back under other numbers.
func (v *volumes) replug() {
	v.returns++
	v.plug(diskBytes / sectorBytes)
}

func (v *volumes) number(d *disk) dm.DevNum {
	return dm.DevNum{Major: diskMajor, Minor: d.minor + v.returns*minorsOnce}
}

// disk returns the one that has that number now; nil if none has.
func (v *volumes) disk(n dm.DevNum) *disk {
	for _, d := range v.n.w.disks.list {
		if v.number(d) == n {
			return d
		}
	}
	return nil
}

// uuid of a device: group, volume, incarnation.
func uuidOf(group, volume string, inc view.Incarnation) string {
	return fmt.Sprintf("PLEXUS-%s-%s-%d", group, volume, inc)
}

func partsOf(uuid string) []string { return strings.Split(uuid+"----", "-")[1:4] }

func incarnationOf(uuid string) view.Incarnation {
	n, err := strconv.ParseUint(partsOf(uuid)[2], 10, 64)
	if err != nil {
		panic("BUG: uuid " + uuid)
	}
	return view.Incarnation(n)
}

// running returns the devices through which I/O goes.
func (v *volumes) running() []mapped {
	if v.known != nil {
		return v.known
	}
	v.known = []mapped{}
	states, err := dm.Observe(v.Kernel, func(i dm.Info) bool { return i.HasLive && !i.Suspended })
	if err != nil {
		panic("BUG: " + err.Error())
	}
	for _, s := range states {
		d := mapped{name: s.Name, uuid: s.UUID, volume: partsOf(s.UUID)[1], inc: v.made[s.Dev], length: s.Live.Length()}
		at := dm.Sectors(0)
		for _, seg := range s.Live {
			if l, ok := seg.Target.(dm.Linear); ok {
				if on := v.disk(l.Dev.Num); on != nil && !v.n.kernel.gone {
					d.pieces = append(d.pieces, piece{on, at, l.Start, seg.Length})
				}
			}
			at += seg.Length
		}
		if len(d.pieces) > 0 {
			v.known = append(v.known, d)
		}
	}
	return v.known
}

// pick chooses a volume that somebody writes to.
func (v *volumes) pick() (d mapped, ok bool) {
	all := v.running()
	if len(all) == 0 {
		return mapped{}, false
	}
	d = all[v.n.w.rng.IntN(len(all))]
	busy := v.blocked[d.name] != nil || v.wrong[d.uuid] || v.n.w.clients.closed[d.volume]
	return d, !busy && (d.volume != firstVolume || v.n.kernel.users)
}

// hold suspends a device once nothing is in flight, and calls done: with an error if it does not exist, or if the daemon
// gives up, and then it runs as before.
func (v *volumes) hold(d *daemon, name string, giveUp func() bool, done func(error)) {
	info, err := v.Info(name)
	switch {
	case err != nil || info.Suspended:
		done(err)
	case !giveUp() && v.inflight[info.UUID] > 0:
		v.blocked[name] = d
		d.later(drainPoll, func() { v.hold(d, name, giveUp, done) })
	case v.inflight[info.UUID] > 0:
		delete(v.blocked, name)
		done(errors.New("interrupted system call"))
	default:
		delete(v.blocked, name)
		done(v.Suspend(context.Background(), name, true))
	}
}

// drain waits until nothing is in flight through the devices, or until giveUp says so; they take nothing new meanwhile.
func (v *volumes) drain(d *daemon, names []string, giveUp func() bool, done func()) {
	busy := false
	for _, name := range names {
		if info, err := v.Info(name); err == nil && !info.Suspended {
			v.blocked[name] = d
			busy = busy || v.inflight[info.UUID] > 0
		}
	}
	if busy && !giveUp() {
		d.later(drainPoll, func() { v.drain(d, names, giveUp, done) })
		return
	}
	done()
	for _, name := range names {
		delete(v.blocked, name)
	}
}

// released is for a daemon that has died: what it was suspending runs on.
func (v *volumes) released(d *daemon) {
	for name, by := range v.blocked {
		if by == d {
			delete(v.blocked, name)
		}
	}
}

// toError gives a device the error table, whoever has it suspended.
func (v *volumes) toError(name string) {
	info, err := v.Info(name)
	live, _ := v.Table(name, dm.SlotLive)
	if err != nil || len(live) == 0 {
		_ = v.Clear(name)
		return
	}
	dead := dm.Table{{Length: live.Length(), Target: dm.Error{}}}
	if err := errors.Join(v.Load(name, dead, info.ReadOnly), v.Suspend(context.Background(), name, false), v.Resume(name)); err != nil {
		v.n.w.violate("world", "node %d: error table for %s: %v", v.n.id, name, err)
	}
}

// byUUID returns the device with that uuid.
func (v *volumes) byUUID(uuid string) (dm.Info, bool) {
	list, _ := v.List()
	for _, e := range list {
		if info, err := v.Info(e.Name); err == nil && info.UUID == uuid {
			return info, true
		}
	}
	return dm.Info{}, false
}

// Create remembers the life in which the device, and its page cache, begins.
func (v *volumes) Create(name, uuid string) (dm.DevNum, error) {
	dev, err := v.Kernel.Create(name, uuid)
	if err == nil {
		v.made[dev] = v.n.cluster.status.Incarnation
	}
	return dev, err
}

// Load is checked: guarded disks, and a fence set handed over.
func (v *volumes) Load(name string, t dm.Table, readOnly bool) error {
	v.n.w.check.loaded(v.n, name, t)
	return v.Kernel.Load(name, t, readOnly)
}

// Suspend is for when nothing is in flight.
func (v *volumes) Suspend(ctx context.Context, name string, flush bool) error {
	if info, err := v.Info(name); err == nil && ctx.Err() != nil && !info.Suspended {
		return ctx.Err()
	}
	v.known = nil
	return v.Kernel.Suspend(ctx, name, flush)
}

func (v *volumes) Resume(name string) error {
	v.known = nil
	err := v.Kernel.Resume(name)
	v.n.w.check.running(v.n)
	return err
}

func (v *volumes) Remove(name string) error {
	v.known = nil
	return v.Kernel.Remove(name)
}

func (v *volumes) Rename(name, to string) error {
	v.known = nil
	return v.Kernel.Rename(name, to)
}
