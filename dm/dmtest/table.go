// SPDX-License-Identifier: Apache-2.0

package dmtest

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/dm"
)

func newLoaded(t dm.Table, readOnly bool) *loaded {
	l := &loaded{table: slices.Clone(t), readOnly: readOnly}
	for _, r := range t.Refs() {
		if !slices.Contains(l.devs, r.Num) {
			l.devs = append(l.devs, r.Num)
		}
	}
	slices.Reverse(l.devs)
	return l
}

// standsOn reports whether one of the device's tables has dev open.
func (d *device) standsOn(dev dm.DevNum) bool {
	return d.live != nil && slices.Contains(d.live.devs, dev) ||
		d.inactive != nil && slices.Contains(d.inactive.devs, dev)
}

// users counts the devices that stand on d. A device opens another once, whatever its tables say.
func (k *Kernel) users(d *device) int {
	n := 0
	for _, other := range k.devices {
		if other.standsOn(d.dev) {
			n++
		}
	}
	return n
}

// size is the size of a disk or a device, and whether there is one.
func (k *Kernel) size(dev dm.DevNum) (dm.Sectors, bool) {
	if n, ok := k.disks[dev]; ok {
		return n, true
	}
	d := k.numbers[dev]
	if d == nil || d.live == nil {
		return 0, d != nil
	}
	return d.live.table.Length(), true
}

// check says what the driver has against a table: targets and devices always, sizes only where it looks at them, which is
// for a device's first table and at every resume. A device without a live table has no size to hold against it.
func (k *Kernel) check(d *device, t dm.Table, sizes bool) unix.Errno {
	if t.Validate() != nil {
		return unix.EINVAL
	}
	for _, r := range t.Refs() {
		if _, ok := k.size(r.Num); r.Path != "" || !ok {
			return unix.ENXIO
		}
		if r.Num == d.dev || sizes && k.reaches(r.Num, d.dev) {
			return unix.ELOOP
		}
	}
	if !sizes {
		return 0
	}
	for _, s := range t {
		for _, a := range areas(s) {
			if n, _ := k.size(a.dev); n > 0 && (a.start > n || a.length > n-a.start) {
				return unix.EINVAL
			}
		}
	}
	return 0
}

// reaches reports whether I/O to from gets, through however many others, to dev. The real driver does not look: I/O
// would go round until the stack overflows.
func (k *Kernel) reaches(from, dev dm.DevNum) bool {
	d := k.numbers[from]
	return from == dev || d != nil && d.live != nil &&
		slices.ContainsFunc(d.live.devs, func(n dm.DevNum) bool { return k.reaches(n, dev) })
}

// area is a range of a device that a segment uses.
type area struct {
	dev           dm.DevNum
	start, length dm.Sectors
}

func areas(s dm.Segment) []area {
	switch t := s.Target.(type) {
	case dm.Linear:
		return []area{{t.Dev.Num, t.Start, s.Length}}
	case dm.Striped:
		out := make([]area, len(t.Columns))
		for i, c := range t.Columns {
			out[i] = area{c.Dev.Num, c.Start, s.Length / dm.Sectors(len(t.Columns))}
		}
		return out
	}
	return nil
}

func stripedStatus(s dm.Striped) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", len(s.Columns))
	for _, c := range s.Columns {
		fmt.Fprintf(&b, " %s", c.Dev.Num)
	}
	return b.String() + " 1 " + strings.Repeat("A", len(s.Columns))
}
