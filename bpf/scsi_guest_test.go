//go:build guest

// SPDX-License-Identifier: Apache-2.0

package bpf_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// scsiDisk loads the kernel's SCSI simulator and returns the path of its disk.
func scsiDisk(t *testing.T) string {
	t.Helper()
	for _, module := range []string{"sd_mod", "scsi_debug"} {
		out, err := exec.Command("modprobe", module).CombinedOutput()
		if err != nil {
			t.Fatalf("modprobe %s: %v: %s", module, err, out)
		}
	}
	t.Cleanup(func() { unix.DeleteModule("scsi_debug", 0) })
	for range 5000 { // it is scanned by a thread of the kernel
		found, err := filepath.Glob("/sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/sd*")
		do(t, err)
		if len(found) > 0 {
			path := "/dev/" + filepath.Base(found[0])
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
		unix.Nanosleep(&unix.Timespec{Nsec: 2e6}, nil)
	}
	t.Fatal("no disk of scsi_debug after 10 s")
	return ""
}
