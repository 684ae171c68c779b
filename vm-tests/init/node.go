// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	rootDir    = "/root"    // where the node's root is mounted before it becomes /
	overlayDir = "/overlay" // files that the harness wants over the root
	systemd    = "/lib/systemd/systemd"
)

// nodeDisks are found by the serial number that the harness gave them.
var nodeDisks = []struct {
	serial, at string
	flags      uintptr
}{
	{"root", rootDir, unix.MS_NOATIME},
	{"modules", rootDir + "/usr/lib/modules", unix.MS_RDONLY},
}

// enterNode makes the root disk the root and becomes systemd; it returns only with an error.
func enterNode() error {
	for _, disk := range nodeDisks {
		device, err := diskBySerial(disk.serial)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(disk.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(device, disk.at, "ext4", disk.flags, ""); err != nil {
			return fmt.Errorf("mount %s at %s: %w", device, disk.at, err)
		}
	}
	if err := layOver(rootDir); err != nil {
		return err
	}
	for _, at := range []string{"/dev", "/proc", "/sys"} {
		if err := unix.Mount(at, rootDir+at, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", at, err)
		}
	}
	if err := os.Chdir(rootDir); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}
	err := unix.Exec(systemd, []string{systemd}, []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=linux"})
	return fmt.Errorf("run %s: %w", systemd, err)
}

// diskBySerial returns the device node of a virtio disk.
func diskBySerial(serial string) (string, error) {
	names, err := filepath.Glob("/sys/block/vd*/serial")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err == nil && string(text) == serial {
			return "/dev/" + filepath.Base(filepath.Dir(name)), nil
		}
	}
	return "", fmt.Errorf("find disk %s: no virtio disk has that serial number", serial)
}

// layOver copies the harness's files over the root: links as links, files with their permission bits.
func layOver(root string) error {
	return filepath.WalkDir(overlayDir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(overlayDir, name)
		if err != nil {
			return err
		}
		target := filepath.Join(root, relative)
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case entry.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(name)
			if err != nil {
				return err
			}
			os.Remove(target) // a link cannot be written over
			return os.Symlink(to, target)
		}
		if err := copyFile(name, target); err != nil {
			return err
		}
		return os.Remove(name) // the memory is better used by the guest
	})
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	os.Remove(to) // it may be a link into somewhere else
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		target.Close()
		return err
	}
	return target.Close()
}
