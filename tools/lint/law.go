// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"go/ast"
	"slices"
	"strings"
)

// mayImport is the import law, one line a top folder: whom it may import besides itself. Arrows go one way:
//
//	bpf, dm <- clusterd <- configd <- tools <- vm-tests
var mayImport = map[string][]string{
	"bpf":      {},
	"dm":       {},
	"clusterd": {"bpf", "dm"},
	"configd":  {"bpf", "dm", "clusterd/view", "clusterd/peer", "clusterd/api", "clusterd/settings", "clusterd/store", "clusterd/daemon"},
	"tools":    {"bpf", "dm", "clusterd", "configd"},
	"vm-tests": {"bpf", "dm", "clusterd", "configd", "tools"},
}

// ImportLaw: every import points to the left.
func ImportLaw(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.Files {
		if f.Go == nil {
			continue
		}
		folder, _, _ := strings.Cut(f.Path, "/")
		f.imports(func(spec *ast.ImportSpec, path string) {
			to, ours := strings.CutPrefix(path, Module+"/")
			if !ours || under(to, folder) ||
				slices.ContainsFunc(mayImport[folder], func(may string) bool { return under(to, may) }) {
				return
			}
			found = append(found, t.at(spec.Pos(), "%s may not import %s; the law is bpf, dm <- clusterd <- configd <- tools <- vm-tests, "+
				"and configd knows of clusterd only view, peer, api and settings: move the value to the left, or take it as an input", folder, to))
		})
	}
	return found
}

func under(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }
