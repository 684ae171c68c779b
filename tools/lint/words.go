// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
)

// A ban is a pattern that no file may match, and the cure.
type ban struct {
	pattern *regexp.Regexp
	cure    string
}

// banned is put together from pieces, so that this file passes its own rule.
var banned = []ban{
	{regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX)\b`), "do it now, or leave the thing out whole"},
	{regexp.MustCompile(`(?i)not (yet )?imple` + `mented|unimple` + `mented`), "leave the thing out whole, or refuse by name what it cannot do"},
	{regexp.MustCompile(`(^|[\s"'=:(` + "`" + `])/wo` + `rk(/|\b)|\.\./sha` + `red`), "the project speaks of itself alone: no path of the place where it was written"},
	{regexp.MustCompile(`deb\.deb` + `ian\.org|proxy\.go` + `lang|registry\.np` + `mjs|pypi\.o` + `rg`), "no host of a package registry: use what the machine is set up to use"},
	{regexp.MustCompile(`(?i)\bissue #?[0-9]+\b|\bissues? sho` + `w\b`), "say what it is, not where it was asked for"},
	{regexp.MustCompile(`(?i)\b(sub-?hel` + `per|AI assis` + `tant|language mo` + `del)\b`), "the project speaks of itself alone"},
}

// wordsExempt are files made by tools or kept as others wrote them.
var wordsExempt = []string{"go.sum", "LICENSE"}

// Words: no file speaks of work left for later or of the place where it was written.
func Words(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.Files {
		if slices.Contains(wordsExempt, f.Path) {
			continue
		}
		for i, line := range bytes.Split(f.Text, []byte("\n")) {
			for _, b := range banned {
				if m := b.pattern.Find(line); m != nil {
					found = append(found, Finding(fmt.Sprintf("%s:%d: %q: %s", f.Path, i+1, bytes.TrimSpace(m), b.cure)))
				}
			}
		}
	}
	return found
}
