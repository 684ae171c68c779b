// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestScenarios runs the files in testdata/edit: `edit` applies the changes in its input, one text a line, and prints what
// they are, what differs, or the error; `dump` prints the canonical text; `free` what is free.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/edit", func(t *testing.T, path string) {
		var g Group
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "edit":
				return editAll(&g, d.Input)
			case "dump":
				text := Encode(g)
				return string(text) + "hash " + Hash(text) + "\n"
			case "free":
				var b strings.Builder
				for _, f := range Free(g) {
					fmt.Fprintf(&b, "%s free %v largest %v\n", f.Disk, f.Free, f.Largest)
				}
				return b.String()
			}
			t.Fatalf("unknown command %s", d.Cmd)
			return ""
		})
	})
}

func editAll(g *Group, input string) string {
	var b strings.Builder
	for line := range strings.Lines(input) {
		c, err := DecodeChange([]byte(strings.TrimSpace(line)))
		if err != nil {
			fmt.Fprintf(&b, "error: %v\n", err)
			continue
		}
		next, err := Edit(*g, c)
		if err != nil {
			fmt.Fprintf(&b, "error: %v\n", err)
			continue
		}
		fmt.Fprintf(&b, "%v\n  version %d", c, next.Version)
		for _, d := range Compare(*g, next) {
			fmt.Fprintf(&b, "; %v%s", d, shape(next, d.Name))
		}
		if !KeepsPlaces(*g, next) {
			b.WriteString("; all members hold")
		}
		b.WriteString("\n")
		*g = next
	}
	return b.String()
}

// shape prints a volume's subdisks: columns by |, in MiB.
func shape(g Group, volume string) string {
	v, ok := g.Volume(volume)
	if !ok {
		return ""
	}
	var columns []string
	for _, column := range v.Plexes[0].Columns {
		var words []string
		for _, s := range column {
			words = append(words, fmt.Sprintf("%s@%d+%d", s.Name, s.Offset/Extent, s.Length/Extent))
		}
		columns = append(columns, strings.Join(words, " "))
	}
	return fmt.Sprintf(" %v [%s]", v.Length, strings.Join(columns, " | "))
}
