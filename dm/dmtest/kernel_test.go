// SPDX-License-Identifier: Apache-2.0

package dmtest_test

import (
	"errors"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/dmtest"
)

var disk = dm.DevNum{Major: 8}

// stack makes low, 64 sectors of the disk from 8 on, and high, striped over two halves of low.
func stack(t *testing.T) (k *dmtest.Kernel, low, high dm.DevNum) {
	t.Helper()
	k = dmtest.New(map[dm.DevNum]dm.Sectors{disk: 128})
	for _, d := range []struct{ name, table string }{
		{"low", "0 64 linear 8:0 8\n"}, {"high", "0 64 striped 2 8 253:0 0 253:0 32\n"},
	} {
		table, err := dm.ParseTable(d.table)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Create(d.name, "uuid-"+d.name); err != nil {
			t.Fatal(err)
		}
		if err := k.Load(d.name, table, false); err != nil {
			t.Fatal(err)
		}
		if err := k.Resume(d.name); err != nil {
			t.Fatal(err)
		}
	}
	return k, dm.DevNum{Major: dmtest.Major}, dm.DevNum{Major: dmtest.Major, Minor: 1}
}

func TestSectorsAreFollowedDown(t *testing.T) {
	k, low, high := stack(t)
	for sector, want := range map[dm.Sectors]string{
		0: "8:0+8", 7: "8:0+15", 8: "8:0+40", 16: "8:0+16", 63: "8:0+71", 64: "error at 253:1+64",
	} {
		if got := k.Map(high, sector).String(); got != want {
			t.Errorf("sector %d is at %s, want %s", sector, got, want)
		}
	}
	if err := k.Suspend(t.Context(), "low", true); err != nil {
		t.Fatal(err)
	}
	if got := k.Submit(high, 8); got != (dmtest.Place{Fate: dmtest.Held, Dev: low, Sector: 32}) || k.HeldIO("low") != 1 {
		t.Errorf("%s, %d held", got, k.HeldIO("low"))
	}
	if err := k.Resume("low"); err != nil || k.HeldIO("low") != 0 {
		t.Errorf("%v, %d held", err, k.HeldIO("low"))
	}
}

func TestRefusalsAreThoseOfTheDriver(t *testing.T) {
	k, _, _ := stack(t)
	load := func(name, text string) error {
		table, err := dm.ParseTable(text)
		if err != nil {
			t.Fatal(err)
		}
		return k.Load(name, table, false)
	}
	if err := k.Open("high"); err != nil {
		t.Fatal(err)
	}
	_, name := k.Create("low", "")
	_, uuid := k.Create("other", "uuid-low")
	for what, c := range map[string]struct{ err, want error }{
		"remove of an open device":   {k.Remove("high"), unix.EBUSY},
		"remove under another":       {k.Remove("low"), unix.EBUSY},
		"name taken":                 {name, unix.EBUSY},
		"uuid taken":                 {uuid, unix.EBUSY},
		"rename to a name taken":     {k.Rename("high", "low"), unix.EBUSY},
		"load on no device":          {load("none", "0 8 error"), fs.ErrNotExist},
		"load over no device":        {load("high", "0 8 linear 9:9 0"), unix.ENXIO},
		"load over itself":           {load("low", "0 8 linear 253:0 0"), unix.ELOOP},
		"load of an unresolved name": {load("low", "0 8 linear /dev/mapper/high 0"), unix.ENXIO},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", what, c.err, c.want)
		}
	}
	if i, err := k.Info("low"); err != nil || i.OpenCount != 1 {
		t.Errorf("%+v, %v", i, err)
	}
}

// A table that does not fit is taken by a device that has one, refused when it should become live, and gone after that; the
// device stays suspended with its old table.
func TestARefusedResumeDropsTheTable(t *testing.T) {
	k, _, high := stack(t)
	table, _ := dm.ParseTable("0 65 linear 253:0 0\n")
	if err := k.Load("high", table, false); err != nil {
		t.Fatal(err)
	}
	if err := k.Suspend(t.Context(), "high", true); err != nil {
		t.Fatal(err)
	}
	if err := k.Resume("high"); !errors.Is(err, unix.EINVAL) {
		t.Errorf("resume: %v", err)
	}
	if i, err := k.Info("high"); err != nil || !i.Suspended || i.HasInactive {
		t.Errorf("%+v, %v", i, err)
	}
	if err := k.Resume("high"); err != nil || k.Map(high, 8).String() != "8:0+40" {
		t.Errorf("resume: %v, %s", err, k.Map(high, 8))
	}
}

func TestAClonesWaysPart(t *testing.T) {
	k, low, high := stack(t)
	c := k.Clone()
	if err := k.Suspend(t.Context(), "low", true); err != nil {
		t.Fatal(err)
	}
	if err := c.Remove("high"); err != nil {
		t.Fatal(err)
	}
	c.SetDisk(disk, 0)
	if k.Map(high, 0).Fate != dmtest.Held || c.Map(low, 0).Fate != dmtest.Fails || c.Map(high, 0).Fate != dmtest.Fails {
		t.Errorf("%s, %s, %s", k.Map(high, 0), c.Map(low, 0), c.Map(high, 0))
	}
	if err := k.Resume("low"); err != nil || k.Map(high, 0).Fate != dmtest.Lands {
		t.Errorf("%v, %s", err, k.Map(high, 0))
	}
}

func TestDevicesOfARemovedNumberAreNew(t *testing.T) {
	k, _, high := stack(t)
	if err := k.Remove("high"); err != nil {
		t.Fatal(err)
	}
	if dev, err := k.Create("high", ""); err != nil || dev == high {
		t.Errorf("%s again, %v", dev, err)
	}
}
