// SPDX-License-Identifier: Apache-2.0

package world

import (
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/txn"
)

// history is every version of the groups that was in force on some node, in order. Each was made from the one before by
// exactly one change that somebody asked for, and was not refused.
type history struct {
	w        *World
	hashes   map[groupVersion]string // S3: in force or in a slot
	versions map[string][]*version   // by group
}

type groupVersion struct {
	group   string
	version uint64
}

type version struct {
	hash  string
	group config.Group
	by    []*request // any of these may have made it
}

func newHistory(w *World) history {
	return history{w: w, hashes: map[groupVersion]string{}, versions: map[string][]*version{}}
}

// latest returns the newest version in force anywhere.
func (h *history) latest(group string) uint64 {
	all := h.versions[group]
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1].group.Version
}

// same checks S3 for a text of which a hash was seen.
func (h *history) same(n view.NodeID, group string, v uint64, hash string) {
	key := groupVersion{group, v}
	if old, ok := h.hashes[key]; ok && old != hash {
		h.w.violate("S3", "version %d is %.12s on node %d and was %.12s", v, hash, n, old)
	}
	h.hashes[key] = hash
}

// seen takes note of what is in force on a node.
func (h *history) seen(n view.NodeID, g txn.GroupStatus) {
	h.same(n, g.ID, g.Version, g.Hash)
	all := h.versions[g.ID]
	last := h.latest(g.ID)
	if g.Version <= last {
		if !slices.ContainsFunc(all, func(v *version) bool { return v.group.Version == g.Version }) {
			h.w.violate("S4", "node %d has version %d in force, which the history to %d does not have", n, g.Version, last)
		}
		return
	}
	next := &version{hash: g.Hash, group: *g.Config}
	var base config.Group
	if len(all) > 0 {
		base = all[len(all)-1].group
	}
	for _, r := range h.w.clients.all {
		if r.ended && r.answer.Outcome != txn.Unknown && !(r.answer.Outcome == txn.Done && r.answer.Version == g.Version) {
			continue
		}
		if made, err := config.Edit(base, r.change); err == nil {
			made.Version = g.Version
			if config.Hash(config.Encode(made)) == g.Hash {
				next.by = append(next.by, r)
			}
		}
	}
	h.versions[g.ID] = append(all, next)
	if len(next.by) == 0 {
		h.w.violate("S4", "node %d has version %d in force, which no change that was asked for, and not refused, makes of version %d: %v",
			n, g.Version, base.Version, config.Compare(base, *g.Config))
	}
}

// answered checks S4 for what a client was told.
func (h *history) answered(r *request) {
	for _, v := range h.versions[theGroup] {
		was := slices.Contains(v.by, r)
		switch {
		case r.answer.Outcome == txn.Unknown:
		case r.answer.Outcome == txn.Done && r.answer.Version == v.group.Version:
			if !was {
				h.w.violate("S4", "%v was answered done at version %d, which does not hold it, but %v", r, r.answer.Version, v.by)
			}
			v.by = []*request{r}
			return
		case was:
			v.by = slices.DeleteFunc(v.by, func(o *request) bool { return o == r })
			if len(v.by) == 0 {
				h.w.violate("S4", "%v was answered %v (%s), and version %d holds it", r, r.answer.Outcome, r.answer.Why, v.group.Version)
			}
		}
	}
	if r.answer.Outcome == txn.Done {
		h.w.violate("S4", "%v was answered done at version %d, which is nowhere in force", r, r.answer.Version)
	}
}
