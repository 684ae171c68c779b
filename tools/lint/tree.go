// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Module is the import path of the tree's root.
const Module = "github.com/plexus-cvm/plexus"

// A File is one text file of the tree.
type File struct {
	Path string // slash-separated, from the root
	Text []byte
	Go   *ast.File // nil unless it is Go
}

// Dir is the folder of the file, "." for the root.
func (f *File) Dir() string { return path.Dir(f.Path) }

// Test reports whether the file is a Go test.
func (f *File) Test() bool { return strings.HasSuffix(f.Path, "_test.go") }

// Generated reports whether a program wrote the file.
func (f *File) Generated() bool {
	head, _, _ := bytes.Cut(f.Text, []byte("\npackage "))
	return bytes.HasPrefix(head, []byte("// Code generated ")) || bytes.Contains(head, []byte("\n// Code generated "))
}

// A Tree is all text files of the project, parsed.
type Tree struct {
	Files []*File
	Fset  *token.FileSet
}

// A Finding is one broken rule at one place, with its cure.
type Finding string

// at makes a finding for a place in a Go file.
func (t *Tree) at(pos token.Pos, format string, args ...any) Finding {
	p := t.Fset.Position(pos)
	return Finding(fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, fmt.Sprintf(format, args...)))
}

// in makes a finding for a whole file or folder.
func in(path, format string, args ...any) Finding {
	return Finding(path + ": " + fmt.Sprintf(format, args...))
}

// built are what lies at the root and is no source.
var built = []string{".git", ".cache", ".vagrant", "bin"}

// Read reads the tree under root. Files that are not text are left out.
func Read(root fs.FS) (*Tree, error) {
	t := &Tree{Fset: token.NewFileSet()}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains(built, name) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil // .git is a file in a linked worktree
		}
		if d.IsDir() {
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil || bytes.IndexByte(text, 0) >= 0 {
			return err
		}
		f := &File{Path: name, Text: text}
		if strings.HasSuffix(name, ".go") {
			if f.Go, err = parser.ParseFile(t.Fset, name, text, parser.ParseComments); err != nil {
				return err
			}
		}
		t.Files = append(t.Files, f)
		return nil
	})
	return t, err
}

// goFiles returns the Go files that people wrote.
func (t *Tree) goFiles() []*File {
	return slices.DeleteFunc(slices.Clone(t.Files), func(f *File) bool { return f.Go == nil || f.Generated() })
}

// folders returns the Go files by folder, without tests; generated ones are among them.
func (t *Tree) folders() map[string][]*File {
	m := map[string][]*File{}
	for _, f := range t.Files {
		if f.Go != nil && !f.Test() {
			m[f.Dir()] = append(m[f.Dir()], f)
		}
	}
	return m
}

// imports calls visit for each import of the file.
func (f *File) imports(visit func(spec *ast.ImportSpec, path string)) {
	for _, spec := range f.Go.Imports {
		visit(spec, strings.Trim(spec.Path.Value, `"`))
	}
}

// calls visits each call of a function pkg.Name, where pkg is the last part of an import path.
func (f *File) calls(visit func(call *ast.CallExpr, name string)) {
	ast.Inspect(f.Go, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch fun := call.Fun.(type) {
		case *ast.Ident:
			visit(call, fun.Name)
		case *ast.SelectorExpr:
			if x, ok := fun.X.(*ast.Ident); ok {
				visit(call, x.Name+"."+fun.Sel.Name)
			}
		}
		return true
	})
}
