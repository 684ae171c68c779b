// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// top is everything that may lie at the root.
var top = []string{
	"bpf", "dm", "clusterd", "configd", "tools", "vm-tests", "docs", "packaging", ".ci",
	"Makefile", "Vagrantfile", "README.md", "LICENSE", "go.mod", "go.sum", ".gitignore",
}

// Top: nothing else lies at the root.
func Top(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.Files {
		first, _, _ := strings.Cut(f.Path, "/")
		if !slices.Contains(top, first) {
			found = append(found, in(f.Path, "%s is not one of the folders of the project; move it into one of %s", first,
				strings.Join(top[:8], ", ")))
		}
	}
	return found
}

// vague are names that say nothing about what a package owns.
var vague = []string{"util", "utils", "common", "helper", "helpers", "types", "manager", "misc", "base", "shared"}

// PackageNames: a package is called by what it owns.
func PackageNames(t *Tree) []Finding {
	var found []Finding
	for dir, files := range t.folders() {
		name := path.Base(dir)
		if slices.Contains(vague, name) || slices.Contains(vague, files[0].Go.Name.Name) {
			found = append(found, in(dir, "package name %q says nothing; call it by the noun that it owns", name))
		}
	}
	return found
}

// fileLinesMax is where a file has become more than one idea.
const fileLinesMax = 500

// Length: no file that people wrote is longer than fileLinesMax.
func Length(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.Files {
		if f.Generated() || !slices.Contains([]string{".go", ".c", ".h", ".sh", ".proto", ""}, path.Ext(f.Path)) || f.Dir() == "." {
			continue
		}
		if n := bytes.Count(f.Text, []byte("\n")); n > fileLinesMax {
			found = append(found, in(f.Path, "%d lines, more than %d; split it where one idea ends", n, fileLinesMax))
		}
	}
	return found
}
