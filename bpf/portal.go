// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf"
)

func (p Portal) key() portalKey { return portalKey{Addr: p.Addr.Addr().As16(), Port: p.Addr.Port()} }

func (k portalKey) addr() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(k.Addr).Unmap(), k.Port)
}

// AddPortal implements Gate.
func (g *Pinned) AddPortal(p Portal) error {
	if err := p.Check(); err != nil {
		return err
	}
	if err := g.maps[gateMapPortals].Put(p.key(), p.Group); err != nil {
		return fmt.Errorf("add portal %v: %w", p.Addr, fullness(err, PortalsMax))
	}
	return nil
}

// RemovePortal implements Gate.
func (g *Pinned) RemovePortal(a netip.AddrPort) error {
	if err := g.maps[gateMapPortals].Delete(Portal{Addr: a}.key()); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("remove portal %v: %w", a, err)
	}
	return nil
}

// Portals implements Gate.
func (g *Pinned) Portals() ([]Portal, error) {
	var all []Portal
	var key portalKey
	var group uint32
	entries := g.maps[gateMapPortals].Iterate()
	for entries.Next(&key, &group) {
		if group == GroupSelfTest {
			continue
		}
		all = append(all, Portal{key.addr(), group})
	}
	if err := entries.Err(); err != nil {
		return nil, fmt.Errorf("list portals: %w", err)
	}
	slices.SortFunc(all, func(a, b Portal) int { return a.Addr.Compare(b.Addr) })
	return all, nil
}
