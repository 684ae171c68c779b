// SPDX-License-Identifier: Apache-2.0

package label

import (
	"fmt"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

const headerMagic = "PLXLABEL"

// Header says what a disk is. One that is in no group has Group empty, and neither version nor copy.
type Header struct {
	Disk    string         // its id: 32 hexadecimal digits, given when it was initialised
	Cluster view.ClusterID // of a shared group
	Group   string         // id
	Name    string         // of the group
	Copy    int            // 1 to config.CopiesMax if it keeps a copy of the configuration; zero if it does not
	Slot    int            // the committed one
	Version uint64         // committed; on a disk without copy, the one that brought it into the group
	Ballot  view.Ballot    // of this write
	Hash    string         // of the committed text
	Parent  string         // hash of the text that the committed one was made from; empty for the first
	Geometry
}

// Ident says in one line what the header stands for.
func (h Header) String() string {
	if h.Group == "" {
		return fmt.Sprintf("disk %s in no group", h.Disk)
	}
	return fmt.Sprintf("disk %s group %s copy %d slot %d version %d ballot %d.%d.%d hash %.12s", h.Disk, h.Name, h.Copy, h.Slot,
		h.Version, h.Ballot.View, h.Ballot.Start, h.Ballot.Step, h.Hash)
}

// EncodeHeader returns the header's block. A header that DecodeHeader would refuse is a bug.
func EncodeHeader(h Header) []byte {
	if err := h.check(); err != nil {
		panic(fmt.Sprintf("BUG: encode %v: %v", h, err))
	}
	block := make([]byte, BlockBytes)
	w := writer{b: block[:sectorBytes]}
	w.bytes([]byte(headerMagic))
	w.u32(formatCurrent)
	w.u8(uint8(h.Copy))
	w.u8(uint8(h.Slot))
	w.u16(0)
	w.hex(string(h.Cluster), idBytes)
	w.hex(h.Group, idBytes)
	w.name(h.Name, nameBytes)
	w.hex(h.Disk, idBytes)
	w.u64(h.Version)
	w.ballot(h.Ballot)
	w.hex(h.Hash, hashBytes)
	w.hex(h.Parent, hashBytes)
	for _, n := range []uint64{h.DiskBytes, h.SlotOffset, h.SlotBytes, h.LogOffset, h.LogBytes, h.DataOffset, h.DataBytes} {
		w.u64(n)
	}
	w.seal()
	return block
}

// DecodeHeader reads a header's block, or at least its first sector. The error is ErrNoLabel, ErrChecksum, ErrFormat or a
// FieldError.
func DecodeHeader(block []byte) (Header, error) {
	r, err := open(block, headerMagic)
	if err != nil {
		return Header{}, fmt.Errorf("read label header: %w", err)
	}
	var h Header
	h.Copy, h.Slot = int(r.u8()), int(r.u8())
	r.want(r.u16() == 0, "reserved bytes", "not zero at byte 14")
	h.Cluster = view.ClusterID(r.hex(idBytes))
	h.Group = r.hex(idBytes)
	h.Name = r.name(nameBytes)
	h.Disk = r.hex(idBytes)
	h.Version = r.u64()
	h.Ballot = r.ballot()
	h.Hash, h.Parent = r.hex(hashBytes), r.hex(hashBytes)
	for _, n := range []*uint64{&h.DiskBytes, &h.SlotOffset, &h.SlotBytes, &h.LogOffset, &h.LogBytes, &h.DataOffset, &h.DataBytes} {
		*n = r.u64()
	}
	if err := r.end(); err != nil {
		return Header{}, fmt.Errorf("read label header: %w", err)
	}
	if err := h.check(); err != nil {
		return Header{}, fmt.Errorf("read label header: %w", err)
	}
	return h, nil
}

// check returns an error that names the first field that cannot be.
func (h Header) check() error {
	wrong := func(field string, value any) error { return &FieldError{field, fmt.Sprint(value)} }
	switch {
	case config.CheckID(h.Disk) != nil:
		return wrong("disk id", h.Disk)
	case h.Copy < 0 || h.Copy > config.CopiesMax:
		return wrong("copy index", h.Copy)
	case h.Slot != 0 && h.Slot != 1:
		return wrong("slot", h.Slot)
	}
	if h.Group == "" {
		if h.Copy != 0 || h.Slot != 0 || h.Version != 0 || h.Cluster != "" || h.Name != "" || h.Hash != "" || h.Parent != "" {
			return wrong("group id", "none, and the disk says what only a disk of a group can")
		}
		return h.Geometry.check()
	}
	switch {
	case config.CheckID(h.Group) != nil:
		return wrong("group id", h.Group)
	case config.CheckName(h.Name) != nil:
		return wrong("group name", fmt.Sprintf("%q", h.Name))
	case h.Cluster != "" && config.CheckID(string(h.Cluster)) != nil:
		return wrong("cluster id", h.Cluster)
	case h.Version == 0:
		return wrong("version", h.Version)
	case !isHash(h.Hash):
		return wrong("hash", h.Hash)
	case h.Parent != "" && !isHash(h.Parent):
		return wrong("parent hash", h.Parent)
	}
	return h.Geometry.check()
}

// isHash reports whether s is a SHA-256 in lower-case hexadecimal digits.
func isHash(s string) bool {
	return len(s) == 2*hashBytes && config.CheckID(s[:hashBytes]) == nil && config.CheckID(s[hashBytes:]) == nil
}
