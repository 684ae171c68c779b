// SPDX-License-Identifier: Apache-2.0

//go:build guest

package fence

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/kernel"
	"github.com/plexus-cvm/plexus/dm/udev"
)

// simulated loads the kernel's SCSI simulator, whose disk comes and goes as one of an iSCSI session does; there is no
// session and no portal.
func simulated(t *testing.T) view.FenceDisk {
	t.Helper()
	if os.Getenv("PLEXUS_GUEST") == "" {
		t.Skip("loads modules and makes devices: only in a guest (PLEXUS_GUEST)")
	}
	for _, module := range []string{"dm_mod", "tcp_diag", "sd_mod", "scsi_debug"} {
		if out, err := exec.Command("modprobe", module).CombinedOutput(); err != nil {
			t.Fatalf("modprobe %s: %v: %s", module, err, out)
		}
	}
	const pattern = "/sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/sd*"
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		found, _ := filepath.Glob(pattern)
		if len(found) == 0 {
			unix.Nanosleep(&unix.Timespec{Nsec: 10e6}, nil)
			continue
		}
		d := view.FenceDisk{ID: "x", Dev: filepath.Base(found[0]), Transport: view.TransportISCSI}
		number, err := read(found[0] + "/dev")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Sscanf(number, "%d:%d", &d.Major, &d.Minor)
		seq, _ := read(found[0] + "/diskseq")
		d.Diskseq, _ = strconv.ParseUint(seq, 10, 64)
		return d
	}
	t.Fatal("no disk of scsi_debug after 20 s")
	return view.FenceDisk{}
}

type gate struct{ shut bool }

func (g *gate) Shut() error { g.shut = true; return nil }

func TestALeaveOnARealKernel(t *testing.T) {
	d := simulated(t)
	control, err := kernel.Open(udev.New())
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	v := view.FenceVolume{Name: "g-v", UUID: uuidPrefix + groupID + "-" + strings.Repeat("1", 32)}
	number, err := control.Create(v.Name, v.UUID)
	if err != nil {
		t.Fatal(err)
	}
	table := dm.Table{{Length: 2048, Target: dm.Linear{Dev: dm.Ref{Num: dm.DevNum{Major: d.Major, Minor: d.Minor}}}}}
	if err := errors.Join(control.Load(v.Name, table, false), control.Resume(v.Name)); err != nil {
		t.Fatal(err)
	}
	node := filepath.Join(t.TempDir(), "node")
	if err := unix.Mknod(node, unix.S_IFBLK|0o600, int(unix.Mkdev(number.Major, number.Minor))); err != nil {
		t.Fatal(err)
	}
	user, err := os.OpenFile(node, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	// Requests wait in the volume, as in one that is held.
	if err := control.Suspend(t.Context(), v.Name, false); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := user.ReadAt(make([]byte, 512), 0)
		ended <- err
	}()

	set := view.FenceSet{Group: "g", GroupID: groupID, Disks: []view.FenceDisk{d}, Volumes: []view.FenceVolume{v}}
	g := &gate{}
	r := Run(t.Context(), Linux(g, control), MakePlan([]view.FenceSet{set}, 7))
	t.Log(r)
	if !r.Drained() || !g.shut {
		t.Error("not drained")
	}
	if err := <-ended; !errors.Is(err, unix.EIO) {
		t.Errorf("the request that was held: %v", err)
	}
	if _, err := os.Stat("/sys/block/" + d.Dev); err == nil {
		t.Errorf("%s is still there", d.Dev)
	}
	if again := Run(t.Context(), Linux(g, control), MakePlan([]view.FenceSet{set}, 8)); !again.Drained() || !again.Clean() {
		t.Errorf("the second time: %v", again)
	}
	left, err := Left(control)
	if err != nil || len(left) != 1 || left[0].Name != "g-v-left-7" || left[0].OpenCount != 1 {
		t.Fatalf("left %+v, %v", left, err)
	}
	user.Close()
	if open, err := Sweep(control); len(open) != 0 || err != nil {
		t.Errorf("after the close: %v, %v", open, err)
	}
}
