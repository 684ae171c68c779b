// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"fmt"
	"syscall"
)

// Why a disk is refused.
var (
	ErrNoDisk   = errors.New("no such disk")
	ErrGone     = errors.New("disk is gone")
	ErrReadOnly = errors.New("disk is read-only")
	ErrInUse    = errors.New("disk is in use")
	ErrForeign  = errors.New("disk holds data of somebody else")
	ErrOurs     = errors.New("disk has a label already")
	ErrTwin     = errors.New("disk is seen under several names")
	ErrUnknown  = errors.New("cannot tell what is on the disk")
)

// Error is what went wrong with a disk.
type Error struct {
	Op   string // open, read label, write label, initialise, ...
	Disk string // kernel name
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s disk %s: %v", e.Op, e.Disk, e.Err) }

// Unwrap returns what the kernel or a check said.
func (e *Error) Unwrap() error { return e.Err }

// wrap gives an error its operation and disk, and a name to errno values that have a meaning here.
func wrap(op, disk string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENOMEDIUM):
		err = fmt.Errorf("%w: %w: look at `plexus disk list`", ErrGone, err)
	case errors.Is(err, syscall.EROFS):
		err = fmt.Errorf("%w: %w", ErrReadOnly, err)
	case errors.Is(err, syscall.EBUSY):
		err = fmt.Errorf("%w: something has it open for itself alone (%w)", ErrInUse, err)
	}
	return &Error{Op: op, Disk: disk, Err: err}
}
