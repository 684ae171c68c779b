// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/label"
)

const (
	errBusy = syscall.EBUSY
	mib     = 1 << 20
	iscsi   = "platform/host2/session1/target2:0:0/2:0:0:1/block/"
)

func compareAddrPorts(a, b netip.AddrPort) bool { return a == b }

func TestDisksAreListedWithTransportAndPortals(t *testing.T) {
	x := newTree(t)
	x.disk(iscsi+"sdb", 16, 64*mib, map[string]string{"device/wwid": "naa.6001405aa", "device/vendor": "IET     ", "device/model": "VIRTUAL-DISK"})
	x.put("sys/class/iscsi_connection/connection1:0/address", "10.0.0.9\n")
	x.put("sys/class/iscsi_connection/connection1:0/port", "3260\n")
	x.put("sys/class/iscsi_connection/connection1:1/persistent_address", "fd00::9\n")
	x.put("sys/class/iscsi_connection/connection1:1/persistent_port", "3261\n")
	x.put("sys/class/iscsi_connection/connection11:0/address", "10.9.9.9\n")
	x.put("sys/class/iscsi_connection/connection11:0/port", "3260\n")
	x.disk("pci0000:00/0000:00:05.0/virtio2/block/vdb", 32, 64*mib, map[string]string{"serial": "disk-1"})
	x.disk("pci0000:00/0000:00:06.0/virtio3/host3/target3:0:0/3:0:0:0/block/sdc", 48, 64*mib, map[string]string{"ro": "1"})
	x.disk("virtual/block/nbd0", 64, 64*mib, nil)
	x.disk("virtual/nvme-subsystem/nvme-subsys0/nvme0n1", 80, 64*mib, map[string]string{"wwid": "uuid.1"})
	for c, address := range map[string]string{"nvme0": "10.0.0.7", "nvme1": "10.0.0.8"} {
		x.put("sys/devices/virtual/nvme-subsystem/nvme-subsys0/"+c+"/transport", "tcp\n")
		x.put("sys/devices/virtual/nvme-subsystem/nvme-subsys0/"+c+"/address", "traddr="+address+",trsvcid=4420,src_addr=10.0.0.1\n")
	}
	x.disk("virtual/block/nvme0c1n1", 96, 64*mib, map[string]string{"hidden": "1"})
	x.disk("virtual/block/dm-0", 112, 64*mib, nil)
	x.disk("virtual/block/loop7", 128, 0, nil)
	list, err := x.host.List()
	if err != nil {
		t.Fatal(err)
	}
	port := netip.MustParseAddrPort
	dev := func(n string) string { return filepath.Join(x.host.Dev, n) }
	want := []Disk{
		{Name: "nbd0", Path: dev("nbd0"), Minor: 64, Transport: view.TransportNBD},
		{
			Name: "nvme0n1", Path: dev("nvme0n1"), Minor: 80, WWID: "uuid.1", Transport: view.TransportNVMe,
			Portals: []netip.AddrPort{port("10.0.0.7:4420"), port("10.0.0.8:4420")},
		},
		{
			Name: "sdb", Path: dev("sdb"), Minor: 16, WWID: "naa.6001405aa", Model: "IET VIRTUAL-DISK", Transport: view.TransportISCSI,
			Portals: []netip.AddrPort{port("10.0.0.9:3260"), port("[fd00::9]:3261")},
		},
		{Name: "sdc", Path: dev("sdc"), Minor: 48, ReadOnly: true, Transport: view.TransportSCSI},
		{Name: "vdb", Path: dev("vdb"), Minor: 32, WWID: "disk-1", Transport: view.TransportVirtio},
	}
	for i := range want {
		want[i].Major, want[i].Bytes, want[i].Block, want[i].Diskseq = 8, 64*mib, 512, uint64(100+want[i].Minor)
	}
	for i := range list {
		if len(list[i].Twins) == 0 {
			list[i].Twins = nil
		}
	}
	if diff := cmp.Diff(want, list, cmp.Comparer(compareAddrPorts)); diff != "" {
		t.Error(diff)
	}
}

