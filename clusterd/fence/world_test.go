// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"context"
	"net/netip"
	"sync"
	"testing"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/dmtest"
)

// disk is a disk of the world, as measured on real ones: what hangs on a silent target gets its error when the session
// was told to fail fast and lost its socket, or when the socket is gone and the device deleted.
type disk struct {
	view.FenceDisk
	gone     bool
	inFlight int
	fast     bool
	severed  bool
}

// world is an Env in memory.
type world struct {
	mu     sync.Mutex
	t      testing.TB
	shut   bool
	disks  map[string]*disk
	kernel dm.Kernel
	mem    *dmtest.Kernel
	fail   map[string]error         // by method
	hang   map[string]chan struct{} // methods that do not come back before it is closed, whatever their ctx says
	calls  []string
}

var portal = netip.MustParseAddrPort("10.0.0.9:3260")

const groupID = "0123456789abcdef0123456789abcdef"

// newWorld has two iSCSI disks, and a volume on each; "g-top" stands on "g-low".
func newWorld(t testing.TB) (*world, view.FenceSet) {
	t.Helper()
	set := view.FenceSet{Group: "g", GroupID: groupID, Level: view.FenceWire}
	w := &world{t: t, disks: map[string]*disk{}, fail: map[string]error{}, hang: map[string]chan struct{}{}}
	sizes := map[dm.DevNum]dm.Sectors{}
	for i, name := range []string{"sda", "sdb"} {
		d := view.FenceDisk{
			ID: name, Dev: name, Major: 8, Minor: uint32(16 * i), Diskseq: uint64(i + 1),
			Transport: view.TransportISCSI, Portals: []netip.AddrPort{portal},
		}
		set.Disks = append(set.Disks, d)
		w.disks[name] = &disk{FenceDisk: d, inFlight: 3}
		sizes[dm.DevNum{Major: 8, Minor: uint32(16 * i)}] = 1000
	}
	w.mem = dmtest.New(sizes)
	w.kernel = w.mem
	low := w.volume("g-low", dm.DevNum{Major: 8})
	other := w.volume("g-other", dm.DevNum{Major: 8, Minor: 16})
	top := w.volume("g-top", dm.DevNum{Major: low.Major, Minor: low.Minor})
	set.Volumes = []view.FenceVolume{top, other, low}
	return w, set
}

func (w *world) volume(name string, on dm.DevNum) view.FenceVolume {
	w.t.Helper()
	uuid := uuidPrefix + groupID + "-" + name
	dev, err := w.mem.Create(name, uuid)
	if err == nil {
		err = w.mem.Load(name, dm.Table{{Length: 500, Target: dm.Linear{Dev: dm.Ref{Num: on}}}}, false)
	}
	if err == nil {
		err = w.mem.Resume(name)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return view.FenceVolume{Name: name, UUID: uuid, Major: dev.Major, Minor: dev.Minor}
}

// enter is the door of each method.
func (w *world) enter(method string) error {
	w.mu.Lock()
	w.calls = append(w.calls, method)
	hang, err := w.hang[method], w.fail[method]
	w.mu.Unlock()
	if hang != nil {
		<-hang
	}
	return err
}

func (w *world) settle(d *disk) {
	if d.severed && (d.fast || d.gone) {
		d.inFlight = 0
	}
}

func (w *world) Shut() error {
	if err := w.enter("Shut"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shut = true
	return nil
}

func (w *world) FailFast(_ context.Context, d view.FenceDisk) (string, error) {
	if err := w.enter("FailFast"); err != nil {
		return "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disks[d.Dev].fast = true
	return "recovery_tmo 120 -> 0", nil
}

func (w *world) Sever(_ context.Context, portals []netip.AddrPort) (int, error) {
	if err := w.enter("Sever"); err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.disks {
		if len(d.Portals) > 0 && len(portals) == 1 && portals[0] == d.Portals[0] {
			d.severed = true
			w.settle(d)
		}
	}
	return len(portals), nil
}

func (w *world) Delete(_ context.Context, d view.FenceDisk) error {
	if err := w.enter("Delete"); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disks[d.Dev].gone = true
	w.settle(w.disks[d.Dev])
	return nil
}

func (w *world) Here(d view.FenceDisk) (bool, error) {
	if err := w.enter("Here"); err != nil {
		return false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	here := w.disks[d.Dev]
	return here != nil && !here.gone && here.Diskseq == d.Diskseq, nil
}

func (w *world) InFlight(d view.FenceDisk) (int, error) {
	if err := w.enter("InFlight"); err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.disks[d.Dev].inFlight, nil
}

func (w *world) Kernel() dm.Kernel { return w.kernel }

// fate is what a request to a volume gets.
func (w *world) fate(v view.FenceVolume) dmtest.Fate {
	return w.mem.Map(dm.DevNum{Major: v.Major, Minor: v.Minor}, 0).Fate
}
