// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/store"
)

// ErrInjected is the failure of the operation that FailAt chose.
var ErrInjected = errors.New("injected failure")

// FS is a file system in memory. It is for one goroutine.
type FS struct {
	// Before, if set, is called before each operation that changes something, with its number from 0.
	Before func(op int)
	// FailAt is the operation that fails, and all after it; negative: none.
	FailAt int

	ops     int
	names   map[string]*inode // now
	durable map[string]*inode // as of the last SyncDir
	pending []change          // since
}

type inode struct{ now, durable []byte }

// change is one change of a directory; a nil node removes the name.
type change struct {
	name string
	node *inode
}

var _ store.FS = (*FS)(nil)

// New returns an empty file system.
func New() *FS {
	return &FS{FailAt: -1, names: map[string]*inode{}, durable: map[string]*inode{}}
}

// Ops returns how many operations there were.
func (f *FS) Ops() int { return f.ops }

func (f *FS) op() error {
	n := f.ops
	f.ops++
	if f.Before != nil {
		f.Before(n)
	}
	if f.FailAt >= 0 && n >= f.FailAt {
		return ErrInjected
	}
	return nil
}

func (f *FS) set(name string, node *inode) {
	f.pending = append(f.pending, change{name, node})
	apply(f.names, change{name, node})
}

func apply(names map[string]*inode, c change) {
	if c.node == nil {
		delete(names, c.name)
	} else {
		names[c.name] = c.node
	}
}

func (f *FS) Create(name string, _ fs.FileMode) (store.File, error) {
	if err := f.op(); err != nil {
		return nil, err
	}
	node := f.names[name]
	if node == nil {
		node = &inode{}
		f.set(name, node)
	}
	node.now = nil
	return &file{f, node}, nil
}

func (f *FS) Append(name string, size int64) (store.File, error) {
	if err := f.op(); err != nil {
		return nil, err
	}
	node := f.names[name]
	if node == nil {
		return nil, fmt.Errorf("append to %s: %w", name, fs.ErrNotExist)
	}
	node.now = slices.Clone(node.now[:size])
	return &file{f, node}, nil
}

func (f *FS) ReadFile(name string) ([]byte, error) {
	node := f.names[name]
	if node == nil {
		return nil, fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
	}
	return bytes.Clone(node.now), nil
}

func (f *FS) Rename(from, to string) error {
	if err := f.op(); err != nil {
		return err
	}
	node := f.names[from]
	if node == nil {
		return fmt.Errorf("rename %s: %w", from, fs.ErrNotExist)
	}
	// One change, not two: a rename is atomic.
	f.pending = append(f.pending, change{to, node})
	f.names[to] = node
	delete(f.names, from)
	return nil
}

func (f *FS) Remove(name string) error {
	if err := f.op(); err != nil {
		return err
	}
	if f.names[name] == nil {
		return fmt.Errorf("remove %s: %w", name, fs.ErrNotExist)
	}
	f.set(name, nil)
	return nil
}

func (f *FS) SyncDir(string) error {
	if err := f.op(); err != nil {
		return err
	}
	f.durable, f.pending = maps.Clone(f.names), nil
	return nil
}

// Crash returns the file system as a crash now might leave it.
func (f *FS) Crash(rng *rand.Rand) *FS {
	names := maps.Clone(f.durable)
	for _, c := range f.pending[:rng.IntN(len(f.pending)+1)] {
		apply(names, c)
	}
	left := New()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		data := names[name].crash(rng)
		node := &inode{data, bytes.Clone(data)}
		left.names[name], left.durable[name] = node, node
	}
	return left
}

// crash returns what a crash leaves of a file.
func (n *inode) crash(rng *rand.Rand) []byte {
	if !bytes.HasPrefix(n.now, n.durable) { // it was cut or emptied since: one or the other
		if rng.IntN(2) == 0 {
			return bytes.Clone(n.durable)
		}
		return bytes.Clone(n.now)
	}
	kept := len(n.durable)
	left := bytes.Clone(n.now[:kept+rng.IntN(len(n.now)-kept+1)])
	if torn := left[kept:]; len(torn) > 0 && rng.IntN(2) == 0 {
		at := rng.IntN(len(torn))
		clear(torn[at : at+rng.IntN(len(torn)-at+1)])
	}
	return left
}

// Names returns the files, sorted, without their directory.
func (f *FS) Names() []string {
	var names []string
	for name := range f.names {
		names = append(names, filepath.Base(name))
	}
	slices.Sort(names)
	return names
}

type file struct {
	fs   *FS
	node *inode
}

func (f *file) Write(p []byte) (int, error) {
	if err := f.fs.op(); err != nil {
		f.node.now = append(f.node.now, p[:len(p)/2]...)
		return len(p) / 2, err
	}
	f.node.now = append(f.node.now, p...)
	return len(p), nil
}

func (f *file) Sync() error {
	if err := f.fs.op(); err != nil {
		return err
	}
	f.node.durable = bytes.Clone(f.node.now)
	return nil
}

func (f *file) Close() error { return nil }
