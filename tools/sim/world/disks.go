// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"

	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/label"
)

const (
	sectorBytes = 512
	diskMajor   = 8
	minorsOnce  = 256      // numbers that disks have before they come back under others
	diskBytes   = 24 << 20 // little, so that space is used again and again
	disksMax    = 5
)

// disks are the shared ones. They take what comes.
type disks struct {
	w      *World
	blocks int // of volumes that landed
	list   []*disk
}

// disk holds a label, and keeps no data.
type disk struct {
	id      string
	minor   uint32
	sectors map[uint64][]byte
	bad     bool        // a fault: writes fail
	cache   *label.Copy // of what the label says; nil: to be read anew
	err     error
}

func (w *World) newDisks() disks {
	all := disks{w: w}
	for i := range w.plan.disks {
		d := &disk{id: idOf('d', i), minor: uint32(16 * i), sectors: map[uint64][]byte{}}
		g, err := label.GeometryFor(diskBytes)
		if err != nil {
			panic("BUG: " + err.Error())
		}
		for _, x := range label.Init(d.id, g) {
			d.put(x, func(int) bool { return true })
		}
		all.list = append(all.list, d)
	}
	return all
}

// idOf makes an id of 32 hexadecimal digits.
func idOf(kind byte, i int) string { return fmt.Sprintf("%02x%030x", kind, i) }

func (d *disks) find(id string) *disk {
	for _, x := range d.list {
		if x.id == id {
			return x
		}
	}
	return nil
}

// put writes those sectors that are to be.
func (d *disk) put(x label.Write, is func(sector int) bool) {
	d.cache = nil
	for i := 0; i*sectorBytes < len(x.Bytes); i++ {
		if is(i) {
			d.sectors[x.Offset/sectorBytes+uint64(i)] = x.Bytes[i*sectorBytes : (i+1)*sectorBytes]
		}
	}
}

func (d *disk) get(offset uint64, n int) ([]byte, error) {
	b := make([]byte, n)
	for i := 0; i < n; i += sectorBytes {
		copy(b[i:], d.sectors[(offset+uint64(i))/sectorBytes])
	}
	return b, nil
}

// read returns the label as it is now.
func (d *disk) read() (label.Copy, error) {
	if d.cache == nil {
		var c label.Copy
		c, d.err = label.Read(d.get)
		d.cache = &c
	}
	return *d.cache, d.err
}

// member returns the disk as a client names it.
func (d *disk) member() (config.Disk, error) {
	c, err := d.read()
	offset, length := c.Header.Public()
	return config.Disk{ID: d.id, WWID: "wwn-" + d.id, Offset: offset, Length: length}, err
}

// labels returns all that can be read.
func (d *disks) labels() []label.Copy {
	var all []label.Copy
	for _, x := range d.list {
		if c, err := x.read(); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// land is a write that comes out of a host. What went through a fault that the fence level does not cover harms no
// label: nothing is promised then, and nothing could be checked any more.
func (d *disks) land(k *kernel, b *bio) {
	d.w.check.landed(b)
	err := ""
	if b.done == nil {
		d.blocks++
	} else if d.find(b.label.Disk).bad {
		err = "input/output error"
	} else if !d.w.check.beyond(b) {
		d.w.cover.Labels++
		d.w.check.torn(b)
		d.find(b.label.Disk).put(b.label, func(int) bool { return true })
		d.w.check.written(b)
	}
	if k.boot == b.boot {
		k.ended(b, err)
	}
}

// tear writes what a host that crashes may leave of a label write: any of its sectors.
func (d *disks) tear(b *bio) {
	if d.w.check.beyond(b) || d.w.chance(0.3) {
		return
	}
	d.find(b.label.Disk).put(b.label, func(int) bool { return d.w.chance(0.5) })
	d.w.check.labels("a torn write")
}
