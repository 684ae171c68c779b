// SPDX-License-Identifier: Apache-2.0

package dm_test

import (
	"testing"

	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/dmtest"
	"github.com/plexus-cvm/plexus/dm/dmtest/laws"
)

func memory() laws.Bed {
	disks := []dm.DevNum{{Major: 8, Minor: 0}, {Major: 8, Minor: 16}, {Major: 7, Minor: 1}}
	sizes := map[dm.DevNum]dm.Sectors{}
	for _, d := range disks {
		sizes[d] = 1024
	}
	return laws.Bed{Kernel: dmtest.New(sizes), Disks: disks, Size: 1024}
}

func TestPlansArriveAndLeadBack(t *testing.T)   { laws.Arrives(t, memory) }
func TestFailedPlansLeaveOldOrNew(t *testing.T) { laws.Whole(t, memory) }
func TestPlansRecoverFromCrashes(t *testing.T)  { laws.Recovers(t, memory) }
