// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Batch is one Save. What is nil stays as it was.
type Batch struct {
	Reset   bool   // forget everything first
	Meta    []byte // what the node remembers of itself beside its log; the caller's encoding
	Hard    *raftpb.HardState
	Snap    *raftpb.Snapshot // entries that do not continue it are forgotten
	Entries []*raftpb.Entry  // they replace those from the first one's index on
}

// Contents is what all batches together amount to. The zero value is an empty log.
type Contents struct {
	Meta    []byte
	Hard    *raftpb.HardState
	Snap    *raftpb.Snapshot
	Entries []*raftpb.Entry // those after Snap
}

// Apply changes c by one batch. It keeps the batch's values; nobody may change them afterwards.
func (c *Contents) Apply(b Batch) {
	if b.Reset {
		*c = Contents{}
	}
	if b.Meta != nil {
		c.Meta = b.Meta
	}
	if b.Snap != nil {
		c.trim(b.Snap)
	}
	if len(b.Entries) > 0 {
		i := c.index(b.Entries[0].GetIndex())
		c.Entries = append(c.Entries[:i:i], b.Entries...)
	}
	if b.Hard != nil {
		c.Hard = b.Hard
	}
}

// trim puts the snapshot in and keeps only the entries that continue it.
func (c *Contents) trim(s *raftpb.Snapshot) {
	at := s.GetMetadata()
	i := c.index(at.GetIndex())
	c.Snap = s
	if i == len(c.Entries) || c.Entries[i].GetIndex() != at.GetIndex() || c.Entries[i].GetTerm() != at.GetTerm() {
		c.Entries = nil
		return
	}
	c.Entries = slices.Clone(c.Entries[i+1:])
}

// index returns where the first entry of at least that index stands, or the number of entries.
func (c *Contents) index(index uint64) int {
	i := slices.IndexFunc(c.Entries, func(e *raftpb.Entry) bool { return e.GetIndex() >= index })
	if i < 0 {
		return len(c.Entries)
	}
	return i
}

// batch returns the one batch that makes an empty log hold c.
func (c *Contents) batch() Batch {
	return Batch{Reset: true, Meta: c.Meta, Hard: c.Hard, Snap: c.Snap, Entries: c.Entries}
}

// The fields of a body. Unknown ones are an error: what they hold must not be forgotten.
const (
	fieldReset protowire.Number = iota + 1
	fieldMeta
	fieldHard
	fieldSnap
	fieldEntry
)

func (b Batch) marshal() ([]byte, error) {
	var body []byte
	var err error
	field := func(n protowire.Number, v []byte) {
		body = protowire.AppendBytes(protowire.AppendTag(body, n, protowire.BytesType), v)
	}
	message := func(n protowire.Number, m proto.Message) {
		v, e := proto.Marshal(m)
		if e != nil && err == nil {
			err = e
		}
		field(n, v)
	}
	if b.Reset {
		field(fieldReset, nil)
	}
	if b.Meta != nil {
		field(fieldMeta, b.Meta)
	}
	if b.Hard != nil {
		message(fieldHard, b.Hard)
	}
	if b.Snap != nil {
		message(fieldSnap, b.Snap)
	}
	for _, e := range b.Entries {
		message(fieldEntry, e)
	}
	return body, err
}

func unmarshalBatch(body []byte) (b Batch, err error) {
	for len(body) > 0 {
		n, kind, size := protowire.ConsumeTag(body)
		if size < 0 {
			return Batch{}, protowire.ParseError(size)
		}
		if kind != protowire.BytesType {
			return Batch{}, fmt.Errorf("field %d has wire type %d", n, kind)
		}
		v, length := protowire.ConsumeBytes(body[size:])
		if length < 0 {
			return Batch{}, protowire.ParseError(length)
		}
		body = body[size+length:]
		switch n {
		case fieldReset:
			b.Reset = true
		case fieldMeta:
			b.Meta = append([]byte{}, v...)
		case fieldHard:
			b.Hard = &raftpb.HardState{}
			err = proto.Unmarshal(v, b.Hard)
		case fieldSnap:
			b.Snap = &raftpb.Snapshot{}
			err = proto.Unmarshal(v, b.Snap)
		case fieldEntry:
			e := &raftpb.Entry{}
			err = proto.Unmarshal(v, e)
			b.Entries = append(b.Entries, e)
		default:
			return Batch{}, fmt.Errorf("field %d is unknown", n)
		}
		if err != nil {
			return Batch{}, fmt.Errorf("field %d: %w", n, err)
		}
	}
	return b, nil
}
