// SPDX-License-Identifier: Apache-2.0

package label

import (
	"fmt"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

// Write is bytes for a disk. Offset and length are multiples of BlockBytes. It is done when it is on the medium.
type Write struct {
	Disk   string // label id
	Offset uint64
	Bytes  []byte
}

func (w Write) String() string {
	return fmt.Sprintf("write disk %s at %d, %d bytes", w.Disk, w.Offset, len(w.Bytes))
}

// Init returns the writes that make a disk one of ours, in no group, in this order: what an earlier label left in the slots
// goes first, so that it cannot be taken for something of the new disk.
func Init(disk string, g Geometry) []Write {
	empty := make([]byte, BlockBytes)
	return []Write{
		{disk, g.SlotAt(0), empty},
		{disk, g.SlotAt(1), empty},
		PutHeader(Header{Disk: disk, Geometry: g}),
	}
}

// PutHeader returns the write of a header: the one that decides.
func PutHeader(h Header) Write { return Write{h.Disk, HeaderOffset, EncodeHeader(h)} }

// Fill returns the write that puts a text into the spare slot.
func Fill(h Header, s Slot) (Write, error) {
	if most := h.TextBytesMax(); len(s.Text) > most {
		return Write{}, fmt.Errorf("write configuration version %d to disk %s: %w: it has %d bytes, the slot takes %d: remove volumes, or use disks larger than 1 TiB, which have larger slots",
			s.Version, h.Disk, ErrTooLong, len(s.Text), most)
	}
	return Write{h.Disk, h.SlotAt(h.Spare()), EncodeSlot(s)}, nil
}

// SlotOf returns the slot's value for a group's next text, made from the text with hash parent.
func SlotOf(g config.Group, text []byte, parent string, ballot view.Ballot) Slot {
	return Slot{Group: g.ID, Version: g.Version, Ballot: ballot, Hash: config.Hash(text), Parent: parent, Text: text}
}

// Point returns the header that makes this disk stand for version and hash of g under a ballot. A disk that keeps a copy
// must have the text in one of its slots, the committed one or the spare one; ErrNoText says that it has not.
func (c Copy) Point(g config.Group, hash, parent string, ballot view.Ballot) (Header, error) {
	h := c.Header
	d, ok := g.DiskByID(h.Disk)
	if !ok {
		return Header{}, fmt.Errorf("write label of disk %s: group %s does not have that disk", h.Disk, g.Name)
	}
	slot := 0
	if d.Copy > 0 {
		if slot, ok = c.holding(g.ID, g.Version, hash); !ok {
			return Header{}, fmt.Errorf("write label of disk %s: version %d: %w", h.Disk, g.Version, ErrNoText)
		}
	}
	return Header{
		Disk: h.Disk, Cluster: g.Cluster, Group: g.ID, Name: g.Name, Copy: d.Copy, Slot: slot,
		Version: g.Version, Ballot: ballot, Hash: hash, Parent: parent, Geometry: h.Geometry,
	}, nil
}

// Release returns the header of the disk when it is in no group any more.
func Release(h Header) Header { return Header{Disk: h.Disk, Geometry: h.Geometry} }
