// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"context"
	"fmt"
	"strings"
)

// Op is one operation on one device: [Create], [Load], [Suspend], [Resume], [Clear], [Rename] or [Remove]. It carries
// what its undo needs. The interface is closed.
type Op interface {
	// Device is the name of the device when the operation runs.
	Device() string
	String() string
	do(ctx context.Context, k Kernel) error
}

// Create makes a device without a table.
type Create struct{ Name, UUID string }

// Load puts a table into the inactive slot. Old is the live table at that time, nil if there is none.
type Load struct {
	Name, UUID      string
	Table, Old      Table
	ReadOnly, OldRO bool
}

// Suspend holds I/O once what is in flight has landed. NoFlush lets targets that queue I/O keep it queued.
type Suspend struct {
	Name    string
	NoFlush bool
}

// Resume makes the inactive table the live one, if there is one, and lets I/O run.
type Resume struct{ Name string }

// Clear drops the inactive table.
type Clear struct{ Name string }

// Rename gives a device another name; it may be open.
type Rename struct{ Name, To string }

// Remove removes a device that nobody has open. UUID, Old and OldRO are what it was.
type Remove struct {
	Name, UUID string
	Old        Table
	OldRO      bool
}

func (o Create) Device() string  { return o.Name }
func (o Load) Device() string    { return o.Name }
func (o Suspend) Device() string { return o.Name }
func (o Resume) Device() string  { return o.Name }
func (o Clear) Device() string   { return o.Name }
func (o Rename) Device() string  { return o.Name }
func (o Remove) Device() string  { return o.Name }

func (o Create) String() string {
	return strings.TrimSuffix("create "+o.Name+" "+o.UUID, " ")
}

func (o Load) String() string {
	mode := "rw"
	if o.ReadOnly {
		mode = "ro"
	}
	var lines []string
	for line := range strings.Lines(o.Table.String()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return fmt.Sprintf("load %s %s: %s", o.Name, mode, strings.Join(lines, "; "))
}

func (o Suspend) String() string {
	if o.NoFlush {
		return "suspend " + o.Name + " nolockfs noflush"
	}
	return "suspend " + o.Name + " nolockfs flush"
}

func (o Resume) String() string { return "resume " + o.Name }
func (o Clear) String() string  { return "clear " + o.Name }
func (o Rename) String() string { return "rename " + o.Name + " " + o.To }
func (o Remove) String() string { return "remove " + o.Name }

func (o Create) do(_ context.Context, k Kernel) error {
	_, err := k.Create(o.Name, o.UUID)
	return err
}

func (o Load) do(_ context.Context, k Kernel) error {
	t, err := resolve(k, o.Table)
	if err != nil {
		return fmt.Errorf("load table %s: %w", o.Name, err)
	}
	return k.Load(o.Name, t, o.ReadOnly)
}

// holder is a load that can stand in for o until the devices below have their sizes: the kernel checks a device's first
// table against them at once, a later one only when it becomes live.
func (o Load) holder() Load {
	o.Table = Table{{Length: o.Table.Length(), Target: Error{}}}
	return o
}

func (o Suspend) do(ctx context.Context, k Kernel) error { return k.Suspend(ctx, o.Name, !o.NoFlush) }
func (o Resume) do(_ context.Context, k Kernel) error    { return k.Resume(o.Name) }
func (o Clear) do(_ context.Context, k Kernel) error     { return k.Clear(o.Name) }
func (o Rename) do(_ context.Context, k Kernel) error    { return k.Rename(o.Name, o.To) }
func (o Remove) do(_ context.Context, k Kernel) error    { return k.Remove(o.Name) }

// resolve turns references by dm name into the numbers that the devices have now.
func resolve(k Kernel, t Table) (Table, error) {
	var first error
	t = t.withRefs(func(r Ref) Ref {
		name, ok := r.Name()
		if !ok || first != nil {
			return r
		}
		info, err := k.Info(name)
		if err != nil {
			first = fmt.Errorf("find the device below: %w", err)
			return r
		}
		return Ref{Num: info.Dev}
	})
	return t, first
}
