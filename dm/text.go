// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"fmt"
	"strings"
)

// tableBytesMax bounds the text of a table; a volume of ten thousand segments has half a megabyte.
const tableBytesMax = 8 << 20

// String prints the table as `dmsetup table DEVICE` does: a line for each segment, START LENGTH TYPE ARGS, with a space
// after the type even where no arguments follow.
func (t Table) String() string {
	var b strings.Builder
	var start Sectors
	for _, s := range t {
		fmt.Fprintf(&b, "%d %d %s %s\n", start, s.Length, s.Target.Type(), s.Target.Args())
		start += s.Length
	}
	return b.String()
}

// ParseTable reads a table in the form that String prints and that `dmsetup create` takes: lines may be empty or begin
// with #. The result is valid as [Table.Validate] has it. An empty text is no table.
func ParseTable(text string) (Table, error) {
	if len(text) > tableBytesMax {
		return nil, fmt.Errorf("table text of %d bytes: at most %d", len(text), tableBytesMax)
	}
	var t Table
	var end Sectors
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimLeft(line, " \t")
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		start, seg, err := parseSegment(trimmed)
		if err != nil {
			return nil, fmt.Errorf("table line %d: %w", i+1, err)
		}
		if start != end {
			return nil, fmt.Errorf("table line %d: starts at sector %d, the segments before it end at %d", i+1, start, end)
		}
		if seg.Length > sectorsMax-end {
			return nil, fmt.Errorf("table line %d: ends past sector %d", i+1, sectorsMax)
		}
		t, end = append(t, seg), end+seg.Length
	}
	if t == nil {
		return nil, nil
	}
	return t, t.Validate()
}

func parseSegment(line string) (Sectors, Segment, error) {
	var word [3]string
	rest := line
	for i := range word {
		rest = strings.TrimLeft(rest, " \t")
		n := strings.IndexAny(rest, " \t")
		if n < 0 {
			n = len(rest)
		}
		word[i], rest = rest[:n], rest[n:]
	}
	if word[2] == "" {
		return 0, Segment{}, fmt.Errorf("%q: want START LENGTH TYPE ARGS", line)
	}
	start, err := parseSectors(word[0])
	if err != nil {
		return 0, Segment{}, fmt.Errorf("start %w", err)
	}
	length, err := parseSectors(word[1])
	if err != nil {
		return 0, Segment{}, fmt.Errorf("length %w", err)
	}
	// One separator belongs to the form; everything after it belongs to the target.
	target, err := ParseTarget(word[2], strings.TrimPrefix(rest, " "))
	if err != nil {
		return 0, Segment{}, err
	}
	return start, Segment{Length: length, Target: target}, nil
}
