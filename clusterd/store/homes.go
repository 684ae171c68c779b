// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// HomesName is the file in the state directory.
const HomesName = "homes.json"

// homesMax is how many private groups a node can have.
const homesMax = 1024

// ErrHomeStale says that a home record was not put in place because a newer one is there.
var ErrHomeStale = errors.New("a newer home record is in place")

// Homes are the home records of this node's private groups. Those of shared groups are in the raft log.
type Homes struct {
	fs   FS
	path string
	now  map[string]view.Home // by group id
}

// OpenHomes reads the records in dir.
func OpenHomes(fsys FS, dir string) (*Homes, error) {
	h := &Homes{fs: fsys, path: filepath.Join(dir, HomesName), now: map[string]view.Home{}}
	var list []view.Home
	if _, err := loadValue(fsys, h.path, &list); err != nil {
		return nil, err
	}
	for _, home := range list {
		h.now[home.GroupID] = home
	}
	return h, nil
}

// Get returns the record of a group.
func (h *Homes) Get(groupID string) (view.Home, bool) {
	home, ok := h.now[groupID]
	return home, ok
}

// List returns all records, sorted by group id.
func (h *Homes) List() []view.Home {
	return slices.SortedFunc(maps.Values(h.now), func(a, b view.Home) int { return strings.Compare(a.GroupID, b.GroupID) })
}

// Set puts a record in place if its ballot is larger than that of the one before; the same record again is no error.
func (h *Homes) Set(home view.Home) error {
	before, known := h.now[home.GroupID]
	switch {
	case home.GroupID == "":
		return errors.New("set home record: it names no group")
	case known && before == home:
		return nil
	case known && home.Ballot.Compare(before.Ballot) <= 0:
		return fmt.Errorf("set home record of %s: %w: version %d", home.GroupID, ErrHomeStale, before.Version)
	case !known && len(h.now) >= homesMax:
		return fmt.Errorf("set home record of %s: this node has %d private groups, no more are possible", home.GroupID, homesMax)
	}
	return h.save(func(next map[string]view.Home) { next[home.GroupID] = home })
}

// Remove forgets the record of a group that is no more.
func (h *Homes) Remove(groupID string) error {
	if _, known := h.now[groupID]; !known {
		return nil
	}
	return h.save(func(next map[string]view.Home) { delete(next, groupID) })
}

// save makes the change on disk, then in memory.
func (h *Homes) save(change func(map[string]view.Home)) error {
	next := &Homes{now: maps.Clone(h.now)}
	change(next.now)
	if err := saveValue(h.fs, h.path, next.List()); err != nil {
		return err
	}
	h.now = next.now
	return nil
}
