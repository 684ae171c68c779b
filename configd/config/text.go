// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

const (
	// textFormat is the number of the text's format; a program refuses what it does not know.
	textFormat = 1
	// TextBytesMax is the longest text of a group that is read or written.
	TextBytesMax = 16<<20 - 4096
	// changeBytesMax is the longest text of a change.
	changeBytesMax = 1 << 20
)

// groupText is how a group stands in its text: the format first, everything else as in Group.
type groupText struct {
	Format uint32 `json:"format"`
	Group
}

// Encode returns the canonical text of the group.
func Encode(g Group) []byte {
	var b bytes.Buffer
	head := groupText{Format: textFormat, Group: g}
	head.Disks, head.Volumes = []Disk{}, []Volume{}
	const tail = `"disks":[],"volumes":[]}`
	text := marshal(head)
	if !bytes.HasSuffix(text, []byte(tail)) {
		panic(fmt.Sprintf("BUG: the head of a group's text is %s", text))
	}
	b.Write(text[:len(text)-len(tail)])
	b.WriteString("\n\"disks\":[")
	lines(&b, g.Disks)
	b.WriteString("],\n\"volumes\":[")
	lines(&b, g.Volumes)
	b.WriteString("]}\n")
	return b.Bytes()
}

// lines writes each element on a line of its own, so that diff shows which object changed.
func lines[T any](b *bytes.Buffer, list []T) {
	for i, x := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
		b.Write(marshal(x))
	}
}

func marshal(x any) []byte {
	text, err := json.Marshal(x)
	if err != nil {
		panic(fmt.Sprintf("BUG: marshal %T: %v", x, err))
	}
	return text
}

// Hash returns the SHA-256 of a text in lower-case hexadecimal digits.
func Hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Decode reads a canonical text and validates the group in it. It takes exactly what Encode writes.
func Decode(text []byte) (Group, error) {
	if len(text) > TextBytesMax {
		return Group{}, fmt.Errorf("read group configuration: %d bytes, the limit is %d", len(text), TextBytesMax)
	}
	var t groupText
	if err := unmarshalStrict(text, &t); err != nil {
		return Group{}, fmt.Errorf("read group configuration: %w", err)
	}
	if t.Format != textFormat {
		return Group{}, fmt.Errorf("read group configuration: format %d, this program reads %d: install the version that wrote it",
			t.Format, textFormat)
	}
	if err := Validate(t.Group); err != nil {
		return Group{}, fmt.Errorf("read group configuration: %w", err)
	}
	if !bytes.Equal(Encode(t.Group), text) {
		return Group{}, fmt.Errorf("read group configuration: group %s: the text is not canonical", t.Name)
	}
	return t.Group, nil
}

// unmarshalStrict refuses unknown fields and anything behind the value.
func unmarshalStrict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("something follows the end of the value")
	}
	return nil
}
