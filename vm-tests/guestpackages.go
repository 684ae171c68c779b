// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// guestTestSuffix ends the names of files whose tests want a real kernel; they carry the build tag guest.
const guestTestSuffix = "_guest_test.go"

// guestTestLimit is the time that the tests of one package may take in a guest, unless guestNeeds says otherwise.
const guestTestLimit = 3 * time.Minute

// guestNeed is what the tests of a package want besides what every kernel guest has. Modules that a test wants with its own
// parameters it loads itself by running modprobe.
type guestNeed struct {
	modules  []string // loaded before the tests, with parameters: "brd rd_nr=2"
	boot     []string // kernel boot options
	cpus     int
	memoryMB int
	limit    time.Duration
}

// guestNeeds is keyed by the package's folder. A package with guest tests need not stand here.
var guestNeeds = map[string]guestNeed{}

// guestPackages finds the folders that hold guest tests.
func guestPackages(ctx context.Context) ([]string, error) {
	root, err := SourceDir(ctx)
	if err != nil {
		return nil, err
	}
	var found []string
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") && name != root {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, guestTestSuffix) {
			dir, err := filepath.Rel(root, filepath.Dir(name))
			if err != nil {
				return err
			}
			if !slices.Contains(found, dir) {
				found = append(found, dir)
			}
		}
		return nil
	})
	return found, err
}

// guestTestDir is where a test program lies in the guest and runs, with its testdata beside it.
const guestTestDir = "/test"

// compileGuestTests builds the test program of a package and returns the files that its guest needs.
func compileGuestTests(ctx context.Context, pkg, scratch string) ([]File, error) {
	root, err := SourceDir(ctx)
	if err != nil {
		return nil, err
	}
	program := filepath.Join(scratch, strings.ReplaceAll(pkg, "/", "-")+".test")
	if err := goCommand(ctx, root, "test", "-c", "-vet=off", "-tags", "guest", "-o", program, "./"+pkg); err != nil {
		return nil, err
	}
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("compile the guest tests of %s: no program came out: %w", pkg, err)
	}
	files := []File{{Path: guestTestDir + "/guest.test", Mode: 0o755, Host: program}}
	data := filepath.Join(root, pkg, "testdata")
	err = filepath.WalkDir(data, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(data, name)
		files = append(files, File{Path: filepath.Join(guestTestDir, "testdata", relative), Host: name})
		return err
	})
	if os.IsNotExist(err) {
		err = nil
	}
	return files, err
}
