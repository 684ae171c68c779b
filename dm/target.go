// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"fmt"
	"strconv"
	"strings"
)

// Target is what a segment of a table does with the I/O it gets: [Linear], [Striped], [Error], or [Raw] for every other
// type. The interface is closed.
type Target interface {
	// Type is the name by which the kernel knows the target.
	Type() string
	// Args is the rest of its line in a table.
	Args() string
	// Refs are the devices that it stands on, in the order in which they are written.
	Refs() []Ref

	// withRefs is the same target with each reference passed through f.
	withRefs(f func(Ref) Ref) Target
	// check says what is wrong with the target in a segment of this length.
	check(length Sectors) error
}

// Linear maps a segment to one range of a device.
type Linear struct {
	Dev   Ref
	Start Sectors // first sector on Dev
}

func (Linear) Type() string                      { return "linear" }
func (l Linear) Args() string                    { return fmt.Sprintf("%s %d", l.Dev, l.Start) }
func (l Linear) Refs() []Ref                     { return []Ref{l.Dev} }
func (l Linear) check(Sectors) error             { return nil }
func (l Linear) withRefs(f func(Ref) Ref) Target { return Linear{Dev: f(l.Dev), Start: l.Start} }

// Striped deals a segment out in chunks to several ranges, one chunk to each in turn.
type Striped struct {
	Chunk   Sectors
	Columns []Linear
}

func (Striped) Type() string { return "striped" }

func (s Striped) Args() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %d", len(s.Columns), s.Chunk)
	for _, c := range s.Columns {
		fmt.Fprintf(&b, " %s", c.Args())
	}
	return b.String()
}

func (s Striped) Refs() []Ref {
	refs := make([]Ref, len(s.Columns))
	for i, c := range s.Columns {
		refs[i] = c.Dev
	}
	return refs
}

func (s Striped) withRefs(f func(Ref) Ref) Target {
	columns := make([]Linear, len(s.Columns))
	for i, c := range s.Columns {
		columns[i] = Linear{Dev: f(c.Dev), Start: c.Start}
	}
	return Striped{Chunk: s.Chunk, Columns: columns}
}

// check keeps the kernel's rules: it refuses a length that does not fill whole chunks in every column.
func (s Striped) check(length Sectors) error {
	n := Sectors(len(s.Columns))
	switch {
	case n == 0:
		return fmt.Errorf("striped: no columns")
	case s.Chunk == 0 || s.Chunk > sectorsMax/n:
		return fmt.Errorf("striped: chunk of %d sectors", s.Chunk)
	case length%n != 0 || (length/n)%s.Chunk != 0:
		return fmt.Errorf("striped: length %d is not a multiple of %d columns of %d sectors", length, n, s.Chunk)
	}
	return nil
}

// Error fails every I/O.
type Error struct{}

func (Error) Type() string                    { return "error" }
func (Error) Args() string                    { return "" }
func (Error) Refs() []Ref                     { return nil }
func (Error) check(Sectors) error             { return nil }
func (e Error) withRefs(func(Ref) Ref) Target { return e }

// Raw is a target of a type that this package has no value for: its arguments pass through unread. Words that look like
// a device number or a path under /dev/mapper count as devices that it stands on.
type Raw struct {
	Kind   string
	Params string
}

func (r Raw) Type() string { return r.Kind }
func (r Raw) Args() string { return r.Params }

func (r Raw) Refs() []Ref {
	var refs []Ref
	r.withRefs(func(ref Ref) Ref { refs = append(refs, ref); return ref })
	return refs
}

func (r Raw) withRefs(f func(Ref) Ref) Target {
	words := strings.Split(r.Params, " ")
	for i, w := range words {
		if num, err := ParseDevNum(w); err == nil {
			words[i] = keepText(w, Ref{Num: num}, f)
		} else if strings.HasPrefix(w, mapperDir) {
			words[i] = keepText(w, Ref{Path: w}, f)
		}
	}
	return Raw{Kind: r.Kind, Params: strings.Join(words, " ")}
}

// keepText is the word for f(ref): the word as it was written if f changes nothing.
func keepText(word string, ref Ref, f func(Ref) Ref) string {
	if now := f(ref); now != ref {
		return now.String()
	}
	return word
}

func (r Raw) check(Sectors) error {
	switch {
	case r.Kind == "" || strings.ContainsAny(r.Kind, " \t\r\n\v\f\x00"):
		return fmt.Errorf("target type %q", r.Kind)
	case len(r.Kind) > typeBytesMax:
		return fmt.Errorf("target type %q: longer than %d bytes", r.Kind, typeBytesMax)
	case strings.ContainsAny(r.Params, "\n\x00"):
		return fmt.Errorf("target %s: a line end or a zero byte in its arguments", r.Kind)
	}
	return nil
}

// typeBytesMax is the kernel's DM_MAX_TYPE_NAME without its closing zero.
const typeBytesMax = 15

// ParseTarget reads the arguments of a target of the named type.
func ParseTarget(kind, args string) (Target, error) {
	switch kind {
	case "linear":
		return parseLinear(strings.Fields(args))
	case "striped":
		return parseStriped(strings.Fields(args))
	case "error":
		// Some kernels take, and print, arguments here; they mean nothing.
		if strings.TrimSpace(args) == "" {
			return Error{}, nil
		}
	}
	raw := Raw{Kind: kind, Params: args}
	return raw, raw.check(0)
}

// Verbatim is the target whose line in a table is exactly this: a typed one if it prints the same, else a [Raw].
func Verbatim(kind, args string) Target {
	t, err := ParseTarget(kind, args)
	if err != nil || t.Args() != args {
		return Raw{Kind: kind, Params: args}
	}
	return t
}

func parseLinear(words []string) (Target, error) {
	if len(words) != 2 {
		return nil, fmt.Errorf("linear: %d arguments, want DEVICE START", len(words))
	}
	return parseRange("linear", words[0], words[1])
}

func parseStriped(words []string) (Target, error) {
	if len(words) < 2 {
		return nil, fmt.Errorf("striped: %d arguments, want COLUMNS CHUNK and DEVICE START for each column", len(words))
	}
	n, err := strconv.ParseUint(words[0], 10, 16)
	if err != nil || len(words) != 2+2*int(n) {
		return nil, fmt.Errorf("striped: %q columns, but %d arguments after the chunk", words[0], len(words)-2)
	}
	chunk, err := parseSectors(words[1])
	if err != nil {
		return nil, fmt.Errorf("striped: chunk %w", err)
	}
	s := Striped{Chunk: chunk}
	for i := 2; i < len(words); i += 2 {
		column, err := parseRange("striped", words[i], words[i+1])
		if err != nil {
			return nil, err
		}
		s.Columns = append(s.Columns, column)
	}
	return s, nil
}

func parseRange(kind, dev, start string) (Linear, error) {
	ref, err := ParseRef(dev)
	if err != nil {
		return Linear{}, fmt.Errorf("%s: %w", kind, err)
	}
	sector, err := parseSectors(start)
	if err != nil {
		return Linear{}, fmt.Errorf("%s: start %w", kind, err)
	}
	return Linear{Dev: ref, Start: sector}, nil
}

func parseSectors(s string) (Sectors, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || Sectors(n) > sectorsMax {
		return 0, fmt.Errorf("%q is not a number of sectors", s)
	}
	return Sectors(n), nil
}
