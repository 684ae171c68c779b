// SPDX-License-Identifier: Apache-2.0

// Package cpio writes the "newc" archives that a Linux kernel unpacks as its first root (initramfs).
//
// The format is in the kernel's Documentation/driver-api/early-userspace/buffer-format.rst: a head of "070701" and thirteen
// fields of eight hexadecimal digits, the name with its zero, the data; head+name and data are each padded to four bytes; an
// entry called TRAILER!!! ends the archive. Several archives one after another are unpacked in order into one root.
//
// All times are zero and inode numbers count up, so the same content gives the same bytes.
package cpio

import (
	"fmt"
	"io"
	"path"
	"sort"
	"strings"
)

const (
	trailer    = "TRAILER!!!"
	alignBytes = 4

	typeDirectory = 0o040000
	typeRegular   = 0o100000
	typeSymlink   = 0o120000
)

// Writer makes one archive. It is not safe for concurrent use. Directories above an entry are added by themselves.
type Writer struct {
	w     io.Writer
	inode int
	known map[string]bool
	err   error // sticky: the first failure is the one that Close reports
}

// NewWriter starts an archive on w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w, known: map[string]bool{".": true}}
}

// Directory adds a directory.
func (w *Writer) Directory(name string) {
	name = clean(name)
	if w.known[name] {
		return
	}
	w.parents(name)
	w.known[name] = true
	w.entry(name, typeDirectory|0o755, nil)
}

// File adds a regular file with these permission bits.
func (w *Writer) File(name string, mode uint32, data []byte) {
	name = clean(name)
	w.parents(name)
	w.entry(name, typeRegular|mode&0o7777, data)
}

// Symlink adds a symbolic link to target.
func (w *Writer) Symlink(name, target string) {
	name = clean(name)
	w.parents(name)
	w.entry(name, typeSymlink|0o777, []byte(target))
}

// Files adds many regular files, in the order of their names.
func (w *Writer) Files(mode uint32, files map[string][]byte) {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		w.File(name, mode, files[name])
	}
}

// Close ends the archive and returns the first error of all; it does not close the writer underneath.
func (w *Writer) Close() error {
	w.entry(trailer, 0, nil)
	return w.err
}

func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

func (w *Writer) parents(name string) {
	if dir := path.Dir(name); dir != "." {
		w.Directory(dir)
	}
}

func (w *Writer) entry(name string, mode uint32, data []byte) {
	w.inode++
	links := 1
	head := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		w.inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	w.padded([]byte(head + name + "\x00"))
	w.padded(data)
}

func (w *Writer) padded(b []byte) {
	w.write(b)
	if rest := len(b) % alignBytes; rest != 0 {
		w.write(make([]byte, alignBytes-rest))
	}
}

func (w *Writer) write(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
	}
}
