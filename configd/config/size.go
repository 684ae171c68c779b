// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Sectors is a length or a place on a disk in sectors of 512 bytes, whatever the disk's own block size.
type Sectors uint64

const (
	sectorBytes = 512

	// Extent is what space is allocated in: 1 MiB.
	Extent Sectors = 2048

	// sectorsMax bounds every offset and length, so that sums of two never overflow and JSON readers that hold numbers
	// as floats lose nothing: 1 EiB.
	sectorsMax Sectors = 1 << 51
)

// sizeUnits, the largest first. Both cases of a letter mean powers of 1024 on input.
var sizeUnits = []struct {
	letter byte
	factor Sectors
}{
	{'p', 1 << 41}, {'t', 1 << 31}, {'g', 1 << 21}, {'m', 1 << 11}, {'k', 1 << 1}, {'s', 1},
}

// Bytes returns the length in bytes.
func (n Sectors) Bytes() uint64 { return uint64(n) * sectorBytes }

// String prints n exactly, in the largest unit that divides it: 10g, 1536m, 5s. ParseSectors reads it back.
func (n Sectors) String() string {
	for _, u := range sizeUnits {
		if n >= u.factor && n%u.factor == 0 {
			return strconv.FormatUint(uint64(n/u.factor), 10) + string(u.letter)
		}
	}
	return "0s"
}

// ParseSectors reads a length: digits, perhaps a point and up to three more digits, and a unit. The units are s
// (sectors), k, m, g, t, p (powers of 1024 bytes, in either case). A number without unit is refused: programs of this
// field disagree on what it means. What is not a whole number of sectors is rounded up.
func ParseSectors(s string) (Sectors, error) {
	if s == "" {
		return 0, fmt.Errorf("size is missing: give for example 10g, 512m or 50%%FREE")
	}
	factor := Sectors(0)
	for _, u := range sizeUnits {
		if s[len(s)-1]|0x20 == u.letter {
			factor = u.factor
		}
	}
	if factor == 0 {
		return 0, fmt.Errorf("size %.40q has no unit: add s (sectors), k, m, g, t or p", s)
	}
	whole, fraction, point := strings.Cut(s[:len(s)-1], ".")
	if !digits(whole) || point && (!digits(fraction) || len(fraction) > 3) {
		return 0, fmt.Errorf("size %.40q is not a number and a unit: give for example 10g, 1.5t or 512m", s)
	}
	thousandths, err := strconv.ParseUint(whole+(fraction + "000")[:3], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("size %.40q is larger than %v", s, sectorsMax)
	}
	hi, lo := bits.Mul64(thousandths, uint64(factor))
	if hi != 0 || lo > uint64(sectorsMax)*1000 {
		return 0, fmt.Errorf("size %.40q is larger than %v", s, sectorsMax)
	}
	if lo%1000 != 0 && factor == 1 {
		return 0, fmt.Errorf("size %.40q is not a whole number of sectors", s)
	}
	return Sectors((lo + 999) / 1000), nil
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// Size is a size as a person asks for it: an amount, or a share of the space that is free for the layout, to be
// had (no sign), added (+) or taken away (-).
type Size struct {
	Sign    byte    // 0, '+' or '-'
	Amount  Sectors // if Percent is zero
	Percent uint    // of what is free, 1 to 100
}

const percentSuffix = "%FREE"

// ParseSize reads `10g`, `+512m`, `-1t`, `50%FREE`, `+100%FREE`.
func ParseSize(s string) (Size, error) {
	var z Size
	rest := s
	if s != "" && (s[0] == '+' || s[0] == '-') {
		z.Sign, rest = s[0], s[1:]
	}
	if n := len(rest) - len(percentSuffix); n >= 0 && strings.EqualFold(rest[n:], percentSuffix) {
		percent, err := strconv.ParseUint(rest[:n], 10, 8)
		if err != nil || percent < 1 || percent > 100 {
			return Size{}, fmt.Errorf("size %.40q: give 1 to 100 before %s", s, percentSuffix)
		}
		z.Percent = uint(percent)
	} else {
		amount, err := ParseSectors(rest)
		if err != nil {
			return Size{}, err
		}
		z.Amount = amount
	}
	return z, z.check()
}

func (z Size) check() error {
	switch {
	case z.Sign != 0 && z.Sign != '+' && z.Sign != '-':
		return fmt.Errorf("size has the sign %q: use + or -", z.Sign)
	case z.Percent > 100 || z.Percent != 0 && z.Amount != 0:
		return fmt.Errorf("size is %d%% and %v at once", z.Percent, z.Amount)
	case z.Percent == 0 && z.Amount == 0:
		return fmt.Errorf("size is zero: give for example 10g")
	case z.Amount > sectorsMax:
		return fmt.Errorf("size %v is larger than %v", z.Amount, sectorsMax)
	case z.Percent != 0 && z.Sign == '-':
		return fmt.Errorf("size %v: a volume is not made smaller by a share of the free space; give the amount", z)
	}
	return nil
}

func (z Size) String() string {
	sign := ""
	if z.Sign != 0 {
		sign = string(z.Sign)
	}
	if z.Percent != 0 {
		return sign + strconv.FormatUint(uint64(z.Percent), 10) + percentSuffix
	}
	return sign + z.Amount.String()
}

// MarshalText gives the text of String, for JSON.
func (z Size) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

// UnmarshalText reads what ParseSize reads.
func (z *Size) UnmarshalText(b []byte) (err error) {
	*z, err = ParseSize(string(b))
	return err
}

// roundUp returns the smallest multiple of step that is not below n.
func roundUp(n, step Sectors) Sectors {
	if n > math.MaxUint64-step {
		panic(fmt.Sprintf("BUG: round %d up to %d", n, step))
	}
	return (n + step - 1) / step * step
}
