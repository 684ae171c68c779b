// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Kernel is the part of the device-mapper driver that plans need.
//
// Rules that every implementation keeps, because the driver does:
//   - Devices are found by name. One that is not there is an error that matches [fs.ErrNotExist].
//   - Load never touches the live table; a second Load replaces the inactive one. References in the table are numbers
//     or paths that the implementation can find; names are resolved by [Run].
//   - Suspend returns when what was in flight has landed; from then on I/O is held. It never freezes a filesystem. It is
//     the only call that waits for I/O: it ends, with an error and the device running, soon after its context does.
//   - Suspending a suspended device, resuming a running one, and clearing where nothing is inactive do nothing.
//   - Resume makes the inactive table, if there is one, the live one. If the driver refuses it, that table is gone and
//     the device stays as it was before, suspended or not: another Resume goes on with the old table.
//   - A device without a live table must not be cleared and renamed after that: kernels up to at least 6.12 corrupt their
//     memory then. Plans make such a device anew instead. With a live table Rename sees to it.
//   - Create, Rename and Remove take effect at once. Create fails if the name or the uuid is taken, Remove if the device
//     is open or another device's table, live or inactive, stands on it.
//   - Settle waits, for a bounded time, until user space (udev rules, nodes under /dev/mapper) has followed the
//     operations so far. It must not be called while the caller has a device suspended: udev reads devices.
//
// Safe for concurrent use only where the implementation says so.
type Kernel interface {
	Version() (Version, error)
	List() ([]Entry, error)
	Info(name string) (Info, error)
	Table(name string, slot Slot) (Table, error)
	Status(name string) ([]Status, error)
	Deps(name string) ([]DevNum, error)

	Create(name, uuid string) (DevNum, error)
	Remove(name string) error
	Rename(name, to string) error
	Load(name string, t Table, readOnly bool) error
	Clear(name string) error
	Suspend(ctx context.Context, name string, flush bool) error
	Resume(name string) error
	Settle(ctx context.Context) error
}

// Version is the version of the driver's interface.
type Version struct{ Major, Minor, Patch uint32 }

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Entry is a device in a list.
type Entry struct {
	Name string
	Dev  DevNum
}

// Slot says which of a device's two tables is meant.
type Slot int

const (
	SlotLive Slot = iota
	SlotInactive
)

// Status is what a target of the live table reports of itself.
type Status struct {
	Start, Length Sectors
	Type          string
	Text          string
}

// String prints it as `dmsetup status DEVICE` does.
func (s Status) String() string { return fmt.Sprintf("%d %d %s %s", s.Start, s.Length, s.Type, s.Text) }

// ErrNotSettled is what a Settle that gave up waiting returns: the devices are as asked, user space lags behind.
var ErrNotSettled = errors.New("udev has not followed yet")

// Observe reads the state of every device that keep accepts, in the order of the kernel's list. A device that goes away
// while it is being read is left out.
func Observe(k Kernel, keep func(Info) bool) ([]State, error) {
	entries, err := k.List()
	if err != nil {
		return nil, err
	}
	var states []State
	for _, e := range entries {
		info, err := k.Info(e.Name)
		if err == nil && !keep(info) {
			continue
		}
		var s State
		if err == nil {
			s, err = ObserveOne(k, info)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		states = append(states, s)
	}
	return states, nil
}

// ObserveOne adds its tables to what the kernel said of a device.
func ObserveOne(k Kernel, info Info) (s State, err error) {
	s.Info = info
	if info.HasLive {
		if s.Live, err = k.Table(info.Name, SlotLive); err != nil {
			return State{}, err
		}
	}
	if info.HasInactive {
		if s.Inactive, err = k.Table(info.Name, SlotInactive); err != nil {
			return State{}, err
		}
	}
	return s, nil
}
