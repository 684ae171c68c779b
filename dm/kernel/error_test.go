// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"
)

func TestErrorsNameTheObjectAndKeepTheErrno(t *testing.T) {
	for _, c := range []struct {
		err    *Error
		text   string
		absent bool
	}{
		{&Error{Op: "load table", Name: "g-v", Errno: unix.EINVAL}, "load table g-v: refused by the kernel as invalid; the kernel log (dmesg) says why", false},
		{&Error{Op: "remove", Name: "g-v", Errno: unix.EBUSY}, "remove g-v: device or resource busy", false},
		{&Error{Op: "create", Name: "g-v", UUID: "U", Errno: unix.EBUSY}, "create g-v (uuid U): device or resource busy", false},
		{&Error{Op: "read device", Name: "g-v", Errno: unix.ENXIO}, "read device g-v: no such device", true},
	} {
		if c.err.Error() != c.text || !errors.Is(c.err, c.err.Errno) || errors.Is(c.err, fs.ErrNotExist) != c.absent {
			t.Errorf("%v, not there: %t", c.err, errors.Is(c.err, fs.ErrNotExist))
		}
	}
}

func TestTheDriversMinorIsFound(t *testing.T) {
	if minor, ok := parseMisc("183 hw_random\n236 device-mapper\n 61 x y\n"); !ok || minor != 236 {
		t.Errorf("%d, %t", minor, ok)
	}
	if _, ok := parseMisc("183 hw_random\n"); ok {
		t.Error("found a driver that is not there")
	}
}
