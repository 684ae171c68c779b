// SPDX-License-Identifier: Apache-2.0

package label

import (
	"fmt"

	"github.com/plexus-cvm/plexus/configd/config"
)

const (
	mib = 1 << 20

	// HeaderOffset is where on a disk the header is.
	HeaderOffset = 1 * mib
	// BlockBytes is what reads and writes are aligned to; a block holds the header, another the head of a slot.
	BlockBytes = 4096

	slotOffset     = HeaderOffset + BlockBytes
	slotBytesMin   = 1 * mib
	slotBytesMax   = 16 * mib
	logBytes       = 1*mib - BlockBytes // so that data begins at a whole MiB
	diskBytesMin   = 16 * mib
	diskBytesSmall = 256 * mib
	diskBytesLarge = 1 << 40
	diskBytesMax   = 1 << 60
)

// Geometry says where on a disk everything is, in bytes.
type Geometry struct {
	DiskBytes  uint64 // size of the disk when it was initialised
	SlotOffset uint64 // of slot 0
	SlotBytes  uint64 // of each slot, its head included
	LogOffset  uint64 // dirty region log
	LogBytes   uint64
	DataOffset uint64
	DataBytes  uint64
}

// GeometryFor returns the geometry for a disk of that size.
func GeometryFor(diskBytes uint64) (Geometry, error) {
	slot := uint64(4 * mib)
	switch {
	case diskBytes < diskBytesMin:
		return Geometry{}, fmt.Errorf("%w: it has %d bytes and needs at least %d (16 MiB)", ErrTooSmall, diskBytes, diskBytesMin)
	case diskBytes > diskBytesMax:
		return Geometry{}, fmt.Errorf("the disk has %d bytes, more than the %d that can be used", diskBytes, uint64(diskBytesMax))
	case diskBytes > diskBytesLarge:
		slot = slotBytesMax
	case diskBytes < diskBytesSmall:
		slot = slotBytesMin
	}
	g := Geometry{DiskBytes: diskBytes, SlotOffset: slotOffset, SlotBytes: slot, LogOffset: slotOffset + 2*slot, LogBytes: logBytes}
	g.DataOffset = g.LogOffset + g.LogBytes
	g.DataBytes = (diskBytes - g.DataOffset) / mib * mib
	return g, g.check()
}

// check returns an error that names the first field that cannot be.
func (g Geometry) check() error {
	slots := g.SlotOffset + 2*g.SlotBytes
	switch {
	case g.DiskBytes < diskBytesMin || g.DiskBytes > diskBytesMax:
		return &FieldError{"disk size", fmt.Sprint(g.DiskBytes)}
	case g.SlotOffset != slotOffset:
		return &FieldError{"slot offset", fmt.Sprint(g.SlotOffset)}
	case g.SlotBytes < slotBytesMin || g.SlotBytes > slotBytesMax || g.SlotBytes%BlockBytes != 0:
		return &FieldError{"slot size", fmt.Sprint(g.SlotBytes)}
	case g.LogOffset != slots:
		return &FieldError{"log offset", fmt.Sprint(g.LogOffset)}
	case g.LogBytes%BlockBytes != 0 || g.LogBytes > g.DiskBytes:
		return &FieldError{"log size", fmt.Sprint(g.LogBytes)}
	case g.DataOffset%mib != 0 || g.DataOffset < g.LogOffset+g.LogBytes || g.DataOffset >= g.DiskBytes:
		return &FieldError{"data offset", fmt.Sprint(g.DataOffset)}
	case g.DataBytes%mib != 0 || g.DataBytes == 0 || g.DataBytes > g.DiskBytes-g.DataOffset:
		return &FieldError{"data size", fmt.Sprint(g.DataBytes)}
	}
	return nil
}

// SlotAt returns where slot 0 or 1 begins.
func (g Geometry) SlotAt(slot int) uint64 {
	if slot != 0 && slot != 1 {
		panic(fmt.Sprintf("BUG: slot %d", slot))
	}
	return g.SlotOffset + uint64(slot)*g.SlotBytes
}

// TextBytesMax is the longest text that fits a slot.
func (g Geometry) TextBytesMax() int { return int(min(g.SlotBytes-BlockBytes, config.TextBytesMax)) }

// Public returns the public region, which is for subdisks.
func (g Geometry) Public() (offset, length config.Sectors) {
	return config.Sectors(g.DataOffset / 512), config.Sectors(g.DataBytes / 512)
}
