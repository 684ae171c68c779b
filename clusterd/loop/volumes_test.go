// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/plexus-cvm/plexus/clusterd/fence"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/dmtest"
)

const groupID = "0123456789abcdef0123456789abcdef"

var theDisk = dm.DevNum{Major: 8, Minor: 16}

// stage is volumes over a device-mapper in memory, which waits at gates.
type stage struct {
	t      *testing.T
	kernel *dmtest.Locked
	v      *volumes
	// at waits before an operation of device-mapper that a test has put a channel in for: "suspend data-b".
	at map[string]chan struct{}
}

func newStage(t *testing.T) *stage {
	x := &stage{t: t, kernel: dmtest.NewLocked(dmtest.New(map[dm.DevNum]dm.Sectors{theDisk: 4096})), at: map[string]chan struct{}{}}
	x.kernel.Before = func(ctx context.Context, op, name string) error {
		gate := x.at[op+" "+name]
		if gate == nil {
			return nil
		}
		gate <- struct{}{} // arrived
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	sets, err := fence.OpenStore(filepath.Join(t.TempDir(), "fence"))
	if err != nil {
		t.Fatal(err)
	}
	x.v = newVolumes(x.kernel, sets)
	return x
}

// begin lets the worker go, after the test has put its gates up.
func (x *stage) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	go x.v.work(ctx)
	x.t.Cleanup(func() { cancel(); x.v.wait() })
}

// set is a fence set with these volumes; those with a star are owned. The devices are made where they are not there.
func (x *stage) set(names ...string) view.FenceSet {
	s := view.FenceSet{Group: "data", GroupID: groupID, Disks: []view.FenceDisk{}}
	for _, n := range names {
		n, owned := strings.CutSuffix(n, "*")
		name := dm.VolumeName("data", n)
		s.Volumes = append(s.Volumes, view.FenceVolume{Name: name, UUID: "PLEXUS-" + groupID + "-" + n, Owned: owned})
		x.kernel.With(func(k *dmtest.Kernel) {
			if _, err := k.Create(name, "PLEXUS-"+groupID+"-"+n); err == nil {
				x.load(k, name, 0)
				_ = k.Resume(name)
			}
		})
	}
	return s
}

// load puts a table in the inactive slot.
func (x *stage) load(k *dmtest.Kernel, name string, start dm.Sectors) {
	x.t.Helper()
	table := dm.Table{{Length: 8, Target: dm.Linear{Dev: dm.Ref{Num: theDisk}, Start: start}}}
	if err := k.Load(name, table, false); err != nil {
		x.t.Fatal(err)
	}
}

func (x *stage) put(names ...string) (holding bool) {
	x.t.Helper()
	holding, err := x.v.put(x.set(names...))
	if err != nil {
		x.t.Fatal(err)
	}
	return holding
}

// hold waits until the volumes are held.
func (x *stage) hold() {
	x.t.Helper()
	done := make(chan error, 1)
	x.v.suspend(func(err error) { done <- err })
	if err := <-done; err != nil {
		x.t.Fatal(err)
	}
}

func (x *stage) release() {
	x.t.Helper()
	done := make(chan error, 1)
	x.v.release(func(err error) { done <- err })
	if err := <-done; err != nil {
		x.t.Fatal(err)
	}
}

// suspended lists the suspended volumes.
func (x *stage) suspended() (names []string) {
	x.kernel.With(func(k *dmtest.Kernel) {
		list, _ := k.List()
		for _, e := range list {
			if i, _ := k.Info(e.Name); i.Suspended {
				names = append(names, strings.TrimPrefix(e.Name, "data-"))
			}
		}
	})
	return names
}

func (x *stage) want(names ...string) {
	x.t.Helper()
	if got := x.suspended(); !slices.Equal(got, names) {
		x.t.Errorf("suspended are %v, want %v", got, names)
	}
}

func TestAHoldSuspendsWhatIsOursAndAReleaseResumesIt(t *testing.T) {
	x := newStage(t)
	x.begin()
	x.put("a", "b", "c*")
	x.hold()
	x.want("a", "b")
	x.release()
	x.want()
}

