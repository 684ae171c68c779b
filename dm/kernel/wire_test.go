// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/dm"
)

func TestLayoutIsTheKernels(t *testing.T) {
	var h unix.DmIoctl
	var s unix.DmTargetSpec
	for name, c := range map[string]struct{ got, want uintptr }{
		"version":      {offVersion, unsafe.Offsetof(h.Version)},
		"data_size":    {offDataSize, unsafe.Offsetof(h.Data_size)},
		"data_start":   {offDataStart, unsafe.Offsetof(h.Data_start)},
		"target_count": {offTargetCount, unsafe.Offsetof(h.Target_count)},
		"open_count":   {offOpenCount, unsafe.Offsetof(h.Open_count)},
		"flags":        {offFlags, unsafe.Offsetof(h.Flags)},
		"event_nr":     {offEventNr, unsafe.Offsetof(h.Event_nr)},
		"dev":          {offDev, unsafe.Offsetof(h.Dev)},
		"name":         {offName, unsafe.Offsetof(h.Name)},
		"uuid":         {offUUID, unsafe.Offsetof(h.Uuid)},
		"header":       {headerBytes, unsafe.Sizeof(h)},
		"spec":         {specBytes, unsafe.Sizeof(s)},
		"spec length":  {8, unsafe.Offsetof(s.Length)},
		"spec next":    {20, unsafe.Offsetof(s.Next)},
		"spec type":    {24, unsafe.Offsetof(s.Target_type)},
	} {
		if c.got != c.want {
			t.Errorf("%s is at %d, want %d", name, c.got, c.want)
		}
	}
}

func TestRequestCarriesNameFlagsAndData(t *testing.T) {
	buf := request{name: "g-v", uuid: "U", flags: 5, event: 7, targets: 1, data: []byte("data")}.encode(100)
	got, err := parseReply(buf)
	if err != nil {
		t.Fatal(err)
	}
	if got.info.Name != "g-v" || got.info.UUID != "U" || got.flags != 5 || got.info.Event != 7 || got.targets != 1 ||
		len(got.data) != 100 || !bytes.HasPrefix(got.data, []byte("data")) || got.version != (dm.Version{Major: 4}) {
		t.Errorf("%+v", got)
	}
}

// fromFirst turns the distances in a table from the form for loading (from each record to the next) into that of a reply
// (from the first).
func fromFirst(data []byte) []byte {
	data = slices.Clone(data)
	for at := 0; at < len(data); {
		next := at + int(order.Uint32(data[at+20:]))
		order.PutUint32(data[at+20:], uint32(next))
		at = next
	}
	return data
}

func TestTablesTravelBothWays(t *testing.T) {
	text := "0 8 linear 8:0 0\n8 16 striped 2 8 8:0 8 8:16 0\n24 8 error \n32 8 snapshot 254:1 254:2 P 16\n"
	table, err := dm.ParseTable(text)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := parseLines(fromFirst(encodeTable(table)), uint32(len(table)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := tableOf(lines)
	if err != nil || got.String() != text {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := parseLines(fromFirst(encodeTable(table)), uint32(len(table))+1); err == nil {
		t.Error("a record more than there are went unnoticed")
	}
}

// names are the records of struct dm_name_list: number, distance to the next, name; padded to 8.
func names(entries ...dm.Entry) []byte {
	var out []byte
	for i, e := range entries {
		size := roundUp(12 + len(e.Name) + 1)
		rec := make([]byte, size)
		order.PutUint64(rec, unix.Mkdev(e.Dev.Major, e.Dev.Minor))
		if i < len(entries)-1 {
			order.PutUint32(rec[8:], uint32(size))
		}
		copy(rec[12:], e.Name)
		out = append(out, rec...)
	}
	return out
}

func TestListsOfDevices(t *testing.T) {
	want := []dm.Entry{{Name: "a", Dev: dm.DevNum{Major: 254, Minor: 1}}, {Name: "long-name", Dev: dm.DevNum{Major: 253, Minor: 300}}}
	if got, err := parseNames(names(want...)); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, none := range [][]byte{{}, make([]byte, 16)} {
		if got, err := parseNames(none); err != nil || got != nil {
			t.Errorf("no devices: %v, %v", got, err)
		}
	}
}

func TestDependencies(t *testing.T) {
	data := make([]byte, 8+2*8)
	order.PutUint32(data, 2)
	order.PutUint64(data[8:], unix.Mkdev(8, 16))
	order.PutUint64(data[16:], unix.Mkdev(259, 70000))
	want := []dm.DevNum{{Major: 8, Minor: 16}, {Major: 259, Minor: 70000}}
	if got, err := parseDeps(data); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	order.PutUint32(data, 3)
	if _, err := parseDeps(data); err == nil {
		t.Error("three dependencies in the room of two")
	}
}

func FuzzParseReply(f *testing.F) {
	f.Add(request{name: "a"}.encode(8))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, buf []byte) {
		if r, err := parseReply(buf); err == nil && len(r.data) > len(buf) {
			t.Fatal("more data than there is")
		}
	})
}

func FuzzParseLines(f *testing.F) {
	table, _ := dm.ParseTable("0 8 linear 8:0 0\n8 8 error \n")
	f.Add(fromFirst(encodeTable(table)), uint32(2))
	f.Add([]byte{}, uint32(1))
	f.Fuzz(func(t *testing.T, data []byte, count uint32) {
		lines, err := parseLines(data, count)
		if err != nil {
			return
		}
		if len(lines) != int(count) || len(lines)*specBytes > len(data) {
			t.Fatalf("%d lines of %d in %d bytes", len(lines), count, len(data))
		}
		if table, err := tableOf(lines); err == nil && len(table) != len(lines) {
			t.Fatalf("%d segments of %d lines", len(table), len(lines))
		}
	})
}

func FuzzParseNames(f *testing.F) {
	f.Add(names(dm.Entry{Name: "a", Dev: dm.DevNum{Major: 254}}, dm.Entry{Name: "bb", Dev: dm.DevNum{Major: 254, Minor: 1}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if entries, err := parseNames(data); err == nil && len(entries)*12 > len(data) {
			t.Fatalf("%d devices in %d bytes", len(entries), len(data))
		}
	})
}

func FuzzParseDeps(f *testing.F) {
	f.Add(make([]byte, 24))
	f.Fuzz(func(t *testing.T, data []byte) {
		if devs, err := parseDeps(data); err == nil && len(devs)*8+8 > len(data) {
			t.Fatalf("%d devices in %d bytes", len(devs), len(data))
		}
	})
}

func FuzzParseMisc(f *testing.F) {
	f.Add("236 device-mapper\n")
	f.Fuzz(func(t *testing.T, text string) { parseMisc(text) })
}
