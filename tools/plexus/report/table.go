// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Table is a heading and rows of cells. The zero value with Columns set is ready for use, by one goroutine.
type Table struct {
	Columns []string // a name that ends in '>' heads a column set to the right
	rows    [][]string
}

// Add adds a row; each cell is printed as by fmt.Sprint.
func (t *Table) Add(cells ...any) {
	if len(cells) != len(t.Columns) {
		panic(fmt.Sprintf("BUG: %d cells for the columns %q", len(cells), t.Columns))
	}
	row := make([]string, len(cells))
	for i, c := range cells {
		if row[i] = printable(fmt.Sprint(c)); row[i] == "" {
			row[i] = "-"
		}
	}
	t.rows = append(t.rows, row)
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Write prints the table, each line indented by so many spaces.
func (t *Table) Write(w io.Writer, indent int) error {
	head, right := make([]string, len(t.Columns)), make([]bool, len(t.Columns))
	for i, name := range t.Columns {
		head[i], right[i] = strings.CutSuffix(name, ">")
	}
	all := append([][]string{head}, t.rows...)
	width := make([]int, len(head))
	for _, row := range all {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range all {
		line := strings.Repeat(" ", indent)
		for i, cell := range row {
			space := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if right[i] {
				line += space + cell
			} else {
				line += cell + space
			}
			line += "  "
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printable keeps what came from a disk or another machine from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}
