// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

const (
	spdx    = "SPDX-License-Identifier: Apache-2.0"
	spdxBPF = "SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0" // the kernel loads BPF helpers for GPL programs only
)

// headerLines is how far down the licence line may stand, after a build constraint or #!.
const headerLines = 3

// Headers: each source file says its licence at the top.
func Headers(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.Files {
		want := ""
		switch path.Ext(f.Path) {
		case ".go", ".sh", ".proto", ".service", ".rules":
			want = spdx
		case ".c", ".h":
			want = spdxBPF
		case "":
			if bytes.HasPrefix(f.Text, []byte("#!")) || path.Base(f.Path) == "Makefile" {
				want = spdx
			}
		}
		if want == "" || f.Generated() || strings.Contains(f.Path, "/testdata/") {
			continue
		}
		head := strings.SplitN(string(f.Text), "\n", headerLines+1)
		if !slices.ContainsFunc(head[:min(len(head), headerLines)], func(line string) bool { return strings.Contains(line, want) }) {
			found = append(found, in(f.Path, "no licence line in the first %d lines; add the comment %s", headerLines, want))
		}
	}
	return found
}

// packageDocBytesMin is how much there is to say about any package.
const packageDocBytesMin = 160

// PackageDocs: each package has a doc from which a stranger can build, in doc.go or, of a single file, at its top.
func PackageDocs(t *Tree) []Finding {
	var found []Finding
	for dir, files := range t.folders() {
		if strings.Contains(dir, "testdata") {
			continue
		}
		at := slices.IndexFunc(files, func(f *File) bool { return path.Base(f.Path) == "doc.go" })
		if at < 0 && len(files) == 1 && files[0].Go.Doc != nil {
			at = 0
		}
		if at < 0 {
			found = append(found, in(dir, "no doc.go; say what the package owns, its states, its invariants, with a picture"))
			continue
		}
		doc := files[at].Go.Doc.Text()
		if name := files[at].Go.Name.Name; name != "main" && !strings.HasPrefix(doc, "Package "+name+" ") {
			found = append(found, in(files[at].Path, "the package doc begins with `Package %s`", name))
		}
		if len(doc) < packageDocBytesMin {
			found = append(found, in(files[at].Path, "a package doc of %d bytes says too little; what does it own, what always holds?", len(doc)))
		}
	}
	return found
}
