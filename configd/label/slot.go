// SPDX-License-Identifier: Apache-2.0

package label

import (
	"fmt"
	"hash/crc32"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

const slotMagic = "PLXSLOT\x00"

// Slot is one text of a group's configuration with where it comes from. The zero value is a slot that holds nothing.
type Slot struct {
	Group   string // id
	Version uint64
	Ballot  view.Ballot // of the transaction that filled it
	Hash    string
	Parent  string // hash of the text that it was made from
	Text    []byte
}

func (s Slot) String() string {
	if s.Hash == "" {
		return "empty"
	}
	return fmt.Sprintf("version %d hash %.12s", s.Version, s.Hash)
}

// EncodeSlot returns the beginning of a slot: the head's block and the text, filled up to a whole block.
func EncodeSlot(s Slot) []byte {
	if config.CheckID(s.Group) != nil || s.Version == 0 || s.Hash != config.Hash(s.Text) || len(s.Text) > config.TextBytesMax {
		panic(fmt.Sprintf("BUG: encode slot of group %q, %v, text of %d bytes", s.Group, s, len(s.Text)))
	}
	blocks := (len(s.Text) + BlockBytes - 1) / BlockBytes
	b := make([]byte, BlockBytes*(1+blocks))
	copy(b[BlockBytes:], s.Text)
	w := writer{b: b[:sectorBytes]}
	w.bytes([]byte(slotMagic))
	w.u32(formatCurrent)
	w.u32(uint32(len(s.Text)))
	w.hex(s.Group, idBytes)
	w.u64(s.Version)
	w.ballot(s.Ballot)
	w.hex(s.Hash, hashBytes)
	w.hex(s.Parent, hashBytes)
	w.u32(crc32.Checksum(s.Text, castagnoli))
	w.seal()
	return b
}

// slotHead is what the head of a slot says of the text behind it.
type slotHead struct {
	Slot
	length   int
	checksum uint32
}

func decodeSlotHead(block []byte) (slotHead, error) {
	if len(block) >= sectorBytes && allZero(block[:sectorBytes]) {
		return slotHead{}, ErrEmpty
	}
	r, err := open(block, slotMagic)
	if err != nil {
		return slotHead{}, err
	}
	var h slotHead
	h.length = int(r.u32())
	h.Group = r.hex(idBytes)
	h.Version = r.u64()
	h.Ballot = r.ballot()
	h.Hash, h.Parent = r.hex(hashBytes), r.hex(hashBytes)
	h.checksum = r.u32()
	r.want(h.length <= config.TextBytesMax, "length", fmt.Sprint(h.length))
	r.want(h.Group != "", "group id", "none")
	r.want(h.Version != 0, "version", "0")
	r.want(h.Hash != "", "hash", "none")
	return h, r.end()
}

// DecodeSlot reads a slot from its beginning on. The error is ErrEmpty, ErrNoLabel, ErrChecksum, ErrFormat, ErrLength,
// ErrHash or a FieldError.
func DecodeSlot(b []byte) (Slot, error) {
	h, err := decodeSlotHead(b)
	if err != nil {
		return Slot{}, fmt.Errorf("read label slot: %w", err)
	}
	if len(b) < BlockBytes+h.length {
		return Slot{}, fmt.Errorf("read label slot: %w: %d bytes for a text of %d", ErrLength, len(b), h.length)
	}
	s := h.Slot
	s.Text = append([]byte{}, b[BlockBytes:BlockBytes+h.length]...)
	switch {
	case crc32.Checksum(s.Text, castagnoli) != h.checksum:
		return Slot{}, fmt.Errorf("read label slot: text: %w", ErrChecksum)
	case config.Hash(s.Text) != s.Hash:
		return Slot{}, fmt.Errorf("read label slot: %w", ErrHash)
	}
	return s, nil
}
