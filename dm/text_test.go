// SPDX-License-Identifier: Apache-2.0

package dm_test

import (
	"strings"
	"testing"

	"github.com/plexus-cvm/plexus/dm"
)

// Lines as `dmsetup table` of libdevmapper 1.02.185 prints them on Linux 6.1 and 6.12.
func TestTablesPrintAsDmsetupDoes(t *testing.T) {
	for _, text := range []string{
		"0 2048 linear 7:0 0\n",
		"0 1024 error \n",
		"0 4096 striped 2 128 7:1 0 7:2 2048\n",
		"0 2048 mirror core 1 1024 2 7:1 8192 7:2 8192 1 handle_errors\n",
		"0 8 linear 259:1048575 0\n8 8 linear 254:0 16\n16 16 zero \n",
	} {
		table, err := dm.ParseTable(text)
		if err != nil || table.String() != text {
			t.Errorf("%q came back as %q, %v", text, table, err)
		}
	}
}

func TestTypedAndRawTargets(t *testing.T) {
	table, err := dm.ParseTable("# a comment\n\n 0 16 linear /dev/mapper/a-b 8\n16 32 striped 2 8 8:0 0 8:16 8\n48 8 mirror core 1 8 1 8:0 0\n")
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := table[0].Target.(dm.Linear); !ok || l.Dev != dm.Named("a-b") || l.Start != 8 {
		t.Errorf("linear: %#v", table[0].Target)
	}
	if s, ok := table[1].Target.(dm.Striped); !ok || s.Chunk != 8 || len(s.Columns) != 2 || s.Columns[1].Dev != dm.At(8, 16) {
		t.Errorf("striped: %#v", table[1].Target)
	}
	if r, ok := table[2].Target.(dm.Raw); !ok || len(r.Refs()) != 1 || r.Refs()[0] != dm.At(8, 0) {
		t.Errorf("mirror: %#v", table[2].Target)
	}
	if table.Length() != 56 {
		t.Errorf("length %d", table.Length())
	}
}

func TestBadTablesAreRefusedWithTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"0 8 linear 8:0":               "line 1: linear: 1 arguments",
		"0 8 linear 8:0 0\n9 8 error":  "line 2: starts at sector 9, the segments before it end at 8",
		"0 8":                          "line 1: \"0 8\": want START LENGTH TYPE ARGS",
		"0 x error":                    `line 1: length "x" is not a number of sectors`,
		"0 0 error":                    "no sectors",
		"0 8 linear 8:0 -1":            "start \"-1\"",
		"0 8 linear sda 0":             "MAJOR:MINOR",
		"0 8 linear 4096:0 0":          "major",
		"0 24 striped 2 8 8:0 0 8:1 0": "multiple of 2 columns",
		"0 16 striped 3 8 8:0 0":       "\"3\" columns, but 2 arguments",
		"0 16 striped 0 8":             "no columns",
		"0 8 averyveryverylongtype x":  "longer than 15 bytes",
		"0 18014398509481983 error\n18014398509481983 8 error": "ends past",
	} {
		_, err := dm.ParseTable(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
}

func TestKeeps(t *testing.T) {
	parse := func(s string) dm.Table {
		table, err := dm.ParseTable(s)
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	for _, c := range []struct {
		old, now string
		want     bool
	}{
		{"0 8 linear 8:0 0", "0 16 linear 8:0 0", true},
		{"0 8 linear 8:0 0", "0 8 linear 8:0 0\n8 8 linear 8:16 0", true},
		{"0 16 linear 8:0 0", "0 8 linear 8:0 0\n8 16 linear 8:0 8", true}, // one mapping, written in two ways
		{"0 8 linear 8:0 0\n8 8 linear 8:0 8", "0 16 linear 8:0 0", true},
		{"0 16 linear 8:0 0", "0 8 linear 8:0 0", false},
		{"0 8 linear 8:0 0", "0 8 linear 8:0 8", false},
		{"0 8 linear 8:0 0\n8 8 error", "0 16 linear 8:0 0", false},
		{"0 16 striped 2 8 8:0 0 8:1 0", "0 32 striped 2 8 8:0 0 8:1 0", true},
		{"0 16 striped 2 8 8:0 0 8:1 0", "0 32 striped 2 16 8:0 0 8:1 0", false},
		{"0 8 mirror core 1 8 1 8:0 0", "0 16 mirror core 1 8 1 8:0 0", false}, // unknown targets may depend on length
		{"0 8 mirror core 1 8 1 8:0 0", "0 8 mirror core 1 8 1 8:0 0\n8 8 error", true},
	} {
		if got := parse(c.old).Keeps(parse(c.now)); got != c.want {
			t.Errorf("%q to %q: %t", c.old, c.now, got)
		}
	}
}

// What parses is valid, prints, and parses again to the same; what the kernel prints comes back byte for byte.
func FuzzParseTable(f *testing.F) {
	for _, s := range []string{
		"0 2048 linear 7:0 0\n", "0 8 error \n", "0 4096 striped 2 128 7:1 0 7:2 2048\n", "0 8 snapshot 254:3 254:4 P 16\n",
		"0 8 linear /dev/mapper/a 0", "# c\n\n0 8 error", "0  8\tzero\t x ", "0 8 crypt a:b 0", "0 8 x /dev/mapper/a 8:0\n8 8 error",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		table, err := dm.ParseTable(text)
		if err != nil || table == nil {
			return
		}
		if err := table.Validate(); err != nil {
			t.Fatalf("%q parses but is not valid: %v", text, err)
		}
		again, err := dm.ParseTable(table.String())
		if err != nil || !again.Equal(table) || !table.Keeps(again) {
			t.Fatalf("%q prints as %q, which reads as %q, %v", text, table, again, err)
		}
		for _, s := range table {
			if v := dm.Verbatim(s.Target.Type(), s.Target.Args()); v.Args() != s.Target.Args() {
				t.Fatalf("%q is not verbatim: %q", s.Target.Args(), v.Args())
			}
		}
	})
}
