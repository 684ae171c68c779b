// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// SetGroup implements Gate.
func (g *Pinned) SetGroup(index uint32, m Mode) error {
	if err := m.Check(index); err != nil {
		return err
	}
	if err := g.maps[gateMapGroups].Put(index, uint32(m)); err != nil {
		return fmt.Errorf("set group %d of the gate to %v: %w", index, m, err)
	}
	return nil
}

// Group implements Gate.
func (g *Pinned) Group(index uint32) (Mode, error) {
	if err := Shut.Check(index); err != nil {
		return Shut, err
	}
	var m uint32
	if err := g.maps[gateMapGroups].Lookup(index, &m); err != nil {
		return Shut, fmt.Errorf("read group %d of the gate: %w", index, err)
	}
	return Mode(m), nil
}

// Guard implements Gate.
func (g *Pinned) Guard(d Guarded) error {
	if err := d.Check(); err != nil {
		return err
	}
	v := guardValue{Group: d.Group, Diskseq: d.Diskseq}
	if d.Volume {
		v.Volume = 1
	}
	if err := g.maps[gateMapGuard].Put(d.Dev.key(), v); err != nil {
		return fmt.Errorf("guard %v: %w", d.Dev, fullness(err, GuardsMax))
	}
	return nil
}

// Unguard implements Gate.
func (g *Pinned) Unguard(d Dev) error {
	if err := g.maps[gateMapGuard].Delete(d.key()); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("unguard %v: %w", d, err)
	}
	return nil
}

// Guards implements Gate.
func (g *Pinned) Guards() ([]Guarded, error) {
	var all []Guarded
	var key uint32
	var v guardValue
	entries := g.maps[gateMapGuard].Iterate()
	for entries.Next(&key, &v) {
		if v.Group == GroupSelfTest {
			continue
		}
		all = append(all, Guarded{Dev: devOf(key), Diskseq: v.Diskseq, Group: v.Group, Volume: v.Volume != 0})
	}
	if err := entries.Err(); err != nil {
		return nil, fmt.Errorf("list guarded disks: %w", err)
	}
	slices.SortFunc(all, func(a, b Guarded) int { return cmp.Compare(a.Dev.key(), b.Dev.key()) })
	return all, nil
}

// fullness says how much there is room for, where that is what stood in the way.
func fullness(err error, limit int) error {
	if errors.Is(err, unix.E2BIG) {
		return fmt.Errorf("the gate holds at most %d: %w", limit, err)
	}
	return err
}
