// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/plexus-cvm/plexus/bpf"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/disk"
	"github.com/plexus-cvm/plexus/configd/txn"
	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/holder"
)

// seen is which disk carried which label when the disks were read last. Safe for concurrent use.
type seen struct {
	mu     sync.Mutex
	disks  map[string]disk.Disk // by label id
	groups map[string]string    // ids of the groups that the labels name, by label id
}

func (s *seen) disk(id string) (disk.Disk, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.disks[id]
	return d, ok
}

func (s *seen) number(id string) (dm.DevNum, bool) {
	d, ok := s.disk(id)
	return dm.DevNum{Major: d.Major, Minor: d.Minor}, ok
}

// scan reads all labels, and sees which of our devices are suspended or open. What cannot be seen is not there.
func (l *Loop) scan(op txn.Op, inc view.Incarnation) txn.Scanned {
	e := txn.Scanned{Op: op}
	found, err := l.cfg.Host.Scan()
	if err != nil {
		l.log.Error("disks not read", "error", err)
	}
	disks, groups := map[string]disk.Disk{}, map[string]string{}
	for _, f := range found {
		if f.Err != nil {
			l.log.Debug("no label", "disk", f.Disk.Name, "error", f.Err)
			continue
		}
		id := f.Label.Header.Disk
		disks[id], groups[id] = f.Disk, f.Label.Header.Group
		e.Disks = append(e.Disks, txn.Disk{ID: id, Label: f.Label})
	}
	l.seen.mu.Lock()
	l.seen.disks, l.seen.groups = disks, groups
	l.seen.mu.Unlock()
	l.scanDevices(&e, inc)
	return e
}

func (l *Loop) scanDevices(e *txn.Scanned, inc view.Incarnation) {
	list, err := l.cfg.Kernel.List()
	if err != nil {
		l.log.Error("devices not listed", "error", err)
		return
	}
	held := map[string]bool{}
	for _, entry := range list {
		info, err := l.cfg.Kernel.Info(entry.Name)
		if err != nil {
			continue
		}
		id, ok := parseUUID(info.UUID)
		switch {
		case !ok:
			e.Names = append(e.Names, entry.Name)
		case id.inc != 0 && id.inc != inc: // of an incarnation that has left
		default:
			if info.Suspended && !held[id.group] {
				held[id.group] = true
				e.Held = append(e.Held, id.group)
			}
			if info.OpenCount > 0 {
				e.Open = append(e.Open, txn.Open{Group: id.group, Volume: id.volume, Holder: holderOf(info)})
			}
		}
	}
}

// holderOf names the processes and devices that hold a device, in words.
func holderOf(info dm.Info) string {
	who := holder.System.Of(info.Dev.Major, info.Dev.Minor)
	if len(who) == 0 {
		return "somebody unknown to /proc"
	}
	words := make([]string, len(who))
	for i, w := range who {
		words[i] = w.String()
	}
	return strings.Join(words, ", ")
}

// all returns the labelled disks.
func (s *seen) all() []disk.Disk {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.disks))
}

// groupOf returns the group that the label of a disk names, by what the gate knows of the disk.
func (s *seen) groupOf(g bpf.Guarded) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, d := range s.disks {
		if g.Dev == (bpf.Dev{Major: d.Major, Minor: d.Minor}) && g.Diskseq == d.Diskseq {
			return s.groups[id]
		}
	}
	return ""
}
