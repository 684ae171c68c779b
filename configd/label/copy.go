// SPDX-License-Identifier: Apache-2.0

package label

import (
	"errors"
	"fmt"
)

// Copy is the label of one disk as it was read.
type Copy struct {
	Header Header
	Slots  [2]Slot  // the zero Slot: empty, or not readable
	Bad    [2]error // why a slot could not be read; nil if it was, and if it is empty
}

// Read reads a label through get, which returns n bytes from offset on; both are multiples of BlockBytes. It asks for
// header, slot heads and texts, and for no more than TextBytesMax of each. The error is that of the header: a slot that
// cannot be read is a finding, not a failure.
func Read(get func(offset uint64, n int) ([]byte, error)) (Copy, error) {
	block, err := get(HeaderOffset, BlockBytes)
	if err != nil {
		return Copy{}, fmt.Errorf("read label header: %w", err)
	}
	h, err := DecodeHeader(block)
	if err != nil {
		return Copy{}, err
	}
	c := Copy{Header: h}
	for i := range c.Slots {
		c.Slots[i], err = readSlot(h.SlotAt(i), h.TextBytesMax(), get)
		if err != nil && !errors.Is(err, ErrEmpty) {
			c.Bad[i] = err
		}
	}
	return c, nil
}

func readSlot(at uint64, textBytesMax int, get func(offset uint64, n int) ([]byte, error)) (Slot, error) {
	b, err := get(at, BlockBytes)
	if err != nil {
		return Slot{}, fmt.Errorf("read label slot: %w", err)
	}
	head, err := decodeSlotHead(b)
	switch {
	case err != nil:
		return Slot{}, fmt.Errorf("read label slot: %w", err)
	case head.length > textBytesMax:
		return Slot{}, fmt.Errorf("read label slot: %w", &FieldError{"length", fmt.Sprint(head.length)})
	case head.length > 0:
		text, err := get(at+BlockBytes, (head.length+BlockBytes-1)/BlockBytes*BlockBytes)
		if err != nil {
			return Slot{}, fmt.Errorf("read label slot: text: %w", err)
		}
		b = append(b[:BlockBytes:BlockBytes], text...)
	}
	return DecodeSlot(b)
}

// Spare returns the slot that takes the next text: never the committed one.
func (h Header) Spare() int { return 1 - h.Slot }

// holding returns the slot that holds a text of the group with that version and hash.
func (c Copy) holding(group string, version uint64, hash string) (int, bool) {
	for i, s := range c.Slots {
		if s.Group == group && s.Version == version && s.Hash == hash {
			return i, true
		}
	}
	return 0, false
}
