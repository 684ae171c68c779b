// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"strings"
	"testing"
)

func TestTableAlignsColumnsAndFillsEmptyCells(t *testing.T) {
	table := Table{Columns: []string{"DISK", "SIZE>", "STATE"}}
	table.Add("/dev/sdb", "10.00g", "ready")
	table.Add("", 5, "größer\x1b[31m")
	var out strings.Builder
	if err := table.Write(&out, 2); err != nil {
		t.Fatal(err)
	}
	want := "" +
		"  DISK        SIZE  STATE\n" +
		"  /dev/sdb  10.00g  ready\n" +
		"  -              5  größer?[31m\n"
	if out.String() != want {
		t.Errorf("got\n%s, want\n%s", out.String(), want)
	}
}

func TestBytesNeverPromisesMoreThanThereIs(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0", 512: "512b", 1024: "1.00k", 1<<30 - 1: "1023.99m", 10 << 30: "10.00g", 1536 << 20: "1.50g",
		1<<40 + 1<<39: "1.50t", math.MaxUint64: "15.99e",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
