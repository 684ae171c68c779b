// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/dmtest"
)

func TestThePlanPrintsFromBelowUpwards(t *testing.T) {
	_, set := newWorld(t)
	again := set
	again.Group, again.GroupID, again.Volumes = "h", strings.Repeat("f", 32), nil // the same disks
	want := `leave view 7
  gate      1s   shut the gate
  fast-fail 1s   fast-fail sda; fast-fail sdb
  sockets   2s   destroy sockets to 10.0.0.9:3260
  delete    5s   delete sda; delete sdb
  drain     15s  drain sda; drain sdb
  tables    10s  error tables for group g
  aside     5s   set the volumes of group g aside
  remove    5s   remove volumes that nobody has open
`
	if got := MakePlan([]view.FenceSet{set, again}, 7).String(); got != want {
		t.Fatalf("got\n%swant\n%s", got, want)
	}
}

func TestALeaveEndsWithNothingLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, set := newWorld(t)
		w.mem.Open("g-top")
		// configd died with one volume suspended, and clusterd holds another.
		w.mem.Suspend(t.Context(), "g-low", false)
		w.mem.Suspend(t.Context(), "g-other", false)
		set.Volumes[2].Owned = true
		r := Run(t.Context(), w, MakePlan([]view.FenceSet{set}, 7))
		if !r.Drained() || !r.Clean() || !w.shut || !w.disks["sda"].gone || w.disks["sdb"].inFlight != 0 {
			t.Fatal(r)
		}
		for _, v := range set.Volumes {
			if w.fate(v) != dmtest.Fails {
				t.Errorf("%s: not an error", v.Name)
			}
		}
		left, err := Left(w.mem)
		if err != nil || len(left) != 1 || left[0].Name != "g-top-left-7" {
			t.Fatalf("left %v, %v", left, err)
		}
		if !strings.Contains(r.String(), "to be removed at the last close: g-top-left-7") {
			t.Fatal(r)
		}
		w.mem.Close("g-top-left-7")
		if open, err := Sweep(w.mem); len(open) != 0 || err != nil {
			t.Fatal(open, err)
		}
		if all, _ := w.mem.List(); len(all) != 0 {
			t.Fatalf("still there: %v", all)
		}
	})
}

// The report must say "drained" only when it is so, and every other stage must have been done all the same.
func TestAStageThatFailsOrHangsDoesNotStopTheOthers(t *testing.T) {
	for _, row := range []struct {
		method  string
		drained bool
	}{
		{"Shut", false}, {"FailFast", true}, {"Sever", true}, {"Delete", false}, {"Here", false}, {"InFlight", true},
	} {
		for _, hangs := range []bool{false, true} {
			t.Run(row.method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, set := newWorld(t)
					if hangs {
						w.hang[row.method] = make(chan struct{})
						defer close(w.hang[row.method])
					} else {
						w.fail[row.method] = errors.New("broken")
					}
					begun := time.Now()
					r := Run(t.Context(), w, MakePlan([]view.FenceSet{set}, 7))
					if r.Drained() != row.drained {
						t.Errorf("drained is %v:\n%v", r.Drained(), r)
					}
					if row.method != "InFlight" && r.Clean() {
						t.Errorf("the report hides it:\n%v", r)
					}
					if took := time.Since(begun); took > 40*time.Second {
						t.Errorf("took %v", took)
					}
					for _, v := range set.Volumes {
						if w.fate(v) != dmtest.Fails {
							t.Errorf("%s: its users got no error", v.Name)
						}
					}
				})
			})
		}
	}
}

func TestEachCallToDeviceMapperMayFailOnce(t *testing.T) {
	for i := 0; ; i++ {
		w, set := newWorld(t)
		faulty := &dmtest.Faulty{Kernel: w.mem, Fault: dmtest.FailAt(i)}
		w.kernel = faulty
		plan := MakePlan([]view.FenceSet{set}, 7)
		first := Run(t.Context(), w, plan)
		if faulty.Calls() <= i {
			if i < 10 {
				t.Fatalf("only %d calls", i)
			}
			return
		}
		if !first.Drained() {
			t.Fatalf("call %d: %v", i, first)
		}
		second := Run(t.Context(), w, plan) // what is left undone is done by the next
		if all, _ := w.mem.List(); !second.Clean() || len(all) != 0 {
			t.Fatalf("call %d: %v\nthen %v\nleft %v", i, first, second, all)
		}
	}
}

