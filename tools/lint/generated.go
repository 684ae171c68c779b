// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// GeneratorTools are the programs that `go generate` needs.
var GeneratorTools = []string{"clang", "llvm-strip", "protoc"}

// Generated runs `go generate` in a copy of the tree at root and compares: a file that differs, is missing or is new is
// not what its source says. Scratch is an empty folder for the copy.
func Generated(root, scratch string) ([]Finding, error) {
	if err := copyTree(root, scratch); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"build", "-o", "bin/protoc-gen-go", "google.golang.org/protobuf/cmd/protoc-gen-go"},
		{"generate", "./..."},
	} {
		c := exec.Command("go", args...)
		c.Dir = scratch
		if out, err := c.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go %s in a copy of the tree: %w\n%s", args[0], err, out)
		}
	}
	return compare(root, scratch)
}

func copyTree(root, scratch string) error {
	return walk(root, func(name string) error {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		to := filepath.Join(scratch, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o755)
	})
}

func compare(root, scratch string) ([]Finding, error) {
	var found []Finding
	err := walk(scratch, func(name string) error {
		made, err := os.ReadFile(filepath.Join(scratch, name))
		if err != nil {
			return err
		}
		kept, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Equal(made, kept) {
			found = append(found, in(name, "is not what its source makes today; run `make generate` and commit the result"))
		}
		return nil
	})
	return found, err
}

// walk calls visit for each regular file of the tree but those in folders that hold no source.
func walk(root string, visit func(name string) error) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(strings.TrimPrefix(p, root), string(filepath.Separator))
		if slices.Contains(built, name) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		return visit(name)
	})
}
