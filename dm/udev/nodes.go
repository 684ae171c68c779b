// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/dm"
)

// nodes are the device nodes in a directory, one for each device, named as it is.
type nodes struct{ dir string }

const nodeMode = 0o600

// make makes a node, in place of one for another device or of a link. Anything else in its place stays and is an error:
// it may be a file that somebody wrote to, thinking it a device.
func (n nodes) make(name string, dev dm.DevNum) error {
	path := filepath.Join(n.dir, name)
	number := unix.Mkdev(dev.Major, dev.Minor)
	there, err := nodeAt(path)
	if err == nil && there == number {
		return nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make a node for %s: %w", name, err)
	}
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mknod(path, unix.S_IFBLK|nodeMode, int(number)); err != nil {
		return fmt.Errorf("make node %s: %w", path, err)
	}
	return nil
}

// remove removes a node or a link; that there is none is no error.
func (n nodes) remove(name string) error {
	path := filepath.Join(n.dir, name)
	_, err := nodeAt(path)
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the node of %s: %w", name, err)
	}
	return nil
}

// nodeAt is the device number of the node at path, zero for a symbolic link.
func nodeAt(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return 0, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
		return uint64(st.Rdev), nil
	case unix.S_IFLNK:
		return 0, nil
	}
	return 0, fmt.Errorf("%s is neither a block device nor a link: remove it", path)
}
