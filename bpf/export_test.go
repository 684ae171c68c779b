// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"

	"github.com/cilium/ebpf"
)

var (
	Cgroup2Mounts  = cgroup2Mounts
	PreemptionFrom = preemption
	CheckBPFFS     = checkBPFFS
	UringSubmit    = uringSubmit
)

// Egress is the packet program with maps of its own, attached to nothing.
type Egress struct {
	Gate *Pinned
	Prog *ebpf.Program
}

// NewEgress loads the packet program alone, as can be done where tracing programs cannot.
func NewEgress() (*Egress, error) {
	spec, err := loadGate()
	if err != nil {
		return nil, err
	}
	spec.Programs = map[string]*ebpf.ProgramSpec{gateProgGateEgress: spec.Programs[gateProgGateEgress]}
	c, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, fmt.Errorf("load packet program: %w", err)
	}
	return &Egress{Gate: &Pinned{maps: c.Maps}, Prog: c.Programs[gateProgGateEgress]}, nil
}

// LoadAs loads as a binary with other programs built in would.
func LoadAs(dir string, programs uint64) (*Pinned, error) { return load(dir, programs) }

// LinkID is the kernel's number of the hook's link.
func (g *Pinned) LinkID(h Hook) (uint32, error) {
	info, err := g.links[h].Info()
	if err != nil {
		return 0, err
	}
	return uint32(info.ID), nil
}

// WriteLayout makes the gate look as if made by a program with another layout of maps.
func (g *Pinned) WriteLayout(n uint64) error {
	return g.maps[gateMapVersion].Put(uint32(0), versionValue{Layout: n})
}
