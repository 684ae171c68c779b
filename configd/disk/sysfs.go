// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// attributeBytesMax is a page, more than which sysfs never gives.
const attributeBytesMax = 4096

// dir is a directory of sysfs.
type dir string

func (h Host) sys(parts ...string) dir {
	return dir(filepath.Join(append([]string{h.Sys}, parts...)...))
}

// text returns an attribute without the white space around it; one that is not there, or cannot be read, is empty.
func (d dir) text(name string) string {
	f, err := os.Open(filepath.Join(string(d), name))
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, attributeBytesMax))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// number returns an attribute as a number, zero if it is none.
func (d dir) number(name string) uint64 {
	n, err := strconv.ParseUint(d.text(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// first returns the first of the attributes that is not empty.
func (d dir) first(names ...string) string {
	for _, n := range names {
		if s := d.text(n); s != "" {
			return s
		}
	}
	return ""
}

// names lists a directory; one that is not there is empty.
func (d dir) names(sub string) []string {
	entries, err := os.ReadDir(filepath.Join(string(d), sub))
	if err != nil {
		return nil
	}
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = e.Name()
	}
	return list
}
