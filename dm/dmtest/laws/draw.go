// SPDX-License-Identifier: Apache-2.0

package laws

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/plexus-cvm/plexus/dm"
)

// Prefix begins the name of every device that a law makes: safe to delete.
const Prefix = "plexus-delete-me-"

// chunk is what all lengths and starts are multiples of: whole pages, so that any disk's block size fits.
const chunk dm.Sectors = 8

// Bed is a kernel to try and the disks that may be used on it.
type Bed struct {
	Kernel dm.Kernel
	Disks  []dm.DevNum
	Size   dm.Sectors // of each disk; at least 1024
}

// draw makes a set of devices that a kernel accepts: stacks up to three high, names and uuids from small pools so that
// two draws have devices in common, renamed, replaced or with their names exchanged.
func (b Bed) draw(t *rapid.T, label string) []dm.Device {
	names := rapid.Permutation([]string{"a", "b", "c", "d", "e"}).Draw(t, label+" names")
	n := rapid.IntRange(0, len(names)).Draw(t, label+" count")
	var out []dm.Device
	height := map[string]int{}
	for i := range n {
		d := dm.Device{Name: Prefix + names[i]}
		if id := rapid.IntRange(0, 5).Draw(t, "uuid"); id > 0 {
			d.UUID = fmt.Sprintf("PLEXUSTEST-%d", i)
		}
		lower := b.lower(out, height)
		for range rapid.IntRange(1, 3).Draw(t, "segments") {
			seg, on := b.segment(t, lower)
			d.Table = append(d.Table, seg)
			for _, name := range on {
				height[d.Name] = max(height[d.Name], height[name]+1)
			}
		}
		d.ReadOnly = rapid.IntRange(0, 4).Draw(t, "mode") == 0
		out = append(out, d)
	}
	return out
}

// place is a disk or device to stand on.
type place struct {
	ref  dm.Ref
	name string
	size dm.Sectors
}

func (b Bed) lower(devices []dm.Device, height map[string]int) []place {
	var out []place
	for _, num := range b.Disks {
		out = append(out, place{ref: dm.Ref{Num: num}, size: b.Size})
	}
	for _, d := range devices {
		if height[d.Name] < 2 && !d.ReadOnly { // a writable table cannot stand on a read-only device
			out = append(out, place{ref: dm.Named(d.Name), name: d.Name, size: d.Table.Length()})
		}
	}
	return out
}

func (b Bed) segment(t *rapid.T, lower []place) (dm.Segment, []string) {
	pick := func() (dm.Linear, dm.Sectors, string) {
		p := rapid.SampledFrom(lower).Draw(t, "lower")
		start := chunk * rapid.SampledFrom([]dm.Sectors{0, 0, 1, 3}).Draw(t, "start")
		start = min(start, p.size-chunk)
		return dm.Linear{Dev: p.ref, Start: start}, min(p.size-start, 64*chunk), p.name
	}
	switch rapid.IntRange(0, 5).Draw(t, "target") {
	case 0:
		return dm.Segment{Length: chunk * rapid.SampledFrom([]dm.Sectors{1, 4}).Draw(t, "length"), Target: dm.Error{}}, nil
	case 1, 2:
		a, roomA, nameA := pick()
		c, roomC, nameC := pick()
		length := 2 * upTo(t, min(roomA, roomC))
		return dm.Segment{Length: length, Target: dm.Striped{Chunk: chunk, Columns: []dm.Linear{a, c}}}, []string{nameA, nameC}
	}
	a, room, name := pick()
	return dm.Segment{Length: upTo(t, room), Target: a}, []string{name}
}

func upTo(t *rapid.T, room dm.Sectors) dm.Sectors {
	return min(room, chunk*rapid.SampledFrom([]dm.Sectors{1, 2, 8, 64}).Draw(t, "length"))
}

// observe reads the law's own devices.
func (b Bed) observe(t fataler) []dm.State {
	t.Helper()
	states, err := dm.Observe(b.Kernel, func(i dm.Info) bool { return strings.HasPrefix(i.Name, Prefix) })
	if err != nil {
		t.Fatalf("observe: %v", err)
	}
	return states
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}
