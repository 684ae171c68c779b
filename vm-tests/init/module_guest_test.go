//go:build guest

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestModprobeLoadsWithParameters(t *testing.T) {
	if out, err := exec.Command("modprobe", "scsi_debug", "dev_size_mb=16").CombinedOutput(); err != nil {
		t.Fatalf("modprobe: %v: %s", err, out)
	}
	b, err := os.ReadFile("/sys/module/scsi_debug/parameters/dev_size_mb")
	if err != nil || strings.TrimSpace(string(b)) != "16" {
		t.Errorf("dev_size_mb is %q, %v; want 16", b, err)
	}
}

func TestModprobeRefusesAnUnknownModule(t *testing.T) {
	out, err := exec.Command("modprobe", "no-such-module").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no_such_module") {
		t.Errorf("modprobe said %q, %v; want an error that names the module", out, err)
	}
}

func TestKernelFilesystemsAreMounted(t *testing.T) {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range append(kernelMounts, testMounts...) {
		t.Run(strings.TrimPrefix(m.at, "/"), func(t *testing.T) {
			if !strings.Contains(string(table), " "+m.at+" "+m.kind+" ") {
				t.Errorf("%s is not mounted at %s", m.kind, m.at)
			}
		})
	}
}