func TestADiskIsFoundByNamePathAndLink(t *testing.T) {
	x := newTree(t)
	x.disk(iscsi+"sdb", 16, 64*mib, map[string]string{"sdb1/partition": "1"})
	link := filepath.Join(x.host.Dev, "by-id")
	if err := os.Symlink(filepath.Join(x.host.Dev, "sdb"), link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sdb", filepath.Join(x.host.Dev, "sdb"), link} {
		if d := x.find(name); d.Name != "sdb" {
			t.Errorf("%s: found %v", name, d)
		}
	}
	for name, want := range map[string]string{"sdz": "no such disk", "/nowhere/sdb": "no such disk", "sdb1": "partition of sdb: give the whole disk"} {
		if _, err := x.host.Find(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

func TestAFreeDiskIsInitialised(t *testing.T) {
	x := newTree(t)
	x.disk(iscsi+"sdb", 16, 64*mib, nil)
	id := strings.Repeat("1", 32)
	if _, err := x.labelOf("sdb"); !errors.Is(err, label.ErrNoLabel) {
		t.Errorf("before: %v", err)
	}
	if err := x.host.Init(x.find("sdb"), id, false); err != nil {
		t.Fatal(err)
	}
	c, err := x.labelOf("sdb")
	if err != nil || c.Header.Disk != id || c.Header.Group != "" {
		t.Errorf("after: %v, %v", c.Header, err)
	}
	if err := x.host.Init(x.find("sdb"), id, false); !errors.Is(err, ErrOurs) || !strings.Contains(err.Error(), "label id "+id) {
		t.Errorf("again: %v", err)
	}
}

func TestADiskThatCannotBeTakenIsRefused(t *testing.T) {
	id := strings.Repeat("1", 32)
	for _, c := range []struct {
		name   string
		size   int64
		attrs  map[string]string
		spoil  func(x *tree)
		want   error
		words  string
		forced bool // force helps
	}{
		{"too small", 8 * mib, nil, nil, label.ErrTooSmall, "needs at least 16777216", false},
		{"read-only", 64 * mib, map[string]string{"ro": "1"}, nil, ErrReadOnly, "", false},
		{"large blocks", 64 * mib, map[string]string{"queue/logical_block_size": "16384"}, nil, nil, "larger than 4096", false},
		{"held", 64 * mib, map[string]string{"holders/dm-3/x": ""}, func(x *tree) { x.put("sys/block/dm-3/dm/name", "vg-lv\n") }, ErrInUse, "sdb is held by dm-3 (vg-lv)", false},
		{"mounted", 64 * mib, map[string]string{"sdb1/partition": "1", "sdb1/dev": "8:17"}, func(x *tree) {
			x.put("proc/self/mountinfo", "40 22 8:17 / /home rw - ext4 /dev/sdb1 rw\n")
		}, ErrInUse, "sdb1 is mounted on /home", false},
		{"swap", 64 * mib, nil, func(x *tree) { x.put("proc/swaps", "Filename\n"+x.host.Dev+"/sdb partition 1 0 -2\n") }, ErrInUse, "sdb is a swap area", false},
		{"opened exclusively", 64 * mib, nil, func(x *tree) { x.locked[filepath.Join(x.host.Dev, "sdb")] = true }, ErrInUse, "open for itself alone", false},
		{"gone", 64 * mib, nil, func(x *tree) { os.Remove(filepath.Join(x.host.Dev, "sdb")) }, ErrGone, "plexus disk list", false},
		{"another path", 64 * mib, map[string]string{"device/wwid": "naa.1"}, func(x *tree) {
			x.disk("platform/host3/session2/target3:0:0/3:0:0:1/block/sdd", 64, 64*mib, map[string]string{"device/wwid": "naa.1"})
		}, ErrTwin, "sdb and sdd have wwid naa.1", false},
		{"partitioned", 64 * mib, map[string]string{"sdb1/partition": "1"}, nil, ErrForeign, "partitions sdb1", true},
		{"filesystem", 64 * mib, nil, func(x *tree) {
			x.found[filepath.Join(x.host.Dev, "sdb")] = []Signature{{Type: "ext4", Usage: "filesystem", Label: "home"}}
		}, ErrForeign, `filesystem ext4 "home": with --force it is lost`, true},
		{"unknown", 64 * mib, nil, func(x *tree) { x.probed = ErrUnknown }, ErrUnknown, "", true},
		{"damaged label", 64 * mib, nil, func(x *tree) {
			if err := x.host.Init(x.find("sdb"), id, false); err != nil {
				x.t.Fatal(err)
			}
			f, _ := os.OpenFile(filepath.Join(x.host.Dev, "sdb"), os.O_RDWR, 0)
			f.WriteAt([]byte("?"), label.HeaderOffset+100)
			f.Close()
		}, ErrOurs, "damaged", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTree(t)
			x.disk(iscsi+"sdb", 16, c.size, c.attrs)
			if c.spoil != nil {
				c.spoil(x)
			}
			err := x.host.Init(x.find("sdb"), id, false)
			if c.want != nil && !errors.Is(err, c.want) || err == nil || !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), "disk sdb") {
				t.Errorf("got %v, want %v with %q", err, c.want, c.words)
			}
			if err := x.host.Init(x.find("sdb"), id, true); (err == nil) != c.forced {
				t.Errorf("with force: %v", err)
			}
		})
	}
}

