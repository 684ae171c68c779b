// SPDX-License-Identifier: Apache-2.0

//go:build guest

package kernel_test

import (
	"flag"
	"testing"

	"github.com/plexus-cvm/plexus/dm/dmtest/laws"
)

// few keeps the laws short on a kernel without hardware help.
func few(t *testing.T, checks string) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	old := f.Value.String()
	if err := f.Value.Set(checks); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Value.Set(old) })
}

func TestPlansArriveAndLeadBackOnTheKernel(t *testing.T) {
	few(t, "25")
	b := newBed(t)
	laws.Arrives(t, func() laws.Bed { return b })
}

func TestFailedPlansLeaveOldOrNewOnTheKernel(t *testing.T) {
	few(t, "3")
	b := newBed(t)
	laws.Whole(t, func() laws.Bed { return b })
}

func TestPlansRecoverFromCrashesOnTheKernel(t *testing.T) {
	few(t, "3")
	b := newBed(t)
	laws.Recovers(t, func() laws.Bed { return b })
}
