// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"
)

func TestSkipListLineWithoutReasonIsRefused(t *testing.T) {
	for _, text := range []string{"dm.TestX", "dm.TestX |", "| no device-mapper"} {
		if _, err := parseSkips(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestCommittedSkipListReads(t *testing.T) {
	if _, err := loadSkips("../../" + skipsFile); err != nil {
		t.Error(err)
	}
}

func TestStagesHaveDistinctNamesAndPickRefusesAnUnknownOne(t *testing.T) {
	var names []string
	for _, s := range stages() {
		if slices.Contains(names, s.name) {
			t.Errorf("two stages are called %q", s.name)
		}
		names = append(names, s.name)
	}
	if _, err := pick(stages(), "vet,nonsense"); err == nil {
		t.Error("an unknown stage was accepted")
	}
	if picked, err := pick(stages(), "unit,vet"); err != nil || len(picked) != 2 || picked[0].name != "vet" {
		t.Errorf("got %v, %v", picked, err)
	}
}

func TestAPackageWithAStageOfItsOwnIsNotTestedTwice(t *testing.T) {
	s := spread(goTest("unit", "", "./..."), []string{"m/dm", "m/tools/lint", "m/bpf"})
	if want := []string{"go", "test", "-json", "m/dm", "m/bpf"}; !slices.Equal(s.argv, want) {
		t.Errorf("got %v", s.argv)
	}
}
