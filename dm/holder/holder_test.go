// SPDX-License-Identifier: Apache-2.0

package holder

import (
	"os"
	"path/filepath"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMountsAndDevicesAreNamed(t *testing.T) {
	root := t.TempDir()
	h := Host{filepath.Join(root, "proc"), filepath.Join(root, "sys")}
	write(t, filepath.Join(h.Proc, "self/mountinfo"), "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n36 21 254:3 / /srv/data rw - ext4 /dev/x rw\n")
	write(t, filepath.Join(h.Sys, "dev/block/254:3/holders/dm-7"), "")
	write(t, filepath.Join(h.Sys, "block/dm-7/dm/name"), "crypt1\n")
	got := h.Of(254, 3)
	if len(got) != 2 || got[0].String() != "mounted on /srv/data" || got[1].String() != "device crypt1" {
		t.Fatalf("got %v", got)
	}
	if got := h.Of(254, 4); len(got) != 0 {
		t.Fatalf("a free device is held by %v", got)
	}
}

func TestAProcessIsNamedWithItsID(t *testing.T) {
	if s := (Holder{4711, "dd"}).String(); s != "dd (pid 4711)" {
		t.Fatal(s)
	}
}
