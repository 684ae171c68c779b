// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/store"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Dir is where the fence sets are: one file a group, and the mark of a leave. It does not survive a boot, and need not:
// neither do the devices.
const Dir = "/run/plexus/fence"

const (
	setSuffix  = ".set.json"
	markName   = "leaving.json"
	groupsMax  = 1024
	volumesMax = 10_000
	disksMax   = 256
)

// ErrLeaving says that fence sets cannot change because a leave is under way.
var ErrLeaving = errors.New("this node is leaving")

// Leave is the mark of a leave that has begun.
type Leave struct {
	Seq    view.Seq         `json:"seq"`
	Inc    view.Incarnation `json:"incarnation"`
	Reason view.Reason      `json:"reason"`
}

// Store keeps the fence sets of this node on files, so that a clusterd that was killed can finish the leave. It is for one
// goroutine.
type Store struct {
	dir   string
	sets  map[string]view.FenceSet // by group id
	leave *Leave
}

// OpenStore reads what an earlier clusterd of this boot has left in dir, which it makes.
func OpenStore(dir string) (*Store, error) {
	s := &Store{dir: dir, sets: map[string]view.FenceSet{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open fence sets: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open fence sets: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.Name() == markName:
			s.leave = &Leave{}
			err = load(path, s.leave)
		case strings.HasSuffix(e.Name(), setSuffix):
			var set view.FenceSet
			if err = load(path, &set); err == nil {
				err = CheckSet(set)
			}
			if err == nil && e.Name() != set.GroupID+setSuffix {
				err = fmt.Errorf("it holds the set of group %s", set.GroupID)
			}
			s.sets[set.GroupID] = set
		}
		if err != nil {
			return nil, fmt.Errorf("read fence set %s: %w; it was written whole, so a hand or a bad memory changed it: reboot this node", path, err)
		}
	}
	return s, nil
}

func load(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func (s *Store) save(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return store.WriteFile(store.Disk, filepath.Join(s.dir, name), b, 0o600)
}

// All returns the sets, sorted by group name.
func (s *Store) All() []view.FenceSet {
	return slices.SortedFunc(maps.Values(s.sets), func(a, b view.FenceSet) int {
		return strings.Compare(a.Group+"\x00"+a.GroupID, b.Group+"\x00"+b.GroupID)
	})
}

// Put replaces the set of a group. It returns the set that was there: the caller sees which volumes were handed back.
func (s *Store) Put(set view.FenceSet) (before view.FenceSet, err error) {
	if err := CheckSet(set); err != nil {
		return view.FenceSet{}, err
	}
	before, known := s.sets[set.GroupID]
	if s.leave != nil {
		return before, fmt.Errorf("put fence set of group %s: %w", set.Group, ErrLeaving)
	}
	if !known && len(s.sets) >= groupsMax {
		return before, fmt.Errorf("put fence set of group %s: there are %d, no more are possible", set.Group, groupsMax)
	}
	if err := s.save(set.GroupID+setSuffix, set); err != nil {
		return before, err
	}
	set.Disks, set.Volumes = slices.Clone(set.Disks), slices.Clone(set.Volumes) // the caller keeps its own
	s.sets[set.GroupID] = set
	return before, nil
}

// Drop forgets the set of a group that has no device here any more.
func (s *Store) Drop(groupID string) error {
	set, known := s.sets[groupID]
	if !known {
		return nil
	}
	if s.leave != nil {
		return fmt.Errorf("drop fence set of group %s: %w", set.Group, ErrLeaving)
	}
	if err := store.RemoveFile(store.Disk, filepath.Join(s.dir, groupID+setSuffix)); err != nil {
		return err
	}
	delete(s.sets, groupID)
	return nil
}

// Leaving returns the leave that has begun and not ended, or nil.
func (s *Store) Leaving() *Leave { return s.leave }

// Begin marks the beginning of a leave: from here on the sets do not change until End, over restarts too. If one has begun
// already it stays the one.
func (s *Store) Begin(l Leave) error {
	if s.leave != nil {
		return nil
	}
	if err := s.save(markName, l); err != nil {
		return err
	}
	s.leave = &l
	return nil
}

// End forgets all sets, and the mark last: a restart in between does the leave again, with less to do.
func (s *Store) End() error {
	for id := range s.sets {
		if err := store.RemoveFile(store.Disk, filepath.Join(s.dir, id+setSuffix)); err != nil {
			return err
		}
	}
	if err := store.RemoveFile(store.Disk, filepath.Join(s.dir, markName)); err != nil {
		return err
	}
	clear(s.sets)
	s.leave = nil
	return nil
}

// CheckSet refuses a set that could not be acted on, or would touch what is not ours.
func CheckSet(set view.FenceSet) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("fence set of group %q: %w", set.Group, fmt.Errorf(format, args...))
	}
	switch {
	case set.Group == "":
		return bad("it names no group")
	case len(set.GroupID) != 32 || strings.Trim(set.GroupID, "0123456789abcdef") != "":
		return bad("group id %q is not 32 lower-case hexadecimal digits", set.GroupID)
	case len(set.Disks) > disksMax || len(set.Volumes) > volumesMax:
		return bad("%d disks and %d volumes; a group has at most %d and %d", len(set.Disks), len(set.Volumes), disksMax, volumesMax)
	}
	for _, d := range set.Disks {
		if err := checkDev(d.Dev); err != nil {
			return bad("%w", err)
		}
		if d.Transport == view.TransportISCSI && len(d.Portals) == 0 {
			return bad("iSCSI disk %s has no portal", d.Dev)
		}
	}
	for _, v := range set.Volumes {
		if !strings.HasPrefix(v.UUID, uuidPrefix) {
			return bad("volume %s: uuid %q does not begin with %s", v.Name, v.UUID, uuidPrefix)
		}
	}
	return nil
}
