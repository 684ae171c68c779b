// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"go/ast"
	"path"
	"slices"
	"strings"
)

// unsafeFolders may use unsafe: they put structures together for the kernel.
var unsafeFolders = []string{"dm/kernel"}

// Unsafe: unsafe is used only where the name of the folder or file says so, and cgo nowhere.
func Unsafe(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.goFiles() {
		f.imports(func(spec *ast.ImportSpec, imported string) {
			switch {
			case imported == "C":
				found = append(found, t.at(spec.Pos(), "no cgo; the binaries are static"))
			case imported == "unsafe" && !slices.Contains(unsafeFolders, f.Dir()) && !strings.Contains(path.Base(f.Path), "unsafe"):
				found = append(found, t.at(spec.Pos(), "unsafe outside of %s; move these lines into a file with unsafe in its name",
					strings.Join(unsafeFolders, ", ")))
			}
		})
	}
	return found
}

// product are the folders that end up on a user's machine.
var product = []string{"bpf", "dm", "clusterd", "configd", "tools/plexus", "tools/dmsetup"}

// programsAllowed may run a program, each for its reason.
var programsAllowed = []string{
	"configd/disk/blkid.go", // knows what is on a disk; it is asked before a disk is overwritten, and a second opinion is wanted
}

// Programs: the product runs no other program, and nothing runs a shell.
func Programs(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.goFiles() {
		if f.Test() {
			continue
		}
		f.imports(func(spec *ast.ImportSpec, imported string) {
			if imported == "os/exec" && !slices.Contains(programsAllowed, f.Path) && slices.ContainsFunc(product, func(dir string) bool { return under(f.Dir(), dir) }) {
				found = append(found, t.at(spec.Pos(), "the product runs no other program; speak to the kernel or the daemon directly"))
			}
		})
		f.calls(func(call *ast.CallExpr, name string) {
			if name != "exec.Command" && name != "exec.CommandContext" {
				return
			}
			for _, arg := range call.Args[:min(2, len(call.Args))] {
				lit, ok := arg.(*ast.BasicLit)
				if ok && slices.Contains([]string{"sh", "bash", "dash"}, path.Base(strings.Trim(lit.Value, "`\""))) {
					found = append(found, t.at(call.Pos(), "no shell between us and a program; name the program and its arguments"))
				}
			}
		})
	}
	return found
}
