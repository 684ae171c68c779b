// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// drawGroup makes a group of 1 to 6 disks of uneven size.
func drawGroup(t *rapid.T) Group {
	c := CreateGroup{Name: "dg", ID: testID(0)}
	for i := range rapid.IntRange(1, 6).Draw(t, "disks") {
		length := Sectors(rapid.IntRange(1, 60).Draw(t, "MiB")) * Extent
		c.Disks = append(c.Disks, Disk{ID: testID(i + 1), Offset: 9 * Extent, Length: length})
	}
	g, err := Edit(Group{}, c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// drawChange draws a change that may or may not be possible.
func drawChange(t *rapid.T, g Group, serial int) Change {
	size := Size{Amount: Sectors(rapid.IntRange(1, 80*int(Extent)).Draw(t, "size"))}
	if rapid.Bool().Draw(t, "share") {
		size = Size{Percent: uint(rapid.IntRange(1, 100).Draw(t, "percent"))}
	}
	var disks []string
	if rapid.Bool().Draw(t, "choose disks") {
		for _, d := range g.Disks {
			if rapid.Bool().Draw(t, d.Name) {
				disks = append(disks, d.Name)
			}
		}
	}
	name := fmt.Sprintf("v%d", rapid.IntRange(0, 5).Draw(t, "volume"))
	switch rapid.IntRange(0, 4).Draw(t, "change") {
	case 0:
		return CreateVolume{Name: name, ID: testID(1000 + serial), Layout: Concat, Size: size, Disks: disks}
	case 1:
		c := CreateVolume{Name: name, ID: testID(1000 + serial), Layout: Stripe, Size: size, Disks: disks}
		c.Columns = rapid.IntRange(0, 4).Draw(t, "columns")
		return c
	case 2:
		size.Sign = rapid.SampledFrom([]byte{0, '+', '-'}).Draw(t, "sign")
		return Resize{Volume: name, Size: size, Shrink: true, Disks: disks}
	case 3:
		return Resize{Volume: name, Size: Size{Sign: '+', Amount: Extent}, Disks: disks}
	}
	return RemoveVolume{Volume: name}
}

func testID(n int) string { return fmt.Sprintf("%032x", n) }

// sum returns the space of a group: in use, free, and in all.
func sum(g Group) (used, free, all Sectors) {
	for _, v := range g.Volumes {
		used += v.Length
	}
	for _, f := range Free(g) {
		free += f.Free
	}
	for _, d := range g.Disks {
		all += d.Length
	}
	return used, free, all
}

func TestAnySequenceOfEditsKeepsTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGroup(t)
		for serial := range rapid.IntRange(1, 25).Draw(t, "steps") {
			c := drawChange(t, g, serial)
			before := Encode(g)
			next, err := Edit(g, c)
			if !bytes.Equal(before, Encode(g)) {
				t.Fatalf("%v changed the group that went in", c)
			}
			if err != nil {
				continue
			}
			checkStep(t, g, next, c)
			g = next
		}
	})
}

func checkStep(t *rapid.T, g, next Group, c Change) {
	if err := Validate(next); err != nil {
		t.Fatalf("%v: %v", c, err)
	}
	if next.Version != g.Version+1 {
		t.Fatalf("%v: version %d after %d", c, next.Version, g.Version)
	}
	if used, free, all := sum(next); used+free != all {
		t.Fatalf("%v: %v used, %v free, %v in all", c, used, free, all)
	}
	again, err := Edit(g, c)
	if err != nil || !bytes.Equal(Encode(again), Encode(next)) {
		t.Fatalf("%v gave two results", c)
	}
	decoded, err := Decode(Encode(next))
	if err != nil || !bytes.Equal(Encode(decoded), Encode(next)) {
		t.Fatalf("%v: decode(encode): %v", c, err)
	}
	back, err := DecodeChange(EncodeChange(c))
	if err != nil || back.String() != c.String() {
		t.Fatalf("%v came back as %v, %v", c, back, err)
	}
	checkPlaces(t, g, next, c)
}

// checkPlaces compares sector by sector (extent by extent, and unit by unit in stripes) what Compare says by runs.
func checkPlaces(t *rapid.T, g, next Group, c Change) {
	changed := map[string]Kind{}
	for _, d := range Compare(g, next) {
		changed[d.ID] = d.Kind
	}
	for _, v := range g.Volumes {
		w, ok := next.Volume(v.Name)
		if !ok || w.ID != v.ID {
			if changed[v.ID] != Removed {
				t.Fatalf("%v: %s is gone and compares as %q", c, v.Name, changed[v.ID])
			}
			continue
		}
		same := true
		for at := Sectors(0); at < min(v.Length, w.Length); at += UnitDefault {
			same = same && where(v, at) == where(w, at)
		}
		if !same {
			t.Fatalf("%v moved sectors of %s", c, v.Name)
		}
		want := map[bool]Kind{true: Grown, false: Shrunk}[w.Length > v.Length]
		if w.Length == v.Length {
			want = ""
		}
		if changed[v.ID] != want {
			t.Fatalf("%v: %s from %v to %v compares as %q", c, v.Name, v.Length, w.Length, changed[v.ID])
		}
	}
}

// where returns the place of one sector of a volume of one plex, worked out naively.
func where(v Volume, at Sectors) string {
	p := v.Plexes[0]
	column, inColumn := Sectors(0), at
	if p.Layout == Stripe {
		n := Sectors(len(p.Columns))
		row := at / (p.Unit * n)
		column = at / p.Unit % n
		inColumn = row*p.Unit + at%p.Unit
	}
	for _, s := range p.Columns[column] {
		if inColumn < s.Length {
			return fmt.Sprintf("%s %d", s.Disk, s.Offset+inColumn)
		}
		inColumn -= s.Length
	}
	panic("sector outside the volume")
}

func TestWhatIsFreedCanBeHadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGroup(t)
		size := Size{Percent: uint(rapid.IntRange(1, 100).Draw(t, "percent"))}
		c := CreateVolume{Name: "v", ID: testID(1000), Layout: Concat, Size: size}
		if rapid.Bool().Draw(t, "stripe") && len(g.Disks) > 1 {
			c.Layout = Stripe
		}
		with, err := Edit(g, c)
		if err != nil {
			return
		}
		without, err := Edit(with, RemoveVolume{Volume: "v"})
		if err != nil {
			t.Fatal(err)
		}
		again, err := Edit(without, c)
		if err != nil {
			t.Fatal(err)
		}
		again.Version = with.Version
		if !bytes.Equal(Encode(with), Encode(again)) {
			t.Fatalf("after a removal %v gives\n%s\nbefore\n%s", c, Encode(again), Encode(with))
		}
	})
}
