// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// session makes an iSCSI session in a sysfs of the test's own.
func session(t *testing.T, sys, name, host, state, tmo string) {
	t.Helper()
	device := filepath.Join(sys, "devices/platform", host, name)
	for path, text := range map[string]string{
		filepath.Join(sys, "class/iscsi_session", name, "state"):        state,
		filepath.Join(sys, "class/iscsi_session", name, "recovery_tmo"): tmo,
		filepath.Join(sys, "class/scsi_host", host, "scan"):             "",
		filepath.Join(device, "target2:0:0/2:0:0:1/type"):               "0",
		filepath.Join(device, "target2:0:0/2:0:0:1/block/sdb/size"):     "2048",
		filepath.Join(device, "target2:0:0/2:0:0:0/type"):               "12", // the target's controller
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(device, filepath.Join(sys, "class/iscsi_session", name, "device")); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyCutSessionsAreBroughtBack(t *testing.T) {
	sys := t.TempDir()
	session(t, sys, "session1", "host2", "LOGGED_IN", "0")
	session(t, sys, "session2", "host3", "LOGGED_IN", "60")
	if err := comeBack(t.Context(), sys); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"class/iscsi_session/session1/recovery_tmo": recoveryTmo,
		"class/scsi_host/host2/scan":                "- - -",
		"class/iscsi_session/session2/recovery_tmo": "60",
		"class/scsi_host/host3/scan":                "",
	} {
		if got, err := read(filepath.Join(sys, path)); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", path, got, err, want)
		}
	}
}

// half puts a disk into a session that has no block device.
func half(t *testing.T, sys string) (dir string) {
	t.Helper()
	dir = filepath.Join(sys, "devices/platform/host2/session1/target2:0:0/2:0:0:2")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"type": "0\n", "delete": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestADiskWithoutABlockDeviceIsWaitedFor(t *testing.T) {
	sys := t.TempDir()
	session(t, sys, "session1", "host2", "LOGGED_IN", "0")
	half(t, sys)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := comeBack(ctx, sys); err == nil || !strings.Contains(err.Error(), "no block devices yet") {
		t.Fatalf("got %v", err)
	}
	if tmo, _ := read(filepath.Join(sys, "class/iscsi_session/session1/recovery_tmo")); tmo != "0" {
		t.Fatal("the mark of the leave is gone before the disks are back")
	}
}

func TestADiskLeftHalfProbedIsDeletedSoThatAScanFindsItAnew(t *testing.T) {
	sys := t.TempDir()
	session(t, sys, "session1", "host2", "LOGGED_IN", "0")
	dir := half(t, sys)
	dropHalf(filepath.Join(sys, "devices/platform/host2/session1"))
	if text, _ := read(filepath.Join(dir, "delete")); text != "1" {
		t.Error("the disk without a block device was not deleted")
	}
	whole := filepath.Join(sys, "devices/platform/host2/session1/target2:0:0/2:0:0:1/delete")
	if _, err := os.Stat(whole); err == nil {
		t.Error("the whole disk was touched")
	}
}

func TestASessionThatStaysAwayIsNamed(t *testing.T) {
	sys := t.TempDir()
	session(t, sys, "session7", "host2", "FAILED", "0")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := comeBack(ctx, sys)
	if err == nil || !strings.Contains(err.Error(), "session7") || !strings.Contains(err.Error(), "FAILED") {
		t.Fatalf("got %v", err)
	}
}

func TestAHostWithoutISCSIHasNothingToBringBack(t *testing.T) {
	if err := comeBack(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
}
