// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrPlace says that a directory lies on a Plexus volume.
var ErrPlace = errors.New("it lies on a Plexus volume")

// stackMax is how many layers of devices are looked through.
const stackMax = 16

// CheckPlace refuses a directory on a Plexus volume, whatever is stacked between. The daemon suspends volumes: its own
// state on one of them would be a deadlock.
func CheckPlace(dir string) error {
	var stat unix.Stat_t
	if err := unix.Stat(dir, &stat); err != nil {
		return fmt.Errorf("check the place of %s: %w", dir, err)
	}
	number := device(unix.Major(stat.Dev), unix.Minor(stat.Dev))
	if unix.Major(stat.Dev) == 0 { // btrfs and others show a number of their own: ask what was mounted
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			return fmt.Errorf("check the place of %s: %w", dir, err)
		}
		source := mountSource(mounts, number)
		if source == "" || unix.Stat(source, &stat) != nil || stat.Mode&unix.S_IFMT != unix.S_IFBLK {
			return nil // memory, network: no block device of this machine
		}
		number = device(unix.Major(stat.Rdev), unix.Minor(stat.Rdev))
	}
	volume, err := plexusBelow(os.DirFS("/sys"), "dev/block/"+number, stackMax)
	if err != nil {
		return fmt.Errorf("check the place of %s: %w", dir, err)
	}
	if volume != "" {
		return fmt.Errorf("keep state in %s: %w (%s); put it on a local disk", dir, ErrPlace, volume)
	}
	return nil
}

func device(major, minor uint32) string { return fmt.Sprintf("%d:%d", major, minor) }

// plexusBelow returns the dm uuid of a Plexus volume among a device, given by its place in sysfs, and what lies below.
func plexusBelow(sys fs.FS, place string, layers int) (string, error) {
	uuid, err := fs.ReadFile(sys, path.Join(place, "dm/uuid"))
	if err == nil && strings.HasPrefix(string(uuid), "PLEXUS-") {
		return strings.TrimSpace(string(uuid)), nil
	}
	below, err := fs.ReadDir(sys, path.Join(place, "slaves"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // a partition, or a device that is gone
	}
	if err != nil {
		return "", err
	}
	if layers == 0 && len(below) > 0 {
		return "", fmt.Errorf("more than %d devices lie on top of each other", stackMax)
	}
	for _, d := range below {
		found, err := plexusBelow(sys, path.Join(place, "slaves", d.Name()), layers-1)
		if found != "" || err != nil {
			return found, err
		}
	}
	return "", nil
}

// mountSource returns what is mounted under a device number, from the text of /proc/self/mountinfo (proc(5)).
func mountSource(mountinfo []byte, number string) string {
	lines := bufio.NewScanner(bytes.NewReader(mountinfo))
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields, tail := strings.Fields(before), strings.Fields(after)
		if ok && len(fields) > 2 && fields[2] == number && len(tail) > 1 {
			return unescape(tail[1])
		}
	}
	return ""
}

// unescape undoes the octal escapes of mountinfo, such as \040 for a blank.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
