// SPDX-License-Identifier: Apache-2.0

package dmtest

import (
	"context"
	"sync"

	"github.com/plexus-cvm/plexus/dm"
)

// Locked lets several goroutines use a kernel: one call at a time, as one thread of the real one would make them.
type Locked struct {
	mu sync.Mutex
	k  *Kernel
	// Before, if set, is called ahead of each change of a device, outside the lock. What it returns the call fails with.
	// Set it before the first call.
	Before func(ctx context.Context, op, name string) error
}

var _ dm.Kernel = (*Locked)(nil)

// NewLocked returns k for several goroutines. Nobody else may use k any more.
func NewLocked(k *Kernel) *Locked { return &Locked{k: k} }

// With runs f with the kernel to itself.
func (l *Locked) With(f func(*Kernel)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.k)
}

func (l *Locked) before(ctx context.Context, op, name string) error {
	if l.Before == nil {
		return nil
	}
	return l.Before(ctx, op, name)
}

func (l *Locked) change(ctx context.Context, op, name string, f func(*Kernel) error) error {
	if err := l.before(ctx, op, name); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return f(l.k)
}

func look[T any](l *Locked, f func(*Kernel) (T, error)) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return f(l.k)
}

// Version implements dm.Kernel, as do the methods below.
func (l *Locked) Version() (dm.Version, error) { return look(l, (*Kernel).Version) }
func (l *Locked) List() ([]dm.Entry, error)    { return look(l, (*Kernel).List) }

func (l *Locked) Info(name string) (dm.Info, error) {
	return look(l, func(k *Kernel) (dm.Info, error) { return k.Info(name) })
}

func (l *Locked) Table(name string, slot dm.Slot) (dm.Table, error) {
	return look(l, func(k *Kernel) (dm.Table, error) { return k.Table(name, slot) })
}

func (l *Locked) Status(name string) ([]dm.Status, error) {
	return look(l, func(k *Kernel) ([]dm.Status, error) { return k.Status(name) })
}

func (l *Locked) Deps(name string) ([]dm.DevNum, error) {
	return look(l, func(k *Kernel) ([]dm.DevNum, error) { return k.Deps(name) })
}

func (l *Locked) Create(name, uuid string) (dev dm.DevNum, err error) {
	err = l.change(context.Background(), "create", name, func(k *Kernel) error { dev, err = k.Create(name, uuid); return err })
	return dev, err
}

func (l *Locked) Remove(name string) error {
	return l.change(context.Background(), "remove", name, func(k *Kernel) error { return k.Remove(name) })
}

func (l *Locked) Rename(name, to string) error {
	return l.change(context.Background(), "rename", name, func(k *Kernel) error { return k.Rename(name, to) })
}

func (l *Locked) Load(name string, t dm.Table, readOnly bool) error {
	return l.change(context.Background(), "load", name, func(k *Kernel) error { return k.Load(name, t, readOnly) })
}

func (l *Locked) Clear(name string) error {
	return l.change(context.Background(), "clear", name, func(k *Kernel) error { return k.Clear(name) })
}

func (l *Locked) Suspend(ctx context.Context, name string, flush bool) error {
	return l.change(ctx, "suspend", name, func(k *Kernel) error { return k.Suspend(ctx, name, flush) })
}

func (l *Locked) Resume(name string) error {
	return l.change(context.Background(), "resume", name, func(k *Kernel) error { return k.Resume(name) })
}

func (l *Locked) Settle(context.Context) error { return nil }
