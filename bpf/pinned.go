// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Pinned is the gate in this node's kernel. Load and Adopt make it. Safe for concurrent use.
type Pinned struct {
	dir  string // empty: nothing is pinned, it goes with the process
	maps map[string]*ebpf.Map

	links    [hooksMax]link.Link
	programs [hooksMax]*ebpf.Program
	missing  [hooksMax]error // why a hook is not attached

	setting sync.Mutex // SetLease reads before it writes
}

var _ Gate = (*Pinned)(nil)

// Missing returns why the hook is not attached, or nil if it is. That it is attached is not that it works: see SelfTest.
func (g *Pinned) Missing(h Hook) error {
	if h >= hooksMax {
		return fmt.Errorf("%v: %w", h, ErrNotSupported)
	}
	return g.missing[h]
}

// The values of the maps, as in gate.bpf.c.
type (
	leaseValue struct{ Word, Hold, Base uint64 }
	guardValue struct {
		Group, Volume uint32
		Diskseq       uint64
	}
	portalKey struct {
		Addr [16]byte
		Port uint16
		_    uint16
	}
	counterValue struct{ Passed, Refused, Lapsed uint64 }
	versionValue struct{ Layout, Programs uint64 }
)

// SetSelf implements Gate.
func (g *Pinned) SetSelf(s Self, pid int) error {
	if err := s.Check(pid); err != nil {
		return err
	}
	if err := g.maps[gateMapSelf].Put(uint32(s), uint32(pid)); err != nil {
		return fmt.Errorf("set self %d of the gate: %w", s, err)
	}
	return nil
}

// Close implements Gate. Without pins the gate goes with it.
func (g *Pinned) Close() error {
	var errs []error
	for h := range g.links {
		if g.programs[h] != nil {
			errs = append(errs, g.programs[h].Close())
		}
		if g.links[h] != nil {
			errs = append(errs, g.links[h].Close())
		}
	}
	for _, m := range g.maps {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
