// SPDX-License-Identifier: Apache-2.0

package dmtest

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/kernel"
)

// Faulty stands in front of a kernel and asks Fault before each call that the kernel sees. It counts the calls, prints
// them, and so serves as a trace as well.
type Faulty struct {
	dm.Kernel
	// Fault is given the number of the call, from 0, and the call as dm plans print it. If it returns an error the
	// kernel does not see the call.
	Fault func(n int, call string) error
	n     int
}

// ErrCrashed is what every call returns once the process is taken to be dead.
var ErrCrashed = errors.New("the process is dead")

// FailAt is a fault of the i-th call alone.
func FailAt(i ...int) func(int, string) error {
	return func(n int, call string) error {
		for _, at := range i {
			if n == at {
				return &kernel.Error{Op: call, Errno: unix.EIO}
			}
		}
		return nil
	}
}

// CrashAt is the death of the process before the i-th call: nothing reaches the kernel any more.
func CrashAt(i int) func(int, string) error {
	return func(n int, _ string) error {
		if n >= i {
			return ErrCrashed
		}
		return nil
	}
}

// Calls is the number of calls so far.
func (f *Faulty) Calls() int { return f.n }

func (f *Faulty) ask(format string, args ...any) error {
	n := f.n
	f.n++
	return f.Fault(n, fmt.Sprintf(format, args...))
}

func (f *Faulty) List() ([]dm.Entry, error) {
	if err := f.ask("list"); err != nil {
		return nil, err
	}
	return f.Kernel.List()
}

func (f *Faulty) Info(name string) (dm.Info, error) {
	if err := f.ask("info %s", name); err != nil {
		return dm.Info{}, err
	}
	return f.Kernel.Info(name)
}

func (f *Faulty) Table(name string, slot dm.Slot) (dm.Table, error) {
	if err := f.ask("table %s", name); err != nil {
		return nil, err
	}
	return f.Kernel.Table(name, slot)
}

func (f *Faulty) Status(name string) ([]dm.Status, error) {
	if err := f.ask("status %s", name); err != nil {
		return nil, err
	}
	return f.Kernel.Status(name)
}

func (f *Faulty) Deps(name string) ([]dm.DevNum, error) {
	if err := f.ask("deps %s", name); err != nil {
		return nil, err
	}
	return f.Kernel.Deps(name)
}

func (f *Faulty) Create(name, uuid string) (dm.DevNum, error) {
	if err := f.ask("%s", dm.Create{Name: name, UUID: uuid}); err != nil {
		return dm.DevNum{}, err
	}
	return f.Kernel.Create(name, uuid)
}

func (f *Faulty) Remove(name string) error {
	if err := f.ask("%s", dm.Remove{Name: name}); err != nil {
		return err
	}
	return f.Kernel.Remove(name)
}

func (f *Faulty) Rename(name, to string) error {
	if err := f.ask("%s", dm.Rename{Name: name, To: to}); err != nil {
		return err
	}
	return f.Kernel.Rename(name, to)
}

func (f *Faulty) Load(name string, t dm.Table, readOnly bool) error {
	if err := f.ask("%s", dm.Load{Name: name, Table: t, ReadOnly: readOnly}); err != nil {
		return err
	}
	return f.Kernel.Load(name, t, readOnly)
}

func (f *Faulty) Clear(name string) error {
	if err := f.ask("%s", dm.Clear{Name: name}); err != nil {
		return err
	}
	return f.Kernel.Clear(name)
}

func (f *Faulty) Suspend(ctx context.Context, name string, flush bool) error {
	if err := f.ask("%s", dm.Suspend{Name: name, NoFlush: !flush}); err != nil {
		return err
	}
	return f.Kernel.Suspend(ctx, name, flush)
}

func (f *Faulty) Resume(name string) error {
	if err := f.ask("%s", dm.Resume{Name: name}); err != nil {
		return err
	}
	return f.Kernel.Resume(name)
}

func (f *Faulty) Settle(ctx context.Context) error {
	if err := f.ask("settle"); err != nil {
		return err
	}
	return f.Kernel.Settle(ctx)
}