// The process is killed before the i-th call; the next one finds the same sets and does it all again.
func TestAKilledLeaveIsFinishedByTheNext(t *testing.T) {
	for i := 0; ; i++ {
		w, set := newWorld(t)
		w.mem.Open("g-top")
		faulty := &dmtest.Faulty{Kernel: w.mem, Fault: dmtest.CrashAt(i)}
		w.kernel = faulty
		Run(t.Context(), w, MakePlan([]view.FenceSet{set}, 7))
		done := faulty.Calls() <= i
		w.kernel = w.mem
		r := Run(t.Context(), w, MakePlan([]view.FenceSet{set}, 8))
		left, _ := Left(w.mem)
		if !r.Drained() || !r.Clean() || len(left) != 1 || !strings.HasPrefix(left[0].Name, "g-top-left-") ||
			strings.Count(left[0].Name, "-left-") != 1 || w.fate(set.Volumes[0]) != dmtest.Fails {
			t.Fatalf("killed before call %d: %v\nleft %v", i, r, left)
		}
		if done {
			return
		}
	}
}

func TestAnotherDiskUnderTheOldNameIsNotTouched(t *testing.T) {
	w, set := newWorld(t)
	w.disks["sda"].Diskseq = 99
	r := Run(t.Context(), w, MakePlan([]view.FenceSet{set}, 7))
	if d := w.disks["sda"]; d.gone || d.fast || !r.Drained() {
		t.Fatalf("%+v\n%v", d, r)
	}
}

func TestADiskThatCannotBeCutIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, set := newWorld(t)
		for i, name := range []string{"sda", "sdb"} {
			set.Disks[i].Transport, set.Disks[i].Portals = view.TransportVirtio, nil
			w.disks[name].FenceDisk = set.Disks[i]
		}
		w.disks["sdb"].inFlight = 0
		time.AfterFunc(3*time.Second, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.disks["sda"].inFlight = 0
		})
		r := Run(t.Context(), w, MakePlan([]view.FenceSet{set}, 7))
		if !r.Drained() || r.Took < 3*time.Second || slices.Contains(w.calls, "Delete") || slices.Contains(w.calls, "Sever") {
			t.Fatalf("%v, calls %v", r, w.calls)
		}
		if !strings.Contains(r.String(), "nothing can be cut on transport virtio; nothing is in flight") {
			t.Fatal(r)
		}
		w.disks["sda"].inFlight = 5
		r = Run(t.Context(), w, MakePlan([]view.FenceSet{set}, 7))
		if r.Drained() || !strings.Contains(r.String(), "5 in flight") || !strings.Contains(r.String(), "NOT drained") {
			t.Fatal(r)
		}
	})
}

func TestTheGateIsShutEvenIfThereIsNoTime(t *testing.T) {
	w, set := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	Run(ctx, w, MakePlan([]view.FenceSet{set}, 7))
	if !w.shut {
		t.Fatal("the gate is open")
	}
}

func TestDevicesThatAreNotOursAreLeftAlone(t *testing.T) {
	w, set := newWorld(t)
	w.mem.Create("other-left-3", "LVM-x")
	w.mem.Create("g--left-5", uuidPrefix+"x") // a volume in use: group g-left, volume 5
	set.Volumes = append(set.Volumes, view.FenceVolume{Name: "other-left-3", UUID: "LVM-x"})
	Run(t.Context(), w, MakePlan([]view.FenceSet{set}, 7))
	all, _ := w.mem.List()
	if len(all) != 2 || all[0].Name != "g--left-5" || all[1].Name != "other-left-3" {
		t.Fatal(all)
	}
}

func TestALongNameIsCutAndStaysApart(t *testing.T) {
	long := strings.Repeat("v", nameBytesMax)
	a := asideName(dm.Info{Name: long, Dev: dm.DevNum{Minor: 1}}, 1<<40)
	b := asideName(dm.Info{Name: long, Dev: dm.DevNum{Minor: 2}}, 1<<40)
	if a == b || len(a) > nameBytesMax || !leftName.MatchString(a) || dm.ValidateName(a) != nil {
		t.Fatal(a, b)
	}
}

func TestAReportKeepsItsWordThroughJSON(t *testing.T) {
	w, set := newWorld(t)
	w.fail["Delete"] = errors.New("broken")
	synctest.Test(t, func(t *testing.T) {
		r := Run(t.Context(), w, MakePlan([]view.FenceSet{set}, 7))
		text, err := json.Marshal(r)
		var back Report
		if err = errors.Join(err, json.Unmarshal(text, &back)); err != nil || back.Drained() || back.String() != r.String() {
			t.Fatal(err, back)
		}
	})
	if (Report{}).Drained() {
		t.Fatal("a leave that did nothing counts as drained")
	}
}
