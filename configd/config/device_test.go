// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/plexus-cvm/plexus/dm"
)

// byID finds disk n of a test at 8:n.
func byID(d Disk) (dm.Ref, bool) {
	var n uint32
	_, err := fmt.Sscanf(d.ID, "%x", &n)
	return dm.At(8, n), err == nil
}

func TestVolumesCompileToTables(t *testing.T) {
	g := sample(t)
	for _, c := range []Change{
		AddDisks{Disks: []Disk{{ID: testID(4), Offset: 9 * Extent, Length: 30 * Extent}}},
		Resize{Volume: "str", Size: Size{Sign: '+', Percent: 100}},
		CreateVolume{Name: "a-b", ID: testID(9), Layout: Concat, Size: Size{Amount: Extent}},
	} {
		next, err := Edit(g, c)
		if err != nil {
			t.Fatal(err)
		}
		g = next
	}
	devices, err := Devices(g, byID)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, d := range devices {
		fmt.Fprintf(&b, "%s %s\n%s", d.Name, d.UUID, d.Table)
	}
	const want = `dg-a--b PLEXUS-00000000000000000000000000000001-00000000000000000000000000000009
0 2048 linear 8:3 161792
dg-lin PLEXUS-00000000000000000000000000000001-00000000000000000000000000000004
0 184320 linear 8:2 38912
184320 61440 linear 8:3 38912
dg-str PLEXUS-00000000000000000000000000000001-00000000000000000000000000000005
0 40960 striped 2 128 8:2 18432 8:3 18432
40960 122880 striped 2 128 8:4 18432 8:3 100352
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	_, err = Devices(g, func(d Disk) (dm.Ref, bool) { r, _ := byID(d); return r, d.Name != "dg02" })
	if err == nil || !strings.Contains(err.Error(), "disk dg02 (label "+testID(3)+", wwid naa.2) is not found on this node") {
		t.Errorf("a disk that is not there: %v", err)
	}
}

// A column that grew in place has one piece where the other has two: the table has a segment for each stretch.
func TestStripesAreCutWhereAnyColumnGoesOnElsewhere(t *testing.T) {
	disks := groupOf(3, 100*Extent)
	g, err := Edit(Group{}, CreateGroup{Name: "dg", ID: testID(1), Disks: disks})
	for _, c := range []Change{
		CreateVolume{Name: "s", ID: testID(5), Layout: Stripe, Size: Size{Amount: 20 * Extent}, Disks: []string{"dg01", "dg02"}},
		Resize{Volume: "s", Size: Size{Amount: 40 * Extent}, Disks: []string{"dg02", "dg03"}},
	} {
		if err == nil {
			g, err = Edit(g, c)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	devices, err := Devices(g, byID)
	if err != nil {
		t.Fatal(err)
	}
	const want = "0 40960 striped 2 128 8:2 18432 8:3 18432\n40960 40960 striped 2 128 8:4 18432 8:3 38912\n"
	if got := devices[0].Table.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// groupOf returns n equal disks with label ids from 2 on.
func groupOf(n int, length Sectors) []Disk {
	list := make([]Disk, n)
	for i := range list {
		list[i] = Disk{ID: testID(i + 2), Offset: 9 * Extent, Length: length}
	}
	return list
}

// TestTablesMapWhereTheGroupSays follows single sectors through the tables.
func TestTablesMapWhereTheGroupSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGroup(t)
		for serial := range rapid.IntRange(1, 15).Draw(t, "steps") {
			next, err := Edit(g, drawChange(t, g, serial))
			if err != nil {
				continue
			}
			was, _ := Devices(g, byID)
			now, err := Devices(next, byID)
			if err != nil {
				t.Fatal(err)
			}
			checkTables(t, next, now)
			checkKeeps(t, g, next, was, now)
			g = next
		}
	})
}

func checkTables(t *rapid.T, g Group, devices []dm.Device) {
	for i, v := range g.Volumes {
		table := devices[i].Table
		if Sectors(table.Length()) != v.Length {
			t.Fatalf("%s is %v long, its table %d", v.Name, v.Length, table.Length())
		}
		for range 5 {
			at := Sectors(rapid.Uint64Range(0, uint64(v.Length)-1).Draw(t, "sector"))
			if got, want := mapped(g, table, dm.Sectors(at)), where(v, at); got != want {
				t.Fatalf("sector %d of %s is mapped to %s, the group says %s\n%s", at, v.Name, got, want, table)
			}
		}
	}
}

// mapped works out what the kernel would do, from the definition of the targets.
func mapped(g Group, table dm.Table, at dm.Sectors) string {
	for _, s := range table {
		if at >= s.Length {
			at -= s.Length
			continue
		}
		l, ok := s.Target.(dm.Linear)
		if st, striped := s.Target.(dm.Striped); striped {
			n := dm.Sectors(len(st.Columns))
			l, ok = st.Columns[at/st.Chunk%n], true
			at = at/st.Chunk/n*st.Chunk + at%st.Chunk
		}
		d, found := g.DiskByID(testID(int(l.Dev.Num.Minor)))
		if !ok || !found {
			return fmt.Sprintf("%v", s.Target)
		}
		return fmt.Sprintf("%s %d", d.Name, l.Start+at)
	}
	return "nowhere"
}

// checkKeeps compares the group's word on what stays in its place with that of the tables.
func checkKeeps(t *rapid.T, g, next Group, was, now []dm.Device) {
	tables := map[string]dm.Table{}
	for _, d := range now {
		tables[d.UUID] = d.Table
	}
	keeps := true
	for _, d := range was {
		keeps = keeps && d.Table.Keeps(tables[d.UUID])
	}
	if keeps != KeepsPlaces(g, next) {
		t.Fatalf("every sector in its place: by the tables %v, by the group %v", keeps, !keeps)
	}
}
