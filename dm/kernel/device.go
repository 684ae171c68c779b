// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/dm"
)

// errno of a name that does not fit into the driver's struct, or that it would not find again.
func checkName(op, name string) error {
	if name == "" || len(name) >= unix.DM_NAME_LEN || strings.ContainsAny(name, "/\x00") {
		return &Error{Op: op, Name: name, Errno: unix.EINVAL}
	}
	return nil
}

func (c *Control) on(op string, number uint, r request) (reply, error) {
	if err := checkName(op, r.name); err != nil {
		return reply{}, err
	}
	return c.call(op, number, r)
}

// Version is the version of the driver's interface.
func (c *Control) Version() (dm.Version, error) {
	r, err := c.call("read the device-mapper version", unix.DM_VERSION, request{})
	return r.version, err
}

// List is in the driver's order, which is by name.
func (c *Control) List() ([]dm.Entry, error) {
	r, err := c.call("list devices", unix.DM_LIST_DEVICES, request{})
	if err != nil {
		return nil, err
	}
	entries, err := parseNames(r.data)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return entries, nil
}

func (c *Control) Info(name string) (dm.Info, error) {
	r, err := c.on("read device", unix.DM_DEV_STATUS, request{name: name})
	return r.info, err
}

// Table is nil where the slot is empty.
func (c *Control) Table(name string, slot dm.Slot) (dm.Table, error) {
	const op = "read table"
	flags := uint32(unix.DM_STATUS_TABLE_FLAG | unix.DM_NOFLUSH_FLAG)
	present := uint32(unix.DM_ACTIVE_PRESENT_FLAG)
	if slot == dm.SlotInactive {
		flags |= unix.DM_QUERY_INACTIVE_TABLE_FLAG
		present = unix.DM_INACTIVE_PRESENT_FLAG
	}
	r, err := c.on(op, unix.DM_TABLE_STATUS, request{name: name, flags: flags})
	if err != nil || r.flags&present == 0 {
		return nil, err
	}
	lines, err := parseLines(r.data, r.targets)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", op, name, err)
	}
	t, err := tableOf(lines)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", op, name, err)
	}
	return t, nil
}

// Status does not flush: a report must not wait for a disk.
func (c *Control) Status(name string) ([]dm.Status, error) {
	const op = "read status"
	r, err := c.on(op, unix.DM_TABLE_STATUS, request{name: name, flags: unix.DM_NOFLUSH_FLAG})
	if err != nil || !r.info.HasLive {
		return nil, err
	}
	lines, err := parseLines(r.data, r.targets)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", op, name, err)
	}
	out := make([]dm.Status, len(lines))
	for i, l := range lines {
		out[i] = dm.Status{Start: l.start, Length: l.length, Type: l.kind, Text: l.text}
	}
	return out, nil
}

func (c *Control) Deps(name string) ([]dm.DevNum, error) {
	const op = "read dependencies"
	r, err := c.on(op, unix.DM_TABLE_DEPS, request{name: name})
	if err != nil || !r.info.HasLive {
		return nil, err
	}
	devs, err := parseDeps(r.data)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", op, name, err)
	}
	return devs, nil
}

func (c *Control) Create(name, uuid string) (dm.DevNum, error) {
	if len(uuid) >= unix.DM_UUID_LEN || strings.ContainsRune(uuid, 0) {
		return dm.DevNum{}, &Error{Op: "create", Name: name, UUID: uuid, Errno: unix.EINVAL}
	}
	r, err := c.on("create", unix.DM_DEV_CREATE, request{name: name, uuid: uuid})
	return r.info.Dev, err
}

func (c *Control) Remove(name string) error {
	_, err := c.announced("remove", unix.DM_DEV_REMOVE, request{name: name})
	if err == nil {
		c.follower.NoNode(name)
	}
	return err
}

// Rename first puts the live table into the inactive slot as well, if that is empty, and clears it afterwards. Kernels from
// 5.15 up to at least 6.12 need that: they keep a description of each table for IMA, and clearing the inactive table of a
// device makes both slots share one. A rename frees the live slot's, and the next load or remove frees it again or
// reads it: memory of the kernel is corrupted. With a table loaded the slots have descriptions of their own.
func (c *Control) Rename(name, to string) error {
	const op = "rename"
	if err := checkName(op, to); err != nil {
		return err
	}
	info, err := c.Info(name)
	if err != nil {
		return err
	}
	guard := info.HasLive && !info.HasInactive
	if guard {
		live, err := c.Table(name, dm.SlotLive)
		if err == nil {
			err = c.Load(name, live, info.ReadOnly)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", op, name, err)
		}
	}
	r, err := c.announced(op, unix.DM_DEV_RENAME, request{name: name, data: append([]byte(to), 0)})
	if err != nil {
		if guard {
			err = errors.Join(err, c.Clear(name))
		}
		return err
	}
	c.follower.NoNode(name)
	if r.info.HasLive {
		c.follower.Node(to, r.info.Dev)
	}
	if guard {
		// The device has its new name, which an error would deny. A copy left in the inactive slot does no harm.
		_ = c.Clear(to)
	}
	return nil
}

func (c *Control) Load(name string, t dm.Table, readOnly bool) error {
	const op = "load table"
	if err := t.Validate(); err != nil {
		return fmt.Errorf("%s %s: %w", op, name, err)
	}
	r := request{name: name, targets: uint32(len(t)), data: encodeTable(t)}
	if readOnly {
		r.flags = unix.DM_READONLY_FLAG
	}
	_, err := c.on(op, unix.DM_TABLE_LOAD, r)
	return err
}

func (c *Control) Clear(name string) error {
	_, err := c.on("clear", unix.DM_TABLE_CLEAR, request{name: name})
	return err
}

// Suspend never freezes a filesystem. It ends soon after ctx does, or after SuspendLimit.
func (c *Control) Suspend(ctx context.Context, name string, flush bool) error {
	const op = "suspend"
	if err := checkName(op, name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.SuspendLimit)
	defer cancel()
	r := request{name: name, flags: unix.DM_SUSPEND_FLAG | unix.DM_SKIP_LOCKFS_FLAG}
	if !flush {
		r.flags |= unix.DM_NOFLUSH_FLAG
	}
	return c.callWaiting(ctx, op, unix.DM_DEV_SUSPEND, r)
}

// Resume makes a running device suspend itself for the moment in which its tables change places, without freezing a
// filesystem there either.
func (c *Control) Resume(name string) error {
	r, err := c.announced("resume", unix.DM_DEV_SUSPEND, request{name: name, flags: unix.DM_SKIP_LOCKFS_FLAG})
	if err == nil && r.info.HasLive {
		c.follower.Node(name, r.info.Dev)
	}
	return err
}

// announced makes a call that udev hears of.
func (c *Control) announced(op string, number uint, r request) (reply, error) {
	r.event = c.follower.Announce()
	got, err := c.on(op, number, r)
	c.follower.Done(r.event, err == nil && got.flags&unix.DM_UEVENT_GENERATED_FLAG != 0)
	return got, err
}

// Settle waits for the follower.
func (c *Control) Settle(ctx context.Context) error { return c.follower.Settle(ctx) }
