// SPDX-License-Identifier: Apache-2.0

package dm_test

import (
	"context"
	"fmt"

	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/dmtest"
)

// A volume is created, then grown. Each plan is a value: print it, run it, or undo it.
func Example() {
	ctx := context.Background()
	k := dmtest.New(map[dm.DevNum]dm.Sectors{{Major: 8}: 8192})
	everything := func(dm.Info) bool { return true }

	v := dm.Device{Name: dm.VolumeName("data", "web-1"), UUID: "PLEXUS-1-1"}
	for _, length := range []dm.Sectors{2048, 4096} {
		v.Table = dm.Table{{Length: length, Target: dm.Linear{Dev: dm.At(8, 0), Start: 2048}}}
		have, err := dm.Observe(k, everything)
		if err != nil {
			panic(err)
		}
		plan, err := dm.Diff(have, []dm.Device{v})
		if err != nil {
			panic(err)
		}
		fmt.Print(plan)
		if err := dm.Run(ctx, k, plan); err != nil {
			panic(err)
		}
	}
	table, _ := k.Table(v.Name, dm.SlotLive)
	fmt.Print(table)
	// Output:
	// 1 prepare create data-web--1 PLEXUS-1-1
	// 1 prepare load data-web--1 rw: 0 2048 linear 8:0 2048
	// 1 commit  resume data-web--1
	// 1 prepare load data-web--1 rw: 0 4096 linear 8:0 2048
	// 1 prepare suspend data-web--1 nolockfs flush
	// 1 commit  resume data-web--1
	// 0 4096 linear 8:0 2048
}

func ExampleParseTable() {
	table, err := dm.ParseTable("0 2048 linear 254:0 0\n2048 1024 error \n")
	fmt.Println(table.Length(), table.Refs(), err)
	_, err = dm.ParseTable("0 2048 linear 254:0 0\n4096 1024 error \n")
	fmt.Println(err)
	// Output:
	// 3072 [254:0] <nil>
	// table line 2: starts at sector 4096, the segments before it end at 2048
}

func ExampleSplitName() {
	fmt.Println(dm.SplitName("data-web--1"))
	// Output: data web-1 true
}
