// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Host is where disks are looked for. Tests give it trees of their own.
type Host struct {
	Sys  string // /sys
	Dev  string // /dev
	Proc string // /proc

	// OpenFile opens a device; OpenDirect does it for real.
	OpenFile func(path string, mode Mode) (File, error)
	// Probe lists the signatures of foreign data on a device; Blkid does it for real.
	Probe func(path string) ([]Signature, error)
}

// System returns the host that this program runs on.
func System() Host {
	return Host{Sys: "/sys", Dev: "/dev", Proc: "/proc", OpenFile: OpenDirect, Probe: Blkid}
}

// Disk is one whole disk as it was seen.
type Disk struct {
	Name      string // of the kernel, for example sdb
	Path      string // /dev/sdb
	Major     uint32
	Minor     uint32
	Diskseq   uint64 // a name or number that comes back with another diskseq is another disk
	Bytes     uint64
	Block     uint64 // logical block size, in bytes
	ReadOnly  bool
	WWID      string // empty if it has none
	Model     string
	Transport view.Transport
	Portals   []netip.AddrPort // where a network disk is served; empty if that is not known
	Twins     []string         // other names with the same wwid
}

// Fence returns the disk as a fence set names it, under the id of its label.
func (d Disk) Fence(id string) view.FenceDisk {
	return view.FenceDisk{
		ID: id, WWID: d.WWID, Dev: d.Name, Major: d.Major, Minor: d.Minor, Diskseq: d.Diskseq,
		Transport: d.Transport, Portals: d.Portals,
	}
}

// notDisks begin the names of block devices that are no disks of their own, or not ones that could be shared.
var notDisks = []string{"dm-", "md", "sr", "fd", "ram", "zram", "drbd", "bcache"}

// List returns the whole disks of the host, sorted by name. Devices without medium are left out, and so are those that
// vanish while they are looked at.
func (h Host) List() ([]Disk, error) {
	entries, err := os.ReadDir(filepath.Join(h.Sys, "block"))
	if err != nil {
		return nil, fmt.Errorf("list disks: %w", err)
	}
	var list []Disk
	for _, e := range entries {
		d, err := h.look(e.Name())
		if err != nil || d.Bytes == 0 {
			continue
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b Disk) int { return strings.Compare(a.Name, b.Name) })
	return twins(list), nil
}

// twins notes which disks have the same wwid.
func twins(list []Disk) []Disk {
	names := map[string][]string{}
	for _, d := range list {
		names[d.WWID] = append(names[d.WWID], d.Name)
	}
	for i, d := range list {
		if d.WWID == "" {
			continue
		}
		list[i].Twins = slices.DeleteFunc(slices.Clone(names[d.WWID]), func(n string) bool { return n == d.Name })
	}
	return list
}

// look reads one disk. The error is fs.ErrNotExist for what is no disk.
func (h Host) look(name string) (Disk, error) {
	s := h.sys("block", name)
	if slices.ContainsFunc(notDisks, func(p string) bool { return strings.HasPrefix(name, p) }) || s.text("hidden") == "1" {
		return Disk{}, fs.ErrNotExist
	}
	d := Disk{
		Name: name, Path: filepath.Join(h.Dev, strings.ReplaceAll(name, "!", "/")),
		Bytes: s.number("size") * 512, Block: s.number("queue/logical_block_size"), Diskseq: s.number("diskseq"),
		ReadOnly: s.text("ro") == "1", WWID: s.first("device/wwid", "wwid", "device/serial", "serial"),
		Model: model(s),
	}
	if _, err := fmt.Sscanf(s.text("dev"), "%d:%d", &d.Major, &d.Minor); err != nil {
		return Disk{}, fs.ErrNotExist
	}
	d.Transport, d.Portals = h.transport(name)
	return d, nil
}

// model returns vendor and model. The vendor of a virtio disk is a number that says nothing of the disk.
func model(s dir) string {
	m := s.text("device/model")
	if m == "" {
		return ""
	}
	return strings.TrimSpace(s.text("device/vendor") + " " + m)
}

// Find returns the disk of that name, which is a kernel name (sdb), its path, or a link to it (/dev/disk/by-id/...).
func (h Host) Find(name string) (Disk, error) {
	base := name
	if strings.Contains(name, "/") {
		path, err := filepath.EvalSymlinks(name)
		if err != nil {
			return Disk{}, &Error{"find", name, fmt.Errorf("%w: %w: look at `plexus disk list`", ErrNoDisk, err)}
		}
		base = filepath.Base(path)
	}
	list, err := h.List()
	if err != nil {
		return Disk{}, err
	}
	for _, d := range list {
		if d.Name == base {
			return d, nil
		}
	}
	if whole, ok := h.wholeOf(base); ok {
		return Disk{}, &Error{"find", name, fmt.Errorf("it is a partition of %s: give the whole disk", whole)}
	}
	return Disk{}, &Error{"find", name, fmt.Errorf("%w: look at `plexus disk list`", ErrNoDisk)}
}

// wholeOf returns the disk that a partition belongs to.
func (h Host) wholeOf(partition string) (string, bool) {
	found, err := filepath.Glob(filepath.Join(h.Sys, "block", "*", partition, "partition"))
	if err != nil || len(found) == 0 {
		return "", false
	}
	return filepath.Base(filepath.Dir(filepath.Dir(found[0]))), true
}
