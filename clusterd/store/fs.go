// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FS is what the store needs of a file system. What was written to a File is safe from a crash once its Sync has
// returned; a name that Create, Rename or Remove changed, once SyncDir of its directory has. Disk is the real one,
// storetest has one in memory that crashes.
type FS interface {
	// Create makes the file, or empties it, for writing.
	Create(name string, perm fs.FileMode) (File, error)
	// Append opens an existing file of size bytes for writing at its end, and cuts off what is beyond size.
	Append(name string, size int64) (File, error)
	ReadFile(name string) ([]byte, error)
	Rename(from, to string) error
	Remove(name string) error
	SyncDir(dir string) error
}

// File is a file open for writing at its end.
type File interface {
	io.Writer
	Sync() error
	Close() error
}

// Disk is the operating system's file system.
var Disk FS = disk{}

type disk struct{}

func (disk) Create(name string, perm fs.FileMode) (File, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, perm)
}

func (disk) Append(name string, size int64) (File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(size); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.Seek(size, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (disk) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }
func (disk) Rename(from, to string) error         { return os.Rename(from, to) }
func (disk) Remove(name string) error             { return os.Remove(name) }

func (disk) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// tempSuffix marks a file that was not finished; it is overwritten by the next attempt.
const tempSuffix = ".new"

// WriteFile replaces the file whole: after a crash at any moment it holds the old data or the new.
func WriteFile(fsys FS, name string, data []byte, perm fs.FileMode) error {
	return replace(fsys, name, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// replace puts what fill writes in the place of the file: temporary file, fsync, rename, fsync of the directory.
func replace(fsys FS, name string, perm fs.FileMode, fill func(io.Writer) error) error {
	temp := name + tempSuffix
	f, err := fsys.Create(temp, perm)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Join(err, fsys.Remove(temp)))
	}
	if err := fsys.Rename(temp, name); err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Join(err, fsys.Remove(temp)))
	}
	if err := fsys.SyncDir(filepath.Dir(name)); err != nil {
		return fmt.Errorf("write %s: sync its directory: %w", name, err)
	}
	return nil
}

// RemoveFile removes the file, if it is there, for good.
func RemoveFile(fsys FS, name string) error {
	err := fsys.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fsys.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}
