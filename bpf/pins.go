// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

func (g *Pinned) pin(name string) string { return filepath.Join(g.dir, name) }

// lockPins makes the directory and keeps others from loading into it until unlock: both daemons start at once.
func lockPins(dir string) (unlock func(), err error) {
	if err := checkBPFFS(dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make pin directory: %w%s", err, rootHint(err))
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open pin directory: %w%s", err, rootHint(err))
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock pin directory %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// pinLink pins the link under the name of its hook. An older one there decides along with it until the name is taken
// over, then goes: at no moment is there none.
func (g *Pinned) pinLink(h Hook, l link.Link) error {
	to := g.pin(h.String())
	if err := os.Remove(to + newSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove half-made pin: %w", err)
	}
	if err := l.Pin(to + newSuffix); err != nil {
		return fmt.Errorf("pin gate link %s: %w", h, err)
	}
	if err := os.Rename(to+newSuffix, to); err != nil {
		return fmt.Errorf("pin gate link %s: %w", h, err)
	}
	return nil
}

const newSuffix = "-new"

// Remove takes the gate out of the kernel and closes it, once nothing is guarded any more.
func (g *Pinned) Remove() error {
	guards, err := g.Guards()
	if err != nil {
		return err
	}
	portals, err := g.Portals()
	if err != nil {
		return err
	}
	if len(guards)+len(portals) > 0 {
		return fmt.Errorf("remove gate: %d disks or volumes and %d portals are still guarded: leave the cluster first", len(guards), len(portals))
	}
	errs := []error{g.unpin(), g.Close()}
	return errors.Join(errs...)
}

func (g *Pinned) unpin() error {
	if g.dir == "" {
		return nil
	}
	unlock, err := lockPins(g.dir)
	if err != nil {
		return err
	}
	defer unlock()
	// Links first, the version last: what a kill leaves behind still says what it is.
	var names []string
	for _, h := range Hooks() {
		names = append(names, h.String(), h.String()+newSuffix)
	}
	for name := range g.maps {
		if name != gateMapVersion {
			names = append(names, name)
		}
	}
	for _, name := range append(names, gateMapVersion, "") {
		if err := os.Remove(g.pin(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("unpin gate: %w", err)
		}
	}
	return nil
}
