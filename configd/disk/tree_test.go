// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/plexus-cvm/plexus/configd/label"
)

// tree is a made host: directories in place of /sys, /dev and /proc, and regular files for disks.
type tree struct {
	t    *testing.T
	root string
	host Host
	// numbers are what files open as, by path.
	numbers map[string][2]uint32
	// locked are paths that somebody has opened exclusively.
	locked  map[string]bool
	found   map[string][]Signature
	probed  error
	rereads int
}

func newTree(t *testing.T) *tree {
	x := &tree{t: t, root: t.TempDir(), numbers: map[string][2]uint32{}, locked: map[string]bool{}, found: map[string][]Signature{}}
	x.host = Host{
		Sys: filepath.Join(x.root, "sys"), Dev: filepath.Join(x.root, "dev"), Proc: filepath.Join(x.root, "proc"),
		OpenFile: x.open, Probe: func(path string) ([]Signature, error) { return x.found[path], x.probed },
	}
	x.put("proc/self/mountinfo", "22 1 252:0 / / rw,relatime - ext4 /dev/root rw\n")
	x.put("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")
	for _, d := range []string{"sys/block", "dev"} {
		if err := os.MkdirAll(filepath.Join(x.root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

func (x *tree) put(name, text string) {
	x.t.Helper()
	path := filepath.Join(x.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		x.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		x.t.Fatal(err)
	}
}

// disk makes a disk at a place under sys/devices, with attributes, and a file for it.
func (x *tree) disk(place string, minor uint32, bytes int64, attributes map[string]string) {
	x.t.Helper()
	name := filepath.Base(place)
	base := filepath.Join("sys/devices", place)
	for k, v := range map[string]string{
		"dev": fmt.Sprintf("8:%d", minor), "size": fmt.Sprint(bytes / 512), "ro": "0", "diskseq": fmt.Sprint(100 + minor),
		"queue/logical_block_size": "512",
	} {
		x.put(filepath.Join(base, k), v+"\n")
	}
	for k, v := range attributes {
		x.put(filepath.Join(base, k), v+"\n")
	}
	if err := os.Symlink(filepath.Join(x.root, base), filepath.Join(x.root, "sys/block", name)); err != nil {
		x.t.Fatal(err)
	}
	path := filepath.Join(x.host.Dev, name)
	x.put("dev/"+name, "")
	if err := os.Truncate(path, bytes); err != nil {
		x.t.Fatal(err)
	}
	x.numbers[path] = [2]uint32{8, minor}
}

// find returns a disk that is there.
func (x *tree) find(name string) Disk {
	x.t.Helper()
	d, err := x.host.Find(name)
	if err != nil {
		x.t.Fatal(err)
	}
	return d
}

// file is a regular file in place of a device.
type file struct {
	*os.File
	number [2]uint32
	x      *tree
}

func (f file) Number() (major, minor uint32) { return f.number[0], f.number[1] }
func (f file) Reread() error                 { f.x.rereads++; return nil }
func (f file) ReadAt(p []byte, at int64) (int, error) {
	checkAligned(len(p), at)
	return f.File.ReadAt(p, at)
}
func (f file) WriteAt(p []byte, at int64) (int, error) {
	checkAligned(len(p), at)
	return f.File.WriteAt(p, at)
}

func (x *tree) open(path string, mode Mode) (File, error) {
	if mode == ForExclusive && x.locked[path] {
		return nil, &os.PathError{Op: "open", Path: path, Err: errBusy}
	}
	flags := os.O_RDWR
	if mode == ForRead {
		flags = os.O_RDONLY
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, err
	}
	return file{f, x.numbers[path], x}, nil
}

func (x *tree) labelOf(name string) (label.Copy, error) {
	x.t.Helper()
	f, err := x.host.Open(x.find(name), ForRead)
	if err != nil {
		return label.Copy{}, err
	}
	defer f.Close()
	return f.Label()
}
