// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"
	"maps"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/label"
)

// judge looks at the whole world after every step. It knows nothing of how the machines work.
type judge struct {
	w       *world
	hashes  map[string]string        // group and version -> hash
	writers map[string]view.NodeID   // disk and ballot -> node
	asked   map[uint64]config.Change // by request
	answer  map[uint64]Answer        //
}

func newJudge(w *world) *judge {
	return &judge{w, map[string]string{}, map[string]view.NodeID{}, map[uint64]config.Change{}, map[uint64]Answer{}}
}

func (j *judge) fail(format string, args ...any) {
	if !j.w.failed {
		j.w.failed = true
		j.w.t.Errorf("at %v: "+format, append([]any{j.w.now}, args...)...)
	}
}

// look checks that one version has one content, and that no sector is in two places.
func (j *judge) look() {
	for _, id := range j.w.ids() {
		n := j.w.nodes[id]
		if !n.up {
			continue
		}
		for _, g := range n.m.Status().Groups {
			if g.Version == 0 {
				continue
			}
			key := fmt.Sprintf("%s v%d", g.ID, g.Version)
			if h, ok := j.hashes[key]; ok && h != g.Hash {
				j.fail("S3: %s is %s on node %d and was %s", key, short(g.Hash), id, short(h))
			}
			j.hashes[key] = g.Hash
		}
	}
	j.places()
	j.held()
}

// held checks that where a sector was given up by a node that runs on newer tables, no other still runs on older ones.
func (j *judge) held() {
	for _, a := range j.w.ids() {
		for group, old := range j.w.nodes[a].kernel {
			if old.failed || !j.w.view.Has(a, j.w.nodes[a].inc) {
				continue
			}
			for _, b := range j.w.ids() {
				k := j.w.nodes[b].kernel[group]
				if k == nil || k.failed || k.version <= old.version || !j.w.view.Has(b, j.w.nodes[b].inc) {
					continue
				}
				for id, v := range old.live {
					if now, ok := k.live[id]; !old.suspended[id] && (!ok || now.Length < v.Length) {
						j.fail("S5: node %d runs version %d, and volume %s on node %d still that of version %d", b, k.version, v.Name, a, old.version)
					}
				}
			}
		}
	}
}

type mapped struct {
	node           view.NodeID
	volume         string
	at             config.Sectors // in the volume
	disk           string
	offset, length config.Sectors
}

// places compares what all the kernels map where.
func (j *judge) places() {
	var all []mapped
	for _, id := range j.w.ids() {
		n := j.w.nodes[id]
		for _, group := range slices.Sorted(maps.Keys(n.kernel)) {
			k := n.kernel[group]
			for _, vol := range slices.Sorted(maps.Keys(k.live)) {
				if !k.suspended[vol] && !k.failed {
					all = append(all, placesOf(id, k, k.live[vol])...)
				}
			}
		}
	}
	for i, a := range all {
		for _, b := range all[:i] {
			if a.node == b.node {
				continue
			}
			sameDisk := a.disk == b.disk && a.offset < b.offset+b.length && b.offset < a.offset+a.length
			if sameDisk && (a.volume != b.volume || a.at-a.offset != b.at-b.offset) {
				j.fail("S5: disk %s sector %d is %s+%d on node %d and %s+%d on node %d", short(a.disk), a.offset, short(a.volume), a.at, a.node,
					short(b.volume), b.at, b.node)
			}
			sameVol := a.volume == b.volume && a.at < b.at+b.length && b.at < a.at+a.length
			if sameVol && (a.disk != b.disk || a.at-a.offset != b.at-b.offset) {
				j.fail("S5: volume %s sector %d is in two places on nodes %d and %d", short(a.volume), a.at, a.node, b.node)
			}
		}
	}
}

// placesOf takes a concat volume apart; striped ones are not made in this world.
func placesOf(n view.NodeID, k *tablesOf, v config.Volume) []mapped {
	var all []mapped
	at := config.Sectors(0)
	for _, s := range v.Plexes[0].Columns[0] {
		all = append(all, mapped{n, v.ID, at, k.disks[s.Disk], s.Offset, s.Length})
		at += s.Length
	}
	return all
}

// load checks that nothing is loaded on an unguarded disk, or before its fence set is handed over.
func (j *judge) load(n *node, a Load) {
	for _, d := range a.Want.Disks {
		if n.guard[d.ID] != a.Want.ID {
			j.fail("S7: node %d loads version %d on disk %s, which is not guarded", n.id, a.Want.Version, d.Name)
		}
	}
	for _, v := range a.Want.Volumes {
		if !slices.ContainsFunc(n.fences[a.Want.ID].Volumes, func(f FenceVolume) bool { return f.ID == v.ID }) {
			j.fail("S7: node %d loads volume %s, which is in no fence set", n.id, v.Name)
		}
	}
}

// write checks that a label has one writer for each ballot, and that he may write.
func (j *judge) write(n *node, a Write) {
	if !a.Shared {
		return
	}
	if _, full := j.w.view.Member(n.id); !full && j.w.view.Has(n.id, n.inc) {
		j.fail("S7: node %d writes a label while it is joining", n.id)
	}
	if _, err := label.DecodeHeader(a.Write.Bytes); err != nil {
		return
	}
	key := fmt.Sprintf("%s %s", a.Write.Disk, a.What)
	if other, ok := j.writers[key]; ok && other != n.id {
		j.fail("S7: nodes %d and %d both write %s", other, n.id, key)
	}
	j.writers[key] = n.id
}

// landed checks that a version number is used for one text alone.
func (j *judge) landed(n *node, a Write) {
	if slot, err := label.DecodeSlot(a.Write.Bytes); err == nil {
		key := fmt.Sprintf("%s v%d", slot.Group, slot.Version)
		if h, ok := j.hashes[key]; ok && h != slot.Hash {
			j.fail("S3: node %d writes %s as %s and it was %s", n.id, key, short(slot.Hash), short(h))
		}
		j.hashes[key] = slot.Hash
	}
}

func (j *judge) answered(a Answer) { j.answer[a.ID] = a }

// final checks the end of a run: one configuration everywhere, with all that was answered done and nothing refused.
func (j *judge) final() {
	w := j.w
	var first *config.Group
	for _, id := range w.ids() {
		n := w.nodes[id]
		for _, g := range n.m.Status().Groups {
			switch {
			case !g.Enabled:
				j.fail("L1: node %d: %v", id, g)
			case first == nil:
				first = g.Config
			case g.Version != first.Version:
				j.fail("L1: node %d is at version %d, another at %d", id, g.Version, first.Version)
			}
		}
		for _, k := range n.kernel {
			if len(k.suspended) > 0 {
				j.fail("L1: node %d has suspended volumes", id)
			}
		}
		if s := n.m.Status(); s.Stage != "" || s.Change != nil {
			j.fail("L1: node %d: %v", id, s)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(j.answer)) {
		c, ok := j.asked[id].(config.CreateVolume)
		if !ok || j.removed(c.Name) {
			continue
		}
		exists := false
		if first != nil {
			_, exists = first.Volume(c.Name)
		}
		switch a := j.answer[id]; {
		case a.Outcome == Done && !exists:
			j.fail("S4: %v was answered done, and there is no such volume", c)
		case a.Outcome == Refused && exists:
			j.fail("S4: %v was refused (%s), and the volume exists", c, a.Why)
		}
	}
}

// removed reports whether somebody asked to remove the volume.
func (j *judge) removed(name string) bool {
	for _, c := range j.asked {
		if r, ok := c.(config.RemoveVolume); ok && r.Volume == name {
			return true
		}
	}
	return false
}
