// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"fmt"
)

// changeText is an object with one field, named for the kind of the change.
type changeText struct {
	CreateGroup  *CreateGroup  `json:"create_group,omitempty"`
	AddDisks     *AddDisks     `json:"add_disks,omitempty"`
	CreateVolume *CreateVolume `json:"create_volume,omitempty"`
	Resize       *Resize       `json:"resize,omitempty"`
	RemoveVolume *RemoveVolume `json:"remove_volume,omitempty"`
	RemoveGroup  *RemoveGroup  `json:"remove_group,omitempty"`
}

// EncodeChange returns the canonical text of the change: `{"remove_volume":{"volume":"vol1"}}`.
func EncodeChange(c Change) []byte {
	var t changeText
	switch c := c.(type) {
	case CreateGroup:
		t.CreateGroup = &c
	case AddDisks:
		t.AddDisks = &c
	case CreateVolume:
		t.CreateVolume = &c
	case Resize:
		t.Resize = &c
	case RemoveVolume:
		t.RemoveVolume = &c
	case RemoveGroup:
		t.RemoveGroup = &c
	default:
		panic(fmt.Sprintf("BUG: change of type %T", c))
	}
	return marshal(t)
}

// DecodeChange reads what EncodeChange writes, and nothing else. Whether the change makes sense is for Edit to say.
func DecodeChange(text []byte) (Change, error) {
	if len(text) > changeBytesMax {
		return nil, fmt.Errorf("read change: %d bytes, the limit is %d", len(text), changeBytesMax)
	}
	var t changeText
	if err := unmarshalStrict(text, &t); err != nil {
		return nil, fmt.Errorf("read change: %w", err)
	}
	c := t.one()
	if c == nil {
		return nil, fmt.Errorf("read change: no change in the text")
	}
	if !bytes.Equal(EncodeChange(c), text) {
		return nil, fmt.Errorf("read change: %s: the text is not canonical", c.object())
	}
	return c, nil
}

// one returns the first change in the text; a second one shows when the text is compared.
func (t changeText) one() Change {
	switch {
	case t.CreateGroup != nil:
		return *t.CreateGroup
	case t.AddDisks != nil:
		return *t.AddDisks
	case t.CreateVolume != nil:
		return *t.CreateVolume
	case t.Resize != nil:
		return *t.Resize
	case t.RemoveVolume != nil:
		return *t.RemoveVolume
	case t.RemoveGroup != nil:
		return *t.RemoveGroup
	}
	return nil
}
