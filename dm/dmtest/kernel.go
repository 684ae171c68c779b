// SPDX-License-Identifier: Apache-2.0

package dmtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/kernel"
)

// Major is the major number of the devices made here.
const Major = 253

// Kernel is a device-mapper driver in memory. The zero value has no disks; use [New].
type Kernel struct {
	disks     map[dm.DevNum]dm.Sectors
	devices   map[string]*device
	numbers   map[dm.DevNum]*device // the same ones
	nextMinor uint32
}

var _ dm.Kernel = (*Kernel)(nil)

// loaded is a table in one of the two slots.
type loaded struct {
	table    dm.Table
	readOnly bool
	devs     []dm.DevNum // what it stands on, the last first, as the driver lists them
}

type device struct {
	name, uuid     string
	dev            dm.DevNum
	live, inactive *loaded
	suspended      bool
	openers        int
	held           int
	event          uint32
	ima            describes
}

// describes follows what kernels up to at least 6.12 do with the descriptions that they keep of a device's tables for IMA.
// A rename makes one for the live slot, even if that is empty; a clear makes both slots share the live one's. A rename
// then frees what the other slot still points to. dm/kernel guards devices with a live table; one without must never see
// clear and rename in this order.
type describes struct{ live, shared bool }

// New is a kernel with these disks and no devices.
func New(disks map[dm.DevNum]dm.Sectors) *Kernel {
	return &Kernel{disks: maps.Clone(disks), devices: map[string]*device{}, numbers: map[dm.DevNum]*device{}}
}

// Clone is the kernel as it is now, sharing nothing with k that either can change.
func (k *Kernel) Clone() *Kernel {
	c := *k
	c.disks = maps.Clone(k.disks)
	c.devices = make(map[string]*device, len(k.devices))
	c.numbers = make(map[dm.DevNum]*device, len(k.devices))
	for name, d := range k.devices {
		copied := *d // tables are replaced, never written to
		c.devices[name], c.numbers[d.dev] = &copied, &copied
	}
	return &c
}

func refuse(op, name string, errno unix.Errno) error {
	return &kernel.Error{Op: op, Name: name, Errno: errno}
}

func (k *Kernel) find(op, name string) (*device, error) {
	if d := k.devices[name]; d != nil {
		return d, nil
	}
	return nil, refuse(op, name, unix.ENXIO)
}

// Version is that of a current driver.
func (k *Kernel) Version() (dm.Version, error) { return dm.Version{Major: 4, Minor: 48}, nil }

// List is sorted by name.
func (k *Kernel) List() ([]dm.Entry, error) {
	entries := make([]dm.Entry, 0, len(k.devices))
	for _, d := range k.devices {
		entries = append(entries, dm.Entry{Name: d.name, Dev: d.dev})
	}
	slices.SortFunc(entries, func(a, b dm.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries, nil
}

func (k *Kernel) Info(name string) (dm.Info, error) {
	d, err := k.find("read device", name)
	if err != nil {
		return dm.Info{}, err
	}
	info := dm.Info{
		Name: d.name, UUID: d.uuid, Dev: d.dev,
		HasLive: d.live != nil, HasInactive: d.inactive != nil, Suspended: d.suspended,
		OpenCount: d.openers + k.users(d), Event: d.event,
	}
	if d.live != nil {
		info.ReadOnly, info.Segments = d.live.readOnly, len(d.live.table)
	}
	return info, nil
}

func (k *Kernel) Table(name string, slot dm.Slot) (dm.Table, error) {
	d, err := k.find("read table", name)
	if err != nil {
		return nil, err
	}
	in := d.live
	if slot == dm.SlotInactive {
		in = d.inactive
	}
	if in == nil {
		return nil, nil
	}
	return slices.Clone(in.table), nil
}

func (k *Kernel) Status(name string) ([]dm.Status, error) {
	d, err := k.find("read status", name)
	if err != nil || d.live == nil {
		return nil, err
	}
	var out []dm.Status
	var start dm.Sectors
	for _, s := range d.live.table {
		st := dm.Status{Start: start, Length: s.Length, Type: s.Target.Type()}
		if striped, ok := s.Target.(dm.Striped); ok {
			st.Text = stripedStatus(striped)
		}
		out, start = append(out, st), start+s.Length
	}
	return out, nil
}

func (k *Kernel) Deps(name string) ([]dm.DevNum, error) {
	d, err := k.find("read dependencies", name)
	if err != nil || d.live == nil {
		return nil, err
	}
	return slices.Clone(d.live.devs), nil
}

func (k *Kernel) Create(name, uuid string) (dm.DevNum, error) {
	if name == "" || len(name) > 127 || len(uuid) > 128 || strings.Contains(name, "/") {
		return dm.DevNum{}, refuse("create", name, unix.EINVAL)
	}
	for _, d := range k.devices {
		if d.name == name || uuid != "" && d.uuid == uuid {
			return dm.DevNum{}, &kernel.Error{Op: "create", Name: name, UUID: uuid, Errno: unix.EBUSY}
		}
	}
	d := &device{name: name, uuid: uuid, dev: dm.DevNum{Major: Major, Minor: k.nextMinor}}
	k.nextMinor++
	k.devices[name], k.numbers[d.dev] = d, d
	return d.dev, nil
}

func (k *Kernel) Remove(name string) error {
	d, err := k.find("remove", name)
	if err != nil {
		return err
	}
	if d.openers+k.users(d) > 0 {
		return refuse("remove", name, unix.EBUSY)
	}
	delete(k.devices, name)
	delete(k.numbers, d.dev)
	return nil
}

func (k *Kernel) Rename(name, to string) error {
	d, err := k.find("rename", name)
	switch {
	case err != nil:
		return err
	case k.devices[to] != nil:
		return refuse("rename", name, unix.EBUSY)
	case to == "" || len(to) > 127 || strings.Contains(to, "/"):
		return refuse("rename", name, unix.EINVAL)
	}
	if d.live == nil && d.inactive == nil && d.ima.shared {
		panic("BUG: rename of " + name + " after a clear, without a live table, corrupts the memory of the kernel")
	}
	d.ima.live = true
	delete(k.devices, name)
	d.name, k.devices[to] = to, d
	return nil
}

func (k *Kernel) Clear(name string) error {
	d, err := k.find("clear", name)
	if err == nil {
		d.ima.shared = d.ima.shared || d.inactive != nil && d.ima.live
		d.inactive = nil
	}
	return err
}

func (k *Kernel) Load(name string, t dm.Table, readOnly bool) error {
	d, err := k.find("load table", name)
	if err != nil {
		return err
	}
	if errno := k.check(d, t, d.live == nil); errno != 0 {
		return refuse("load table", name, errno)
	}
	d.inactive, d.ima.shared = newLoaded(t, readOnly), false
	return nil
}

// Suspend never waits here: what is submitted to a running device has landed.
func (k *Kernel) Suspend(ctx context.Context, name string, flush bool) error {
	d, err := k.find("suspend", name)
	if err == nil {
		d.suspended = true
	}
	return err
}

func (k *Kernel) Resume(name string) error {
	d, err := k.find("resume", name)
	if err != nil {
		return err
	}
	if next := d.inactive; next != nil {
		d.inactive = nil
		if errno := k.check(d, next.table, true); errno != 0 {
			return refuse("resume", name, errno)
		}
		d.live = next
	}
	if d.suspended && d.live == nil {
		return refuse("resume", name, unix.EINVAL)
	}
	d.suspended, d.held = false, 0
	return nil
}

// Settle has nobody to wait for.
func (k *Kernel) Settle(context.Context) error { return nil }
