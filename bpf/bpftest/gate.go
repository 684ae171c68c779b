// SPDX-License-Identifier: Apache-2.0

package bpftest

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/plexus-cvm/plexus/bpf"
)

// Gate is a gate in memory. Make it with New; Touch and Send play the kernel.
type Gate struct {
	now func() int64

	mu       sync.Mutex
	lease    bpf.Lease
	base     uint64
	groups   map[uint32]bpf.Mode
	guards   map[bpf.Dev]bpf.Guarded
	portals  map[netip.AddrPort]bpf.Portal
	selves   map[bpf.Self]int
	counters []bpf.Counter
}

var _ bpf.Gate = (*Gate)(nil)

// New makes a gate that is shut, with now as its CLOCK_BOOTTIME.
func New(now func() int64) *Gate {
	g := &Gate{now: now, groups: map[uint32]bpf.Mode{}, guards: map[bpf.Dev]bpf.Guarded{},
		portals: map[netip.AddrPort]bpf.Portal{}, selves: map[bpf.Self]int{}}
	for _, h := range bpf.Hooks() {
		g.counters = append(g.counters, bpf.Counter{Hook: h})
	}
	return g
}

// Touch asks for an operation on a disk by a process, as a system call would.
func (g *Gate) Touch(d bpf.Dev, diskseq uint64, op Op, pid int) Verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	guarded, found := g.guards[d]
	if !found {
		return Pass
	}
	self := pid != 0 && slices.Contains(slices.Collect(maps.Values(g.selves)), pid)
	v := Decide(Ask{Now: g.now(), Lease: g.lease, GuardSeq: guarded.Diskseq, DiskSeq: diskseq,
		Mode: g.groups[guarded.Group], Op: op, Volume: guarded.Volume, Self: self})
	g.count(bpf.HookPermission, v)
	return v
}

// Send asks for a packet to be sent.
func (g *Gate) Send(s Segment) Verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, found := g.portals[plain(s.To)]
	if !found || s.Reset && s.Payload == 0 {
		return Pass
	}
	mode := bpf.Open
	if p.Group != bpf.GroupAny {
		mode = g.groups[p.Group]
	}
	v := Decide(Ask{Now: g.now(), Lease: g.lease, Mode: mode, Op: Read})
	if v == Lapsed && s.Payload == 0 {
		v = Refused
	}
	g.count(bpf.HookEgress, v)
	return v
}

// plain is the address as packets have it.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

func (g *Gate) count(h bpf.Hook, v Verdict) {
	switch c := &g.counters[h]; v {
	case Pass:
		c.Passed++
	case Refused:
		c.Refused++
	case Lapsed:
		c.Lapsed++
	}
}

func (g *Gate) lapsed() (total uint64) {
	for _, c := range g.counters {
		total += c.Lapsed
	}
	return total
}

// SetLease implements bpf.Gate.
func (g *Gate) SetLease(l bpf.Lease) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := l.CheckAfter(g.lease); err != nil {
		return err
	}
	if l.Running() && !g.lease.Running() {
		g.base = g.lapsed()
	}
	g.lease = l
	return nil
}

// Lease implements bpf.Gate.
func (g *Gate) Lease() (bpf.Lease, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lease, nil
}

// Lapsed implements bpf.Gate.
func (g *Gate) Lapsed() (uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lapsed() - g.base, nil
}

// SetGroup implements bpf.Gate.
func (g *Gate) SetGroup(index uint32, m bpf.Mode) error {
	if err := m.Check(index); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.groups[index] = m
	return nil
}

// Group implements bpf.Gate.
func (g *Gate) Group(index uint32) (bpf.Mode, error) {
	if err := bpf.Shut.Check(index); err != nil {
		return bpf.Shut, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.groups[index], nil
}

// Guard implements bpf.Gate.
func (g *Gate) Guard(d bpf.Guarded) error {
	if err := d.Check(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.guards[d.Dev] = d
	return nil
}

// Unguard implements bpf.Gate.
func (g *Gate) Unguard(d bpf.Dev) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.guards, d)
	return nil
}

// Guards implements bpf.Gate.
func (g *Gate) Guards() ([]bpf.Guarded, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := slices.Collect(maps.Values(g.guards))
	all = slices.DeleteFunc(all, func(d bpf.Guarded) bool { return d.Group == bpf.GroupSelfTest })
	slices.SortFunc(all, func(a, b bpf.Guarded) int {
		return cmp.Or(cmp.Compare(a.Dev.Major, b.Dev.Major), cmp.Compare(a.Dev.Minor, b.Dev.Minor))
	})
	return all, nil
}

// AddPortal implements bpf.Gate.
func (g *Gate) AddPortal(p bpf.Portal) error {
	if err := p.Check(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	p.Addr = plain(p.Addr)
	g.portals[p.Addr] = p
	return nil
}

// RemovePortal implements bpf.Gate.
func (g *Gate) RemovePortal(a netip.AddrPort) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.portals, plain(a))
	return nil
}

// Portals implements bpf.Gate.
func (g *Gate) Portals() ([]bpf.Portal, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := slices.Collect(maps.Values(g.portals))
	all = slices.DeleteFunc(all, func(p bpf.Portal) bool { return p.Group == bpf.GroupSelfTest })
	slices.SortFunc(all, func(a, b bpf.Portal) int { return a.Addr.Compare(b.Addr) })
	return all, nil
}

// SetSelf implements bpf.Gate.
func (g *Gate) SetSelf(s bpf.Self, pid int) error {
	if err := s.Check(pid); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.selves[s] = pid
	return nil
}

// Counters implements bpf.Gate.
func (g *Gate) Counters() ([]bpf.Counter, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.counters), nil
}

// Close implements bpf.Gate.
func (g *Gate) Close() error { return nil }
