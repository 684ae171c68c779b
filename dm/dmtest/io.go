// SPDX-License-Identifier: Apache-2.0

package dmtest

import (
	"fmt"

	"github.com/plexus-cvm/plexus/dm"
)

// Fate is what becomes of an I/O.
type Fate int

const (
	Lands Fate = iota // it reaches a sector of a disk
	Held              // it waits in a suspended device
	Fails             // it ends with an error
)

// Place is where a sector of a device is: on a disk, or stopped at a device on the way down.
type Place struct {
	Fate   Fate
	Dev    dm.DevNum // the disk, or the device where it is held or fails
	Sector dm.Sectors
}

func (p Place) String() string {
	at := fmt.Sprintf("%s+%d", p.Dev, p.Sector)
	switch p.Fate {
	case Held:
		return "held at " + at
	case Fails:
		return "error at " + at
	}
	return at
}

// Map follows a sector of a disk or device down.
func (k *Kernel) Map(dev dm.DevNum, sector dm.Sectors) Place {
	here := Place{Fate: Fails, Dev: dev, Sector: sector}
	if size, ok := k.disks[dev]; ok {
		if sector < size {
			here.Fate = Lands
		}
		return here
	}
	d := k.numbers[dev]
	switch {
	case d == nil:
		return here
	case d.suspended:
		here.Fate = Held
		return here
	case d.live == nil:
		return here
	}
	rest := sector
	for _, s := range d.live.table {
		if rest < s.Length {
			if a, ok := below(s.Target, rest); ok {
				return k.Map(a.dev, a.start)
			}
			return here
		}
		rest -= s.Length
	}
	return here
}

// below is where a target sends a sector, counted from the start of its segment.
func below(t dm.Target, sector dm.Sectors) (area, bool) {
	switch t := t.(type) {
	case dm.Linear:
		return area{dev: t.Dev.Num, start: t.Start + sector}, true
	case dm.Striped:
		chunk, n := sector/t.Chunk, dm.Sectors(len(t.Columns))
		c := t.Columns[chunk%n]
		return area{dev: c.Dev.Num, start: c.Start + chunk/n*t.Chunk + sector%t.Chunk}, true
	}
	return area{}, false
}

// Submit is an I/O to a sector: where it is held it is counted until that device resumes or goes away. Whoever submitted it
// asks again then.
func (k *Kernel) Submit(dev dm.DevNum, sector dm.Sectors) Place {
	p := k.Map(dev, sector)
	if p.Fate == Held {
		k.numbers[p.Dev].held++
	}
	return p
}

// HeldIO counts what waits in a device.
func (k *Kernel) HeldIO(name string) int {
	if d := k.devices[name]; d != nil {
		return d.held
	}
	return 0
}

// Open opens a device as an application does: it cannot be removed until it is closed again.
func (k *Kernel) Open(name string) error {
	d, err := k.find("open", name)
	if err == nil {
		d.openers++
	}
	return err
}

// Close closes a device that was opened.
func (k *Kernel) Close(name string) error {
	d, err := k.find("close", name)
	if err != nil {
		return err
	}
	if d.openers == 0 {
		panic("BUG: close of " + name + ", which nobody has open")
	}
	d.openers--
	return nil
}

// SetDisk adds a disk or gives it another size; no sectors takes it away.
func (k *Kernel) SetDisk(dev dm.DevNum, size dm.Sectors) {
	if size == 0 {
		delete(k.disks, dev)
		return
	}
	k.disks[dev] = size
}
