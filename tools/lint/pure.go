// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"go/ast"
	"slices"
	"strings"
)

// pure are the packages that decide and do not act, so that a simulator can run them and a test can replay them.
var pure = []string{
	"dm", "clusterd/view", "clusterd/member", "configd/config", "configd/label", "configd/txn",
}

// valuePackages of the standard library hold values and computations only.
var valuePackages = []string{
	"bytes", "cmp", "context", "container/heap", "container/list", "container/ring", "crypto/sha256", "encoding", "encoding/base64",
	"encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "hash", "hash/crc32", "io", "io/fs", "iter", "maps", "math",
	"math/bits", "net/netip", "path", "regexp", "slices", "sort", "strconv", "strings", "time", "unicode", "unicode/utf8",
}

// pureExceptions are imports that one pure package may have, each with its reason.
var pureExceptions = map[string][]string{
	// Consensus is the raft library's. Its election jitter reads crypto/rand.Reader, which a simulation replaces.
	"clusterd/member": {"go.etcd.io/raft/v3", "go.etcd.io/raft/v3/raftpb", "go.etcd.io/raft/v3/tracker", "google.golang.org/protobuf/proto"},
}

// impureCalls read the clock, wait for it, start a goroutine, or speak to the terminal, by package.
var impureCalls = map[string][]string{
	"time":    {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"context": {"WithTimeout", "WithTimeoutCause", "WithDeadline", "WithDeadlineCause", "AfterFunc"},
	"fmt":     {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
}

// Pure: a pure package has no I/O, goroutine, lock, clock, log, randomness or mutable global.
func Pure(t *Tree) []Finding {
	var found []Finding
	for _, dir := range pure {
		var files []*File
		for _, f := range t.goFiles() {
			if f.Dir() == dir && !f.Test() {
				files = append(files, f)
			}
		}
		globals := globalsOf(files)
		for _, f := range files {
			found = append(found, t.impureImports(dir, f)...)
			found = append(found, t.impureStatements(f)...)
			found = append(found, t.writtenGlobals(f, globals)...)
		}
	}
	return found
}

func (t *Tree) impureImports(dir string, f *File) (found []Finding) {
	f.imports(func(spec *ast.ImportSpec, path string) {
		ours, isOurs := strings.CutPrefix(path, Module+"/")
		if isOurs && slices.Contains(pure, ours) || slices.Contains(valuePackages, path) ||
			slices.Contains(pureExceptions[dir], path) {
			return
		}
		found = append(found, t.at(spec.Pos(), "%s is pure and may not import %s; take what it gives as an input, or hand out an action", dir, path))
	})
	return found
}

func (t *Tree) impureStatements(f *File) (found []Finding) {
	ast.Inspect(f.Go, func(n ast.Node) bool {
		what := ""
		switch n := n.(type) {
		case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
			what = "goroutines and channels"
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Obj == nil && slices.Contains(impureCalls[x.Name], n.Sel.Name) {
				what = x.Name + "." + n.Sel.Name
			}
		}
		if what != "" {
			found = append(found, t.at(n.Pos(), "a pure package has no %s; time and events are inputs, effects are actions", what))
		}
		return true
	})
	return found
}

// globalsOf returns the names of the package's variables.
func globalsOf(files []*File) map[string]bool {
	names := map[string]bool{}
	for _, f := range files {
		for _, decl := range f.Go.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range gen.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && gen.Tok.String() == "var" {
					for _, name := range v.Names {
						names[name.Name] = true
					}
				}
			}
		}
	}
	return names
}

// writtenGlobals finds statements that change a variable of the package: a constant table is none.
func (t *Tree) writtenGlobals(f *File, globals map[string]bool) (found []Finding) {
	check := func(e ast.Expr) {
		for {
			switch x := e.(type) {
			case *ast.IndexExpr:
				e = x.X
			case *ast.SelectorExpr:
				e = x.X
			case *ast.StarExpr:
				e = x.X
			case *ast.ParenExpr:
				e = x.X
			case *ast.Ident:
				if globals[x.Name] && !isLocal(f, x) {
					found = append(found, t.at(x.Pos(), "a pure package does not change its global %s; keep it in the machine's state", x.Name))
				}
				return
			default:
				return
			}
		}
	}
	ast.Inspect(f.Go, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				check(e)
			}
		case *ast.IncDecStmt:
			check(n.X)
		case *ast.UnaryExpr:
			if n.Op.String() == "&" {
				check(n.X)
			}
		}
		return true
	})
	return found
}

// isLocal reports whether the parser bound the identifier to something declared inside a function.
func isLocal(f *File, x *ast.Ident) bool {
	return x.Obj != nil && f.Go.Scope.Lookup(x.Name) != x.Obj
}