func TestAVolumeHandedBackDuringAHoldIsHeldThoughItsOwnerNeverSuspendedIt(t *testing.T) {
	x := newStage(t)
	gate := make(chan struct{})
	x.at["suspend data-b"] = gate
	x.begin()
	x.put("a", "b*")
	x.hold()
	x.want("a")
	if !x.put("a", "b") {
		t.Error("configd was told that nothing is held: it would resume the volume")
	}
	<-gate // it is being suspended
	gate <- struct{}{}
	x.release()
	x.want()
}

func TestAVolumeHandedBackInTimeOfPeaceGoesOn(t *testing.T) {
	x := newStage(t)
	gate := make(chan struct{})
	x.at["resume data-a"] = gate
	x.begin()
	x.put("a*")
	x.kernel.With(func(k *dmtest.Kernel) { _ = k.Suspend(t.Context(), "data-a", true) })
	if x.put("a") {
		t.Error("configd was told that the volumes are held")
	}
	<-gate // it is being resumed
	gate <- struct{}{}
}

func TestALateResumeDoesNotSwapInAnUndecidedTable(t *testing.T) {
	x := newStage(t)
	gate := make(chan struct{})
	x.at["resume data-a"] = gate
	x.put("a*", "b")
	x.put("a", "b") // handed back: to be resumed
	x.put("a*", "b")
	x.kernel.With(func(k *dmtest.Kernel) {
		x.load(k, "data-a", 512) // the next change, which nobody has decided
		_ = k.Suspend(t.Context(), "data-a", true)
	})
	x.begin() // and only now the worker comes to it
	x.release()
	x.want("a")
	x.kernel.With(func(k *dmtest.Kernel) {
		if i, _ := k.Info("data-a"); !i.HasInactive {
			t.Error("the undecided table is live")
		}
	})
}

func TestAReleaseEndsAHoldThatHangs(t *testing.T) {
	x := newStage(t)
	gate := make(chan struct{})
	x.at["suspend data-b"] = gate
	x.put("a", "b", "c")
	x.begin()
	hold := x.v.suspend(func(error) { t.Error("the volumes are said to be held") })
	<-gate // it hangs at b
	x.release()
	x.want()
	if x.v.holds(hold) {
		t.Error("the hold is still in force")
	}
}

func TestOnlyTheLatestWishIsCarriedOut(t *testing.T) {
	x := newStage(t)
	x.put("a")
	for range 1000 { // nobody takes them, and nobody waits
		x.v.suspend(func(error) {})
		x.v.release(func(error) {})
	}
	done := make(chan error, 1)
	x.v.suspend(func(err error) { done <- err })
	x.begin()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	x.want("a")
}

func TestAVolumeThatCannotBeHeldIsNamed(t *testing.T) {
	x := newStage(t)
	x.kernel.Before = func(_ context.Context, op, name string) error {
		if op == "suspend" && name == "data-b" {
			return errors.New("input/output error")
		}
		return nil
	}
	x.put("a", "b")
	x.begin()
	done := make(chan error, 1)
	x.v.suspend(func(err error) { done <- err })
	if err := <-done; err == nil || !strings.Contains(err.Error(), "hold data-b") {
		t.Errorf("got %v", err)
	}
}

func TestNoFenceSetComesAfterACleanLeaveHasFoundNone(t *testing.T) {
	x := newStage(t)
	x.put("a")
	if x.v.close() {
		t.Fatal("closed with a set there")
	}
	if err := x.v.drop(groupID); err != nil {
		t.Fatal(err)
	}
	if !x.v.close() {
		t.Fatal("not closed with no set there")
	}
	if _, err := x.v.put(x.set("a")); !errors.Is(err, fence.ErrLeaving) {
		t.Errorf("put answered %v", err)
	}
	x.v.open()
	x.put("a")
}

func TestFenceSetsStandStillDuringALeave(t *testing.T) {
	x := newStage(t)
	x.put("a")
	if err := x.v.begin(fence.Leave{Seq: 7, Inc: 3, Reason: view.ReasonLeaseLost}); err != nil {
		t.Fatal(err)
	}
	if _, err := x.v.put(x.set("a", "b")); !errors.Is(err, fence.ErrLeaving) {
		t.Errorf("put answered %v", err)
	}
	if err := x.v.drop(groupID); !errors.Is(err, fence.ErrLeaving) {
		t.Errorf("drop answered %v", err)
	}
}
