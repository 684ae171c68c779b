// SPDX-License-Identifier: Apache-2.0

package label

import (
	"fmt"
	"maps"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"pgregory.net/rapid"
)

// medium is what is on a disk, sector by sector; what is not there is zero.
type medium map[uint64][sectorBytes]byte

// rack is the disks of a test, by label id, and the home record.
type rack struct {
	disks map[string]medium
	home  view.Home
}

func (r *rack) clone() *rack {
	c := &rack{map[string]medium{}, r.home}
	for id, m := range r.disks {
		c.disks[id] = maps.Clone(m)
	}
	return c
}

// sectors takes a write apart.
func sectors(w Write) map[uint64][sectorBytes]byte {
	parts := map[uint64][sectorBytes]byte{}
	for i := 0; i < len(w.Bytes); i += sectorBytes {
		parts[(w.Offset+uint64(i))/sectorBytes] = [sectorBytes]byte(w.Bytes[i : i+sectorBytes])
	}
	return parts
}

func (r *rack) write(w Write) { maps.Copy(r.disks[w.Disk], sectors(w)) }

func (m medium) read(offset uint64, n int) ([]byte, error) {
	if offset%BlockBytes != 0 || n%BlockBytes != 0 {
		return nil, fmt.Errorf("read of %d bytes at %d is not aligned", n, offset)
	}
	b := make([]byte, n)
	for i := 0; i < n; i += sectorBytes {
		s := m[(offset+uint64(i))/sectorBytes]
		copy(b[i:], s[:])
	}
	return b, nil
}

// scan reads the labels of the disks that may be seen.
func (r *rack) scan(t rapid.TB, may func(disk string) bool) []Copy {
	var list []Copy
	for id, m := range r.disks {
		if !may(id) {
			continue
		}
		c, err := Read(m.read)
		if err != nil {
			t.Fatalf("disk %s: %v", id, err)
		}
		list = append(list, c)
	}
	return list
}

func all(string) bool { return true }

func id(n int) string { return fmt.Sprintf("%032x", n) }

const diskBytes = 64 * mib

// initRack returns disks that are in no group.
func initRack(t rapid.TB, disks int) *rack {
	g, err := GeometryFor(diskBytes)
	if err != nil {
		t.Fatal(err)
	}
	r := &rack{disks: map[string]medium{}}
	for i := range disks {
		r.disks[id(i+1)] = medium{}
		for _, w := range Init(id(i+1), g) {
			r.write(w)
		}
	}
	return r
}

// groupDisks are disks of the rack as a change names them.
func groupDisks(first, n int) []config.Disk {
	g, _ := GeometryFor(diskBytes)
	offset, length := g.Public()
	var list []config.Disk
	for i := range n {
		list = append(list, config.Disk{ID: id(first + i), Offset: offset, Length: length})
	}
	return list
}

// step is one effect of a transaction: a write, or a new home record.
type step struct {
	write *Write
	home  *view.Home
}

// transact returns the steps that bring next onto the labels, in order, each with what stands when it is done.
func transact(t rapid.TB, r *rack, base, next config.Group, parent string, ballot view.Ballot) []step {
	text := config.Encode(next)
	slot := SlotOf(next, text, parent, ballot)
	after := r.clone()
	var steps []step
	do := func(w Write) {
		after.write(w)
		steps = append(steps, step{write: &w})
	}
	old, set := SetOf(base), SetOf(next)
	for _, d := range set {
		w, err := Fill(after.label(t, d).Header, slot)
		if err != nil {
			t.Fatal(err)
		}
		do(w)
	}
	first, second := Phases(old, set)
	for i, phase := range [][]string{first, second} {
		for _, d := range phase {
			h, err := after.label(t, d).Point(next, slot.Hash, parent, ballot)
			if err != nil {
				t.Fatal(err)
			}
			do(PutHeader(h))
		}
		if i == 0 && (old.HomeVotes() || set.HomeVotes()) {
			steps = append(steps, step{home: &view.Home{GroupID: next.ID, Version: next.Version, Hash: slot.Hash, Ballot: ballot}})
		}
	}
	return steps
}

func (r *rack) label(t rapid.TB, disk string) Copy {
	c, err := Read(r.disks[disk].read)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *rack) apply(s step) {
	if s.home != nil {
		r.home = *s.home
		return
	}
	r.write(*s.write)
}
