// SPDX-License-Identifier: Apache-2.0

package dm

import "fmt"

// Device is a device as somebody wants it.
type Device struct {
	Name     string
	UUID     string // empty: known by its name alone
	Table    Table
	ReadOnly bool
}

// Validate says why no such device can be made.
func (d Device) Validate() error {
	if err := ValidateName(d.Name); err != nil {
		return err
	}
	if err := ValidateUUID(d.UUID); err != nil {
		return fmt.Errorf("device %s: %w", d.Name, err)
	}
	if err := d.Table.Validate(); err != nil {
		return fmt.Errorf("device %s: %w", d.Name, err)
	}
	return nil
}

// Info is what the kernel says of a device in one answer.
type Info struct {
	Name        string
	UUID        string
	Dev         DevNum
	HasLive     bool // a table through which I/O goes
	HasInactive bool // a table loaded, waiting for a resume
	Suspended   bool // I/O is held
	ReadOnly    bool // the live table was loaded read-only
	OpenCount   int  // openers, other devices' tables among them
	Segments    int  // of the live table
	Event       uint32
}

// State is a device as it was seen: the kernel's words, its tables with them.
type State struct {
	Info
	Live     Table
	Inactive Table
}

// Device is the wish that would leave the state as it is.
func (s State) Device() Device {
	return Device{Name: s.Name, UUID: s.UUID, Table: s.Live, ReadOnly: s.ReadOnly}
}
