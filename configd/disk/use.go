// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Use is what stands on a disk.
type Use struct {
	Partitions []string // kernel names
	Busy       []string // in words: mounts, holders, swap; whatever uses the disk or a partition of it now
}

// Use looks at sysfs, the mounts and the swap areas. It opens nothing.
func (h Host) Use(d Disk) (Use, error) {
	var u Use
	parts := map[string]string{fmt.Sprintf("%d:%d", d.Major, d.Minor): d.Name} // device number -> name
	s := h.sys("block", d.Name)
	for _, name := range s.names(".") {
		if p := dir(filepath.Join(string(s), name)); p.text("partition") != "" {
			u.Partitions = append(u.Partitions, name)
			parts[p.text("dev")] = name
		}
	}
	for _, name := range append([]string{"."}, u.Partitions...) {
		for _, holder := range s.names(filepath.Join(name, "holders")) {
			u.Busy = append(u.Busy, fmt.Sprintf("%s is held by %s", filepath.Base(filepath.Join(d.Name, name)), h.holder(holder)))
		}
	}
	mounts, err := h.mounts(parts)
	if err != nil {
		return Use{}, &Error{"look at the use of", d.Name, err}
	}
	u.Busy = append(u.Busy, mounts...)
	return u, nil
}

// holder names a device that stands on another: dm devices have a name of their own.
func (h Host) holder(name string) string {
	if dm := h.sys("block", name).text("dm/name"); dm != "" {
		return fmt.Sprintf("%s (%s)", name, dm)
	}
	return name
}

// mounts lists the mounts and swap areas on the devices.
func (h Host) mounts(parts map[string]string) ([]string, error) {
	var busy []string
	err := h.lines("self/mountinfo", func(line string) {
		f := strings.Fields(line) // id, parent, major:minor, root, mount point, ...
		if len(f) >= 5 && parts[f[2]] != "" {
			busy = append(busy, fmt.Sprintf("%s is mounted on %s", parts[f[2]], f[4]))
		}
	})
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, name := range parts {
		names[name] = true
	}
	return busy, h.lines("swaps", func(line string) {
		path, _, _ := strings.Cut(line, " ")
		if name := filepath.Base(path); filepath.Dir(path) == h.Dev && names[name] {
			busy = append(busy, name+" is a swap area")
		}
	})
}

func (h Host) lines(name string, each func(line string)) error {
	f, err := os.Open(filepath.Join(h.Proc, name))
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		each(s.Text())
	}
	return s.Err()
}
