// SPDX-License-Identifier: Apache-2.0

// Package holder finds out who has a block device open: processes with a descriptor on it, mounts, and devices that
// stand on it. It reads /proc and /sys and opens nothing. What it misses (a holder inside the kernel without a name, or
// one that came a moment later) is no harm: it is for telling a person whom to ask, never for deciding.
package holder

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Holder is somebody who has a device open.
type Holder struct {
	PID  int    // zero: no process
	Name string // command, mount point, or device
}

func (h Holder) String() string {
	if h.PID != 0 {
		return fmt.Sprintf("%s (pid %d)", h.Name, h.PID)
	}
	return h.Name
}

// holdersMax bounds the answer: a person does not read more.
const holdersMax = 32

// Host is where it looks; System is this one.
type Host struct{ Proc, Sys string }

// System is the host that this program runs on.
var System = Host{"/proc", "/sys"}

// Of returns who has the block device of that number open: mounts and devices first, then processes by id.
func (h Host) Of(major, minor uint32) []Holder {
	list := h.mounts(major, minor)
	dir := filepath.Join(h.Sys, "dev", "block", fmt.Sprintf("%d:%d", major, minor), "holders")
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		name := e.Name()
		if dm, err := os.ReadFile(filepath.Join(h.Sys, "block", name, "dm", "name")); err == nil {
			name = strings.TrimSpace(string(dm))
		}
		list = append(list, Holder{Name: "device " + name})
	}
	list = append(list, h.processes(unix.Mkdev(major, minor))...)
	return list[:min(len(list), holdersMax)]
}

func (h Host) mounts(major, minor uint32) []Holder {
	f, err := os.Open(filepath.Join(h.Proc, "self", "mountinfo"))
	if err != nil {
		return nil
	}
	defer f.Close()
	var list []Holder
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text()) // id, parent, major:minor, root, mount point, ...
		if len(fields) > 4 && fields[2] == fmt.Sprintf("%d:%d", major, minor) {
			list = append(list, Holder{Name: "mounted on " + fields[4]})
		}
	}
	return list
}

func (h Host) processes(dev uint64) []Holder {
	entries, _ := os.ReadDir(h.Proc)
	var list []Holder
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || !h.hasOpen(e.Name(), dev) {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join(h.Proc, e.Name(), "comm"))
		list = append(list, Holder{pid, strings.TrimSpace(string(comm))})
	}
	slices.SortFunc(list, func(a, b Holder) int { return a.PID - b.PID })
	return list
}

// hasOpen reports whether the process has a descriptor on the device.
func (h Host) hasOpen(pid string, dev uint64) bool {
	dir := filepath.Join(h.Proc, pid, "fd")
	fds, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(fds, func(fd os.DirEntry) bool {
		var st unix.Stat_t
		err := unix.Stat(filepath.Join(dir, fd.Name()), &st) // what the link in /proc leads to, not its text
		return err == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK && st.Rdev == dev
	})
}