func TestForceClearsTheMarksOfOthers(t *testing.T) {
	x := newTree(t)
	x.disk(iscsi+"sdb", 16, 64*mib+512, map[string]string{"sdb1/partition": "1"})
	path := filepath.Join(x.host.Dev, "sdb")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, at := range []int64{512, 1080, 64*mib - 512} {
		if _, err := f.WriteAt([]byte("EFI PART"), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.host.Init(x.find("sdb"), strings.Repeat("1", 32), true); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{512, 1080, 64*mib - 512} {
		b := make([]byte, 8)
		if _, err := f.ReadAt(b, at); err != nil || string(b) != "\x00\x00\x00\x00\x00\x00\x00\x00" {
			t.Errorf("at %d: %q, %v", at, b, err)
		}
	}
	if x.rereads != 1 {
		t.Errorf("the kernel was asked %d times to look for partitions", x.rereads)
	}
}

func TestAnotherDiskUnderTheSameNameIsNotTouched(t *testing.T) {
	x := newTree(t)
	x.disk(iscsi+"sdb", 16, 64*mib, nil)
	d := x.find("sdb")
	x.put("sys/block/sdb/diskseq", "999\n")
	for _, mode := range []Mode{ForRead, ForWrite, ForExclusive} {
		if _, err := x.host.Open(d, mode); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "diskseq 999, was 8:16 diskseq 116") {
			t.Errorf("mode %d: %v", mode, err)
		}
	}
}

func TestAScanNamesWhatHasTheSameLabel(t *testing.T) {
	x := newTree(t)
	x.disk(iscsi+"sdb", 16, 64*mib, nil)
	x.disk("virtual/block/nbd0", 32, 64*mib, nil)
	x.disk("virtual/block/nbd1", 48, 64*mib, nil)
	for name, id := range map[string]string{"sdb": "1", "nbd0": "2"} {
		if err := x.host.Init(x.find(name), strings.Repeat(id, 32), false); err != nil {
			t.Fatal(err)
		}
	}
	scan := func() map[string]error {
		list, err := x.host.Scan()
		if err != nil {
			t.Fatal(err)
		}
		errs := map[string]error{}
		for _, f := range list {
			errs[f.Disk.Name] = f.Err
		}
		return errs
	}
	if e := scan(); e["sdb"] != nil || e["nbd0"] != nil || !errors.Is(e["nbd1"], label.ErrNoLabel) {
		t.Errorf("scan: %v", e)
	}
	if err := x.host.Init(x.find("nbd1"), strings.Repeat("2", 32), false); err != nil {
		t.Fatal(err)
	}
	e := scan()
	if e["sdb"] != nil || !errors.Is(e["nbd0"], ErrTwin) || !errors.Is(e["nbd1"], ErrTwin) || !strings.Contains(e["nbd0"].Error(), "nbd0 and nbd1") {
		t.Errorf("scan: %v", e)
	}
}
