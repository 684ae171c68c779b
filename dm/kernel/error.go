// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// Error is an operation that the driver refused. Unwrap gives the errno. A device that is not there matches
// [fs.ErrNotExist]; the driver says ENXIO for it.
type Error struct {
	Op    string // as in "load table"
	Name  string // empty for operations on the driver
	UUID  string // where the operation was given one
	Errno unix.Errno
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Name != "" {
		b.WriteString(" " + e.Name)
	}
	if e.UUID != "" {
		b.WriteString(" (uuid " + e.UUID + ")")
	}
	b.WriteString(": ")
	if hint := hints[e.Errno]; hint != "" && e.Name != "" {
		b.WriteString(hint)
	} else {
		b.WriteString(e.Errno.Error())
	}
	return b.String()
}

// hints say in words what an errno means to device-mapper.
var hints = map[unix.Errno]string{
	unix.ENXIO:  "no such device",
	unix.EINVAL: "refused by the kernel as invalid; the kernel log (dmesg) says why",
	unix.EPERM:  "operation not permitted; device-mapper needs root",
	unix.EACCES: "permission denied; device-mapper needs root",
}

func (e *Error) Unwrap() error { return e.Errno }

// Is makes ENXIO match fs.ErrNotExist, which the errno alone does not.
func (e *Error) Is(target error) bool { return target == fs.ErrNotExist && e.Errno == unix.ENXIO }
