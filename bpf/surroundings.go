// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	kernelBTF    = "/sys/kernel/btf/vmlinux"
	mountinfo    = "/proc/self/mountinfo"
	cgroupRootID = 1 // inode of the root of every cgroup v2 hierarchy
)

// checkBTF says whether the kernel describes its own types, without which no program finds its way in it.
func checkBTF() error {
	if _, err := os.Stat(kernelBTF); err != nil {
		return fmt.Errorf("read kernel types from %s: %w: use a kernel built with CONFIG_DEBUG_INFO_BTF, as the distributions' are", kernelBTF, unsupportedIfMissing(err))
	}
	return nil
}

// checkBPFFS says whether dir can hold pins.
func checkBPFFS(dir string) error {
	var s unix.Statfs_t
	parent := filepath.Dir(dir)
	if err := unix.Statfs(parent, &s); err != nil {
		return fmt.Errorf("look at %s: %w: is sysfs mounted?", parent, err)
	}
	if s.Type != unix.BPF_FS_MAGIC {
		return fmt.Errorf("%s is not a bpf filesystem, so the gate could not outlive its daemons: mount -t bpf bpf %s", parent, parent)
	}
	return nil
}

// cgroupRoot returns where the root of the cgroup v2 hierarchy is mounted.
func cgroupRoot() (string, error) {
	f, err := os.Open(mountinfo)
	if err != nil {
		return "", fmt.Errorf("find cgroup v2: %w", err)
	}
	defer f.Close()
	for _, dir := range cgroup2Mounts(f) {
		var s unix.Stat_t
		if unix.Stat(dir, &s) == nil && s.Ino == cgroupRootID {
			return dir, nil
		}
	}
	return "", errors.New("no root of cgroup v2 is mounted here, so the packets of all processes cannot be seen: " +
		"mount -t cgroup2 cgroup2 /sys/fs/cgroup; in a container, run on the host")
}

// cgroup2Mounts returns the mount points of type cgroup2 in the text of a mountinfo file, proc(5).
func cgroup2Mounts(r io.Reader) []string {
	var dirs []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		mount, rest, found := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(mount)
		if found && len(fields) >= 5 && strings.HasPrefix(rest, "cgroup2 ") {
			dirs = append(dirs, unescape.Replace(fields[4]))
		}
	}
	return dirs
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// unsupportedIfMissing turns "it is not there" into ErrNotSupported.
func unsupportedIfMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrNotSupported, err)
	}
	return err
}

// unsupportedIf turns one of those answers into ErrNotSupported.
func unsupportedIf(errno unix.Errno, answers ...unix.Errno) error {
	if slices.Contains(answers, errno) {
		return fmt.Errorf("%w: %w", ErrNotSupported, errno)
	}
	return errno
}

// rootHint is the next step of somebody who may not.
func rootHint(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return ": run as root"
	}
	return ""
}
