// SPDX-License-Identifier: Apache-2.0

package world

import "testing"

func TestSeedsHold(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() {
		seeds = 10
	}
	for seed := uint64(1); seed <= seeds; seed++ {
		opt := Options{Seed: seed, Nodes: 3 + int(seed%3)}
		r := Run(opt)
		if r.Violation != "" {
			t.Fatalf("%+v: %s\n%s", opt, r.Violation, r.Faults)
		}
		if r.Steps < 1000 {
			t.Errorf("%+v: only %d steps", opt, r.Steps)
		}
	}
}

func TestSameSeedSameTrace(t *testing.T) {
	for seed := uint64(100); seed < 106; seed++ {
		opt := Options{Seed: seed, Nodes: 3, Trace: true}
		a, b := Run(opt), Run(opt)
		if a.Hash != b.Hash || a.Steps != b.Steps {
			for i := range a.Tail {
				if i >= len(b.Tail) || a.Tail[i] != b.Tail[i] {
					t.Fatalf("seed %d parts at line %d:\n%s\n%s", seed, i, a.Tail[i], b.Tail[min(i, len(b.Tail)-1)])
				}
			}
			t.Fatalf("seed %d: the second trace is longer", seed)
		}
	}
}

func TestOtherSeedOtherTrace(t *testing.T) {
	a, b := Run(Options{Seed: 1, Nodes: 3, Trace: true}), Run(Options{Seed: 2, Nodes: 3, Trace: true})
	if a.Hash == b.Hash {
		t.Error("two seeds gave one trace")
	}
}
