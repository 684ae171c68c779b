// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
)

const (
	nameBytesMax = 31
	// suffixBytesMax is how much longer the name of a plex or subdisk may be than that of its volume or disk.
	suffixBytesMax = len("-65536")
	idDigits       = 32
)

// CheckName refuses what may not be the name of a group, disk or volume.
func CheckName(name string) error { return checkName(name, nameBytesMax) }

func checkName(name string, bytesMax int) error {
	switch {
	case name == "":
		return fmt.Errorf("a name is missing: give 1 to %d of A-Z a-z 0-9 _ . -", bytesMax)
	case len(name) > bytesMax:
		return fmt.Errorf("name %.40q has %d bytes, the limit is %d", name, len(name), bytesMax)
	case name[0] == '.' || name[0] == '-':
		return fmt.Errorf("name %q begins with %q: begin with a letter, a digit or _", name, name[0])
	}
	for i := range len(name) {
		if !nameByte(name[i]) {
			return fmt.Errorf("name %q contains %q: use A-Z a-z 0-9 _ . - alone", name, name[i])
		}
	}
	return nil
}

func nameByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		return true
	}
	return false
}

// CheckID refuses what is not 32 lower-case hexadecimal digits.
func CheckID(id string) error {
	if len(id) != idDigits || strings.Trim(id, "0123456789abcdef") != "" {
		return fmt.Errorf("id %.40q is not %d lower-case hexadecimal digits", id, idDigits)
	}
	return nil
}

func checkWWID(wwid string) error {
	if len(wwid) > wwidBytes {
		return fmt.Errorf("wwid %.40q... has %d bytes, the limit is %d", wwid, len(wwid), wwidBytes)
	}
	for i := range len(wwid) {
		if wwid[i] < ' ' || wwid[i] > '~' {
			return fmt.Errorf("wwid %q contains byte %#02x, which does not print", wwid, wwid[i])
		}
	}
	return nil
}
