// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"slices"
	"testing"
)

func TestALaneKeepsItsOrderAndAHungOneHoldsUpNoOther(t *testing.T) {
	l := newLanes()
	hung, done := make(chan struct{}), make(chan struct{})
	l.run("sda", func() { <-hung })
	var order []int
	for i := range 100 {
		l.run("sdb", func() { order = append(order, i) })
	}
	l.run("sdb", func() { close(done) })
	<-done // although sda hangs
	close(hung)
	l.wait()
	if !slices.IsSorted(order) || len(order) != 100 {
		t.Fatalf("ran in the order %v", order)
	}
	if len(l.waiting) != 0 {
		t.Fatalf("%d lanes are left", len(l.waiting))
	}
}
