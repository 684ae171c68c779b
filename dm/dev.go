// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"fmt"
	"strconv"
	"strings"
)

// DevNum is the number of a block device. The zero value is no device.
type DevNum struct {
	Major, Minor uint32
}

const (
	majorMax = 1<<12 - 1 // the kernel's dev_t: 12 bits of major, 20 of minor
	minorMax = 1<<20 - 1
)

// String prints it as tables do: 254:0.
func (d DevNum) String() string { return fmt.Sprintf("%d:%d", d.Major, d.Minor) }

// ParseDevNum reads MAJOR:MINOR.
func ParseDevNum(s string) (DevNum, error) {
	major, minor, ok := strings.Cut(s, ":")
	if !ok {
		return DevNum{}, fmt.Errorf("device number %q: want MAJOR:MINOR", s)
	}
	maj, err := strconv.ParseUint(major, 10, 32)
	if err != nil || maj > majorMax {
		return DevNum{}, fmt.Errorf("device number %q: major is not a number up to %d", s, majorMax)
	}
	mnr, err := strconv.ParseUint(minor, 10, 32)
	if err != nil || mnr > minorMax {
		return DevNum{}, fmt.Errorf("device number %q: minor is not a number up to %d", s, minorMax)
	}
	return DevNum{Major: uint32(maj), Minor: uint32(mnr)}, nil
}

// mapperDir is where device-mapper devices appear by name.
const mapperDir = "/dev/mapper/"

// Ref says which device a target stands on: by number, or by path. A path under /dev/mapper is a reference by dm name:
// [Run] turns it into a number before the table is loaded, so a table can refer to a device that is yet to be created.
// The kernel itself only ever prints numbers.
type Ref struct {
	Num  DevNum // used when Path is empty
	Path string
}

// At refers to a device by its number.
func At(major, minor uint32) Ref { return Ref{Num: DevNum{Major: major, Minor: minor}} }

// Named refers to a device-mapper device by its name.
func Named(name string) Ref { return Ref{Path: mapperDir + name} }

// Name is the dm name that r refers to, if it refers by name.
func (r Ref) Name() (string, bool) { return strings.CutPrefix(r.Path, mapperDir) }

// String prints the reference as it stands in a table.
func (r Ref) String() string {
	if r.Path != "" {
		return r.Path
	}
	return r.Num.String()
}

// ParseRef reads a device number or an absolute path.
func ParseRef(s string) (Ref, error) {
	if strings.HasPrefix(s, "/") {
		return Ref{Path: s}, nil
	}
	num, err := ParseDevNum(s)
	return Ref{Num: num}, err
}
