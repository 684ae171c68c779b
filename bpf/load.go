// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
)

// layout numbers the shape of the maps. A gate of another layout cannot be adopted.
const layout = 1

// built identifies the programs that are built into this binary.
var built = func() uint64 {
	sum := sha256.Sum256(_GateBytes)
	return binary.LittleEndian.Uint64(sum[:])
}()

// Load adopts the gate that is pinned in dir, normally PinDir, and adds what is missing of it. An empty dir makes a gate
// of its own that ends with the process. A hook that cannot be attached does not fail it, see Missing; but one of them
// must be.
func Load(dir string) (*Pinned, error) {
	g, err := load(dir, built)
	if err != nil {
		return nil, fmt.Errorf("load gate: %w", err)
	}
	return g, nil
}

// Adopt takes what is pinned in dir as it is, and attaches nothing. Without a gate there the error is fs.ErrNotExist.
func Adopt(dir string) (*Pinned, error) {
	g := &Pinned{dir: dir, maps: map[string]*ebpf.Map{}}
	if err := g.adopt(); err != nil {
		g.Close()
		return nil, fmt.Errorf("adopt gate: %w", err)
	}
	return g, nil
}

func load(dir string, programs uint64) (_ *Pinned, err error) {
	if err := checkBTF(); err != nil {
		return nil, err
	}
	spec, err := loadGate()
	if err != nil {
		return nil, err
	}
	g := &Pinned{dir: dir, maps: map[string]*ebpf.Map{}}
	defer func() {
		if err != nil {
			g.Close()
		}
	}()
	if dir != "" {
		unlock, err := lockPins(dir)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	current, err := g.loadMaps(spec, programs)
	if err != nil {
		return nil, err
	}
	if err := g.loadHooks(spec, current); err != nil {
		return nil, err
	}
	if current {
		return g, nil
	}
	return g, g.writeVersion(programs)
}

// loadMaps opens or makes every map. It reports whether the pinned programs are those wanted, upon these maps.
func (g *Pinned) loadMaps(spec *ebpf.CollectionSpec, programs uint64) (current bool, err error) {
	// The version comes first: a half-made gate then says so itself.
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(spec.Maps)), func(n string) bool { return n == gateMapVersion })
	current = true
	for _, name := range append([]string{gateMapVersion}, names...) {
		m, made, err := g.loadMap(name, spec.Maps[name])
		if err != nil {
			return false, err
		}
		g.maps[name] = m
		current = current && !made
		if name == gateMapVersion {
			v, err := g.checkVersion()
			if err != nil {
				return false, err
			}
			current = current && v.Programs == programs
		}
	}
	return current, nil
}

func (g *Pinned) loadMap(name string, spec *ebpf.MapSpec) (m *ebpf.Map, made bool, err error) {
	if g.dir != "" {
		m, err := ebpf.LoadPinnedMap(g.pin(name), nil)
		if err == nil {
			if err := spec.Compatible(m); err != nil {
				m.Close()
				return nil, false, fmt.Errorf("pinned map %s is not ours: %w", g.pin(name), err)
			}
			return m, false, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, false, fmt.Errorf("open pinned map %s: %w", g.pin(name), err)
		}
	}
	if m, err = ebpf.NewMap(spec); err != nil {
		return nil, false, fmt.Errorf("make map %s: %w", name, explain(err))
	}
	if name == gateMapVersion {
		err = m.Put(uint32(0), versionValue{Layout: layout})
	}
	if err == nil && g.dir != "" {
		err = m.Pin(g.pin(name))
	}
	if err != nil {
		m.Close()
		return nil, false, fmt.Errorf("pin map %s: %w", name, err)
	}
	return m, true, nil
}

func (g *Pinned) checkVersion() (v versionValue, err error) {
	if err := g.maps[gateMapVersion].Lookup(uint32(0), &v); err != nil {
		return v, fmt.Errorf("read version of the gate: %w", err)
	}
	if v.Layout != layout {
		return v, fmt.Errorf("the gate in %s has layout %d, this program knows %d: leave the cluster with the program that "+
			"made it, or reboot this node", g.dir, v.Layout, layout)
	}
	return v, nil
}

func (g *Pinned) writeVersion(programs uint64) error {
	if err := g.maps[gateMapVersion].Put(uint32(0), versionValue{Layout: layout, Programs: programs}); err != nil {
		return fmt.Errorf("write version of the gate: %w", err)
	}
	return nil
}

// loadHooks adopts the pinned links if they are current, and attaches the others.
func (g *Pinned) loadHooks(spec *ebpf.CollectionSpec, current bool) error {
	opts := ebpf.CollectionOptions{MapReplacements: g.maps, Cache: btf.NewCache()}
	attached := 0
	for _, h := range Hooks() {
		if current && g.adoptHook(h) == nil {
			attached++
			continue
		}
		if g.missing[h] = g.loadHook(h, spec, opts); g.missing[h] == nil {
			attached++
		}
	}
	if attached == 0 {
		return fmt.Errorf("no hook could be attached: %w", errors.Join(g.missing[:]...))
	}
	return nil
}

func (g *Pinned) loadHook(h Hook, spec *ebpf.CollectionSpec, opts ebpf.CollectionOptions) error {
	l, err := h.attach(spec, opts)
	if err != nil {
		return err
	}
	if g.dir != "" {
		err = g.pinLink(h, l)
	}
	if err == nil {
		err = g.keep(h, l)
	}
	if err != nil {
		l.Close()
	}
	return err
}

// keep remembers the link and its program.
func (g *Pinned) keep(h Hook, l link.Link) error {
	info, err := l.Info()
	if err != nil {
		return fmt.Errorf("ask after gate link %s: %w", h, err)
	}
	p, err := ebpf.NewProgramFromID(info.Program)
	if err != nil {
		return fmt.Errorf("open gate program %s: %w", h, err)
	}
	g.links[h], g.programs[h] = l, p
	return nil
}

func (g *Pinned) adopt() error {
	if _, err := os.Stat(g.pin(gateMapVersion)); err != nil {
		return fmt.Errorf("%w%s", err, rootHint(err))
	}
	spec, err := loadGate()
	if err != nil {
		return err
	}
	for name, want := range spec.Maps {
		m, err := ebpf.LoadPinnedMap(g.pin(name), nil)
		if err != nil {
			return fmt.Errorf("open pinned map %s: %w", g.pin(name), err)
		}
		g.maps[name] = m
		if err := want.Compatible(m); err != nil {
			return fmt.Errorf("pinned map %s is not ours: %w", g.pin(name), err)
		}
	}
	if _, err := g.checkVersion(); err != nil {
		return err
	}
	for _, h := range Hooks() {
		g.missing[h] = g.adoptHook(h)
	}
	return nil
}

func (g *Pinned) adoptHook(h Hook) error {
	if g.dir == "" {
		return fs.ErrNotExist
	}
	l, err := link.LoadPinnedLink(g.pin(h.String()), nil)
	if err != nil {
		return fmt.Errorf("open pinned link %s: %w", g.pin(h.String()), err)
	}
	if err := g.keep(h, l); err != nil {
		l.Close()
		return err
	}
	return nil
}
