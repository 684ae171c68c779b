// SPDX-License-Identifier: Apache-2.0

//go:build guest

package sockdiag

import (
	"os"
	"os/exec"
	"testing"
)

// TestMain gives the guest what a distribution loads and brings up by itself.
func TestMain(m *testing.M) {
	if os.Getenv("PLEXUS_GUEST") != "" {
		_ = exec.Command("modprobe", "tcp_diag").Run() // a kernel with it built in has no module
	}
	os.Exit(m.Run())
}

func TestADistributionsKernelCanDestroySockets(t *testing.T) {
	if err := dial(t).Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
}
