// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

func TestASecondDaemonIsToldWhoHasTheDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	first, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Acquire(dir)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "pid ") {
		t.Fatal(err)
	}
	first.Release()
	second, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	second.Release()
}

func TestNumbersOnlyGrow(t *testing.T) {
	dir := t.TempDir()
	lives := map[uint64]bool{}
	for range 3 {
		n, err := OpenNumbers(Disk, dir)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			life, err := n.NextLife(0)
			if err != nil || life == 0 || lives[life] || uint64(len(lives)) >= life {
				t.Fatalf("life %d after %v, %v", life, lives, err)
			}
			lives[life] = true
		}
	}
	n, _ := OpenNumbers(Disk, dir)
	if start, err := n.NextStart(); start != 1 || err != nil {
		t.Fatal(start, err)
	}
	first, count, err := n.NextRequests()
	again, _, _ := n.NextRequests()
	if first != 1 || again != first+count || err != nil {
		t.Fatal(first, count, again, err)
	}
}

func TestADamagedSmallFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	n, _ := OpenNumbers(Disk, dir)
	n.NextLife(0)
	path := filepath.Join(dir, NumbersName)
	text, _ := os.ReadFile(path)
	if err := os.WriteFile(path, bytes.Replace(text, []byte("1"), []byte("2"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenNumbers(Disk, dir); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Fatal(err)
	}
}

func home(version uint64, step uint64) view.Home {
	return view.Home{GroupID: "g", Version: version, Hash: "h", Ballot: view.Ballot{View: 1, Start: 1, Step: step}}
}

func TestAHomeRecordGivesWayOnlyToALargerBallot(t *testing.T) {
	dir := t.TempDir()
	h, err := OpenHomes(Disk, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{h.Set(home(1, 1)), h.Set(home(2, 2)), h.Set(home(2, 2))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Set(home(3, 2)); !errors.Is(err, ErrHomeStale) {
		t.Fatal(err)
	}
	if err := h.Set(view.Home{}); err == nil {
		t.Fatal("a record for no group was taken")
	}
	h, _ = OpenHomes(Disk, dir)
	if got, ok := h.Get("g"); !ok || got != home(2, 2) || len(h.List()) != 1 {
		t.Fatal(got, ok)
	}
	if err := errors.Join(h.Remove("g"), h.Remove("g")); err != nil {
		t.Fatal(err)
	}
	h, _ = OpenHomes(Disk, dir)
	if _, ok := h.Get("g"); ok {
		t.Fatal("a removed record came back")
	}
}

func TestAFileIsReplacedWholeAndRemovedForGood(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	for _, text := range []string{"one", "two"} {
		if err := WriteFile(Disk, name, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(name); string(got) != text {
			t.Fatal(string(got))
		}
	}
	if err := errors.Join(RemoveFile(Disk, name), RemoveFile(Disk, name)); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(Disk, filepath.Join(name, "no", "such"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestAStateDirectoryOnAPlexusVolumeIsFound(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	folder := &fstest.MapFile{Mode: fs.ModeDir}
	sys := fstest.MapFS{
		"dev/block/8:1/size":                             file("1"), // a partition has no slaves
		"dev/block/254:0/dm/uuid":                        file("LVM-abc\n"),
		"dev/block/254:0/slaves/sda/slaves":              folder,
		"dev/block/254:1/dm/uuid":                        file("PLEXUS-g-v\n"),
		"dev/block/254:2/dm/uuid":                        file("LVM-def\n"),
		"dev/block/254:2/slaves/sda/slaves":              folder,
		"dev/block/254:2/slaves/md0/slaves/dm-1/dm/uuid": file("PLEXUS-g-w\n"),
	}
	deep := "dev/block/9:9"
	for range stackMax + 2 {
		deep += "/slaves/x"
	}
	sys[deep] = folder
	for number, want := range map[string]string{
		"8:1": "", "254:0": "", "254:1": "PLEXUS-g-v", "254:2": "PLEXUS-g-w", "7:7": "",
	} {
		if got, err := plexusBelow(sys, "dev/block/"+number, stackMax); got != want || err != nil {
			t.Errorf("%s: %q, %v", number, got, err)
		}
	}
	if _, err := plexusBelow(sys, "dev/block/9:9", stackMax); err == nil {
		t.Error("an endless stack was walked to its end")
	}
	if err := CheckPlace(t.TempDir()); err != nil {
		t.Errorf("a temporary directory: %v", err)
	}
	if err := CheckPlace("/no/such/place"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestTheSourceOfAMountIsRead(t *testing.T) {
	text := []byte("22 1 0:21 / /proc rw - proc proc rw\n" +
		"30 1 0:30 /@ / rw,relatime shared:1 - btrfs /dev/my\\040disk rw,subvol=/@\n" + "garbage\n")
	for number, want := range map[string]string{"0:30": "/dev/my disk", "0:21": "proc", "8:0": ""} {
		if got := mountSource(text, number); got != want {
			t.Errorf("%s: %q", number, got)
		}
	}
}

func FuzzParseValue(f *testing.F) {
	f.Add([]byte("{\"life\":7}\n" + checksumLine([]byte(`{"life":7}`))))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var n numbers
		if err := parseValue(b, &n); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

func FuzzMountSource(f *testing.F) {
	f.Add([]byte("30 1 0:30 / / rw - btrfs /dev/x\\04 rw\n"))
	f.Fuzz(func(t *testing.T, b []byte) { mountSource(b, "0:30") })
}
