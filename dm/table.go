// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"fmt"
	"slices"
)

// Segment is a run of sectors of a device that one target serves.
type Segment struct {
	Length Sectors
	Target Target
}

// Table is what a device does, segment after segment from sector 0. A nil or empty table is no table.
type Table []Segment

// segmentsMax is more than any volume needs and less than what the kernel takes.
const segmentsMax = 1 << 16

// Length is the size of a device with this table.
func (t Table) Length() Sectors {
	var n Sectors
	for _, s := range t {
		n += s.Length
	}
	return n
}

// Refs are the devices that the table stands on, each once, in the order of first use.
func (t Table) Refs() []Ref {
	var refs []Ref
	for _, s := range t {
		for _, r := range s.Target.Refs() {
			if !slices.Contains(refs, r) {
				refs = append(refs, r)
			}
		}
	}
	return refs
}

// Equal reports whether two tables say the same, word for word.
func (t Table) Equal(u Table) bool { return t.String() == u.String() }

// Validate says what the kernel would refuse, as far as that shows without looking at the devices below.
func (t Table) Validate() error {
	if len(t) == 0 {
		return fmt.Errorf("table without segments")
	}
	if len(t) > segmentsMax {
		return fmt.Errorf("table of %d segments: at most %d", len(t), segmentsMax)
	}
	var start Sectors
	for i, s := range t {
		switch {
		case s.Target == nil:
			return fmt.Errorf("segment %d: no target", i)
		case s.Length == 0:
			return fmt.Errorf("segment %d: no sectors", i)
		case s.Length > sectorsMax-start:
			return fmt.Errorf("segment %d: ends past sector %d", i, sectorsMax)
		}
		if err := s.Target.check(s.Length); err != nil {
			return fmt.Errorf("segment %d: %w", i, err)
		}
		start += s.Length
	}
	return nil
}

// Keeps reports whether every sector of t has the same place under u: u is t, possibly longer.
func (t Table) Keeps(u Table) bool {
	t, u = t.merged(), u.merged()
	if len(t) > len(u) {
		return false
	}
	for i, s := range t {
		switch {
		case s.Target.Type() != u[i].Target.Type() || s.Target.Args() != u[i].Target.Args():
			return false
		case s.Length == u[i].Length:
		case i < len(t)-1 || s.Length > u[i].Length:
			return false
		default: // the last segment grows: only targets whose places do not depend on their length
			if _, raw := s.Target.(Raw); raw {
				return false
			}
		}
	}
	return true
}

// merged joins neighbours that go on where the other ends, so that one mapping has one form.
func (t Table) merged() Table {
	var out Table
	for _, s := range t {
		if n := len(out); n > 0 && out[n-1].goesOn(s) {
			out[n-1].Length += s.Length
			continue
		}
		out = append(out, s)
	}
	return out
}

func (s Segment) goesOn(next Segment) bool {
	a, ok := s.Target.(Linear)
	if !ok {
		return s.Target == Target(Error{}) && next.Target == Target(Error{})
	}
	b, ok := next.Target.(Linear)
	return ok && a.Dev == b.Dev && a.Start+s.Length == b.Start
}

// withRefs is the same table with each reference passed through f.
func (t Table) withRefs(f func(Ref) Ref) Table {
	if t == nil {
		return nil
	}
	out := make(Table, len(t))
	for i, s := range t {
		out[i] = Segment{Length: s.Length, Target: s.Target.withRefs(f)}
	}
	return out
}
