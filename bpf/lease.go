// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
)

const leaseStateBits = 2

func (v leaseValue) lease() Lease {
	return Lease{State: LeaseState(v.Word & (1<<leaseStateBits - 1)), Deadline: int64(v.Word >> leaseStateBits), Hold: int64(v.Hold)}
}

func (g *Pinned) leaseValue() (v leaseValue, err error) {
	if err := g.maps[gateMapLease].Lookup(uint32(0), &v); err != nil {
		return v, fmt.Errorf("read lease of the gate: %w", err)
	}
	return v, nil
}

// Lease implements Gate.
func (g *Pinned) Lease() (Lease, error) {
	v, err := g.leaseValue()
	return v.lease(), err
}

// SetLease implements Gate. Deadline and state change in one store; the hold is written with them, but another CPU may
// see it first. That is harmless: it only speaks of volumes that are suspended when it grows.
func (g *Pinned) SetLease(l Lease) error {
	g.setting.Lock()
	defer g.setting.Unlock()
	prev, err := g.leaseValue()
	if err != nil {
		return err
	}
	if err := l.CheckAfter(prev.lease()); err != nil {
		return err
	}
	next := leaseValue{Word: uint64(l.Deadline)<<leaseStateBits | uint64(l.State), Hold: uint64(l.Hold), Base: prev.Base}
	if l.Running() && !prev.lease().Running() {
		if next.Base, err = g.lapsed(); err != nil {
			return err
		}
	}
	if err := g.maps[gateMapLease].Put(uint32(0), next); err != nil {
		return fmt.Errorf("set lease of the gate: %w", err)
	}
	return nil
}

// Lapsed implements Gate.
func (g *Pinned) Lapsed() (uint64, error) {
	v, err := g.leaseValue()
	if err != nil {
		return 0, err
	}
	total, err := g.lapsed()
	return total - v.Base, err
}

func (g *Pinned) lapsed() (uint64, error) {
	total := uint64(0)
	for _, h := range Hooks() {
		sum, err := g.counter(h)
		if err != nil {
			return 0, err
		}
		total += sum.Lapsed
	}
	return total, nil
}

func (g *Pinned) counter(h Hook) (sum counterValue, err error) {
	var cpus []counterValue
	if err := g.maps[gateMapCounters].Lookup(uint32(h), &cpus); err != nil {
		return sum, fmt.Errorf("read counters of gate hook %s: %w", h, err)
	}
	for _, c := range cpus {
		sum.Passed, sum.Refused, sum.Lapsed = sum.Passed+c.Passed, sum.Refused+c.Refused, sum.Lapsed+c.Lapsed
	}
	return sum, nil
}

// Counters implements Gate. A hook that is not attached counts nothing.
func (g *Pinned) Counters() ([]Counter, error) {
	var all []Counter
	for _, h := range Hooks() {
		sum, err := g.counter(h)
		if err != nil {
			return nil, err
		}
		c := Counter{Hook: h, Passed: sum.Passed, Refused: sum.Refused, Lapsed: sum.Lapsed}
		if p := g.programs[h]; p != nil {
			stats, err := p.Stats()
			if err != nil {
				return nil, fmt.Errorf("read statistics of gate program %s: %w", h, err)
			}
			c.Skipped = stats.RecursionMisses
		}
		all = append(all, c)
	}
	return all, nil
}
