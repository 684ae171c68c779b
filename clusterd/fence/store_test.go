// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

func TestSetsAndTheMarkSurviveARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "fence")
	open := func() *Store {
		t.Helper()
		s, err := OpenStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	_, set := newWorld(t)
	s := open()
	if _, err := s.Put(set); err != nil {
		t.Fatal(err)
	}
	set.Volumes[0].Owned = true
	before, err := s.Put(set)
	if err != nil || len(before.Volumes) != 3 || before.Volumes[0].Owned {
		t.Fatal(before, err)
	}
	s = open()
	if got := s.All(); len(got) != 1 || !reflect.DeepEqual(got[0], set) || s.Leaving() != nil {
		t.Fatalf("%+v", got)
	}
	if err := s.Begin(Leave{7, 2, view.ReasonLeaseLost}); err != nil {
		t.Fatal(err)
	}
	s = open()
	if l := s.Leaving(); l == nil || *l != (Leave{7, 2, view.ReasonLeaseLost}) {
		t.Fatal(l)
	}
	_, put := s.Put(set)
	if drop := s.Drop(set.GroupID); !errors.Is(put, ErrLeaving) || !errors.Is(drop, ErrLeaving) {
		t.Fatal("sets changed in the middle of a leave:", put, drop)
	}
	if err := s.Begin(Leave{8, 3, view.ReasonUserAbort}); err != nil || s.Leaving().Seq != 7 {
		t.Fatal("a second leave took the place of the first", err)
	}
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	s = open()
	if files, _ := os.ReadDir(dir); len(s.All()) != 0 || s.Leaving() != nil || len(files) != 0 {
		t.Fatal(s.All(), files)
	}
	if _, err := s.Put(set); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Drop(set.GroupID), s.Drop(set.GroupID)); err != nil || len(open().All()) != 0 {
		t.Fatal(err)
	}
}

func TestASetThatIsNotOursToActOnIsRefused(t *testing.T) {
	for want, change := range map[string]func(*view.FenceSet){
		"names no group": func(s *view.FenceSet) { s.Group = "" },
		"32 lower-case":  func(s *view.FenceSet) { s.GroupID = "../../../../etc/passwd" },
		"kernel name":    func(s *view.FenceSet) { s.Disks[0].Dev = "../sda" },
		"no portal":      func(s *view.FenceSet) { s.Disks[0].Portals = nil },
		"does not begin": func(s *view.FenceSet) { s.Volumes[0].UUID = "LVM-x" },
		"at most 256":    func(s *view.FenceSet) { s.Disks = make([]view.FenceDisk, disksMax+1) },
		"and 10000":      func(s *view.FenceSet) { s.Volumes = make([]view.FenceVolume, volumesMax+1) },
	} {
		_, set := newWorld(t)
		change(&set)
		s, err := OpenStore(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Put(set); err == nil || !strings.Contains(err.Error(), want) || len(s.All()) != 0 {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestADamagedFileIsNamed(t *testing.T) {
	for _, text := range []string{"", "{", `{"group":"g"}`, `{"group":"g","group_id":"` + strings.Repeat("e", 32) + `"}`} {
		dir := t.TempDir()
		name := filepath.Join(dir, groupID+setSuffix)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenStore(dir); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzCheckSet(f *testing.F) {
	_, set := newWorld(f)
	text, _ := json.Marshal(set)
	f.Add(text)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var set view.FenceSet
		if json.Unmarshal(b, &set) != nil || CheckSet(set) != nil {
			return
		}
		_ = MakePlan([]view.FenceSet{set}, 1).String()
		if strings.ContainsAny(set.GroupID, "/.") {
			t.Fatal(set.GroupID)
		}
	})
}
