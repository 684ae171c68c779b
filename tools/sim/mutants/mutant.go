// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// mutant is a named set of replacements.
type mutant struct {
	name  string
	about string
	edits []edit
}

type edit struct{ file, old, new string }

// parse reads the form described in the package doc.
func parse(name, text string) (mutant, error) {
	m := mutant{name: name}
	file, part := "", ""
	var old, fresh []string
	for i, l := range strings.Split(text, "\n") {
		switch {
		case part == "" && strings.HasPrefix(l, "# "):
			m.about = strings.TrimSpace(m.about + " " + l[2:])
		case part == "" && strings.HasPrefix(l, "file "):
			file = l[len("file "):]
		case part == "" && l == "<<<<" && file != "":
			part, old, fresh = "old", nil, nil
		case part == "old" && l == "====":
			part = "new"
		case part == "new" && l == ">>>>":
			m.edits = append(m.edits, edit{file, strings.Join(old, "\n"), strings.Join(fresh, "\n")})
			part = ""
		case part == "old":
			old = append(old, l)
		case part == "new":
			fresh = append(fresh, l)
		case l != "":
			return m, fmt.Errorf("mutant %s: line %d makes no sense: %q", name, i+1, l)
		}
	}
	if part != "" || len(m.edits) == 0 || m.about == "" {
		return m, fmt.Errorf("mutant %s: needs a sentence, a file and whole replacements", name)
	}
	return m, nil
}

// apply returns the changed text of every file that the mutant touches.
func (m mutant) apply(read func(string) (string, error)) (map[string]string, error) {
	out := map[string]string{}
	for _, e := range m.edits {
		text, ok := out[e.file]
		if !ok {
			var err error
			if text, err = read(e.file); err != nil {
				return nil, fmt.Errorf("mutant %s: %w", m.name, err)
			}
		}
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("mutant %s does not apply: its text stands %d times in %s:\n%s", m.name, n, e.file, e.old)
		}
		out[e.file] = strings.Replace(text, e.old, e.new, 1)
	}
	return out, nil
}
