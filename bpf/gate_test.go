// SPDX-License-Identifier: Apache-2.0

package bpf_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/plexus-cvm/plexus/bpf"
	"github.com/plexus-cvm/plexus/bpf/bpftest"
)

// eachGate runs the test on the gate in memory and, where it may be loaded, on the maps in the kernel.
func eachGate(t *testing.T, test func(t *testing.T, g bpf.Gate)) {
	t.Run("memory", func(t *testing.T) { test(t, bpftest.New(bpf.Now)) })
	t.Run("kernel", func(t *testing.T) {
		egress, err := bpf.NewEgress()
		if err != nil {
			t.Skipf("this process may not load packet programs: %v", err)
		}
		test(t, egress.Gate)
	})
}

func TestWhatIsGuardedIsListedByNumber(t *testing.T) {
	eachGate(t, func(t *testing.T, g bpf.Gate) {
		sda := bpf.Guarded{Dev: bpf.Dev{Major: 8}, Diskseq: 7, Group: 2}
		dm := bpf.Guarded{Dev: bpf.Dev{Major: 253, Minor: 300}, Group: 2, Volume: true}
		do(t, g.Guard(dm), g.Guard(sda))
		got, err := g.Guards()
		do(t, err)
		if want := []bpf.Guarded{sda, dm}; !slices.Equal(got, want) {
			t.Errorf("guards are %+v, want %+v", got, want)
		}
		do(t, g.Unguard(sda.Dev), g.Unguard(sda.Dev), g.Unguard(dm.Dev))
		if got, err = g.Guards(); err != nil || len(got) != 0 {
			t.Errorf("after unguard: %v, %v", got, err)
		}
		for _, bad := range []bpf.Guarded{{}, {Dev: bpf.Dev{Major: 1 << 12}}, {Dev: bpf.Dev{Major: 8, Minor: 1 << 20}}, {Dev: sda.Dev, Group: bpf.GroupsMax}} {
			if g.Guard(bad) == nil {
				t.Errorf("%+v was guarded", bad)
			}
		}
	})
}

func TestPortalsAreListedByAddress(t *testing.T) {
	eachGate(t, func(t *testing.T, g bpf.Gate) {
		mapped := netip.AddrPortFrom(netip.AddrFrom16(portal4.Addr().As16()), portal4.Port())
		do(t, g.AddPortal(bpf.Portal{Addr: portal6, Group: bpf.GroupAny}), g.AddPortal(bpf.Portal{Addr: mapped, Group: 3}))
		got, err := g.Portals()
		do(t, err)
		if want := []bpf.Portal{{Addr: portal4, Group: 3}, {Addr: portal6, Group: bpf.GroupAny}}; !slices.Equal(got, want) {
			t.Errorf("portals are %v, want %v", got, want)
		}
		do(t, g.RemovePortal(portal4), g.RemovePortal(portal6), g.RemovePortal(portal6))
		if got, err = g.Portals(); err != nil || len(got) != 0 {
			t.Errorf("after remove: %v, %v", got, err)
		}
		for _, bad := range []string{"0.0.0.0:3260", "10.0.0.1:0", "[::]:1"} {
			if g.AddPortal(bpf.Portal{Addr: netip.MustParseAddrPort(bad)}) == nil {
				t.Errorf("portal %s was added", bad)
			}
		}
	})
}

func TestGroupsBeginShut(t *testing.T) {
	eachGate(t, func(t *testing.T, g bpf.Gate) {
		for _, m := range []bpf.Mode{bpf.Shut, bpf.Open, bpf.ReadOnly} {
			if m != bpf.Shut {
				do(t, g.SetGroup(5, m))
			}
			if got, err := g.Group(5); err != nil || got != m {
				t.Errorf("group is %v (%v), want %v", got, err, m)
			}
		}
		if g.SetGroup(bpf.GroupsMax, bpf.Open) == nil || g.SetGroup(5, 3) == nil {
			t.Error("a group or mode that does not exist was set")
		}
		if _, err := g.Group(bpf.GroupsMax); err == nil {
			t.Error("a group that does not exist was read")
		}
	})
}

func TestFencedLeaseIsFollowedByNoneOnly(t *testing.T) {
	eachGate(t, func(t *testing.T, g bpf.Gate) {
		running := bpf.Lease{State: bpf.LeaseRunning, Deadline: bpf.Now() + 1e9, Hold: 5}
		do(t, g.SetLease(running))
		if got, err := g.Lease(); err != nil || got != running {
			t.Errorf("lease is %+v (%v), want %+v", got, err, running)
		}
		do(t, g.SetLease(bpf.Lease{State: bpf.LeaseFenced}))
		err := g.SetLease(running)
		if err == nil || !strings.Contains(err.Error(), "join anew") {
			t.Errorf("a fenced lease was renewed: %v", err)
		}
		do(t, g.SetLease(bpf.Lease{}), g.SetLease(running))
		for _, bad := range []bpf.Lease{{State: 4}, {Deadline: -1}, {Deadline: 1 << 62}, {Hold: -1}} {
			if g.SetLease(bad) == nil {
				t.Errorf("lease %+v was set", bad)
			}
		}
	})
}

func TestSelfHasFewSlots(t *testing.T) {
	eachGate(t, func(t *testing.T, g bpf.Gate) {
		do(t, g.SetSelf(bpf.SelfClusterd, os.Getpid()), g.SetSelf(bpf.SelfConfigd, 0))
		if g.SetSelf(bpf.SelvesMax, 1) == nil || g.SetSelf(bpf.SelfClusterd, -1) == nil {
			t.Error("a slot or process that does not exist was set")
		}
	})
}

// A lapse is counted from the moment a lease follows none; renewals do not forget it.
func TestLapsesAreCountedPerLease(t *testing.T) {
	now := int64(100)
	g := bpftest.New(func() int64 { return now })
	disk := bpf.Dev{Major: 8}
	do(t, g.Guard(bpf.Guarded{Dev: disk, Group: 1}), g.SetGroup(1, bpf.Open), g.SetLease(bpf.Lease{State: bpf.LeaseRunning, Deadline: 110}))
	touch := func(want bpftest.Verdict) {
		t.Helper()
		if got := g.Touch(disk, 0, bpftest.Write, 0); got != want {
			t.Fatalf("at %d the write is %v, want %v", now, got, want)
		}
	}
	touch(bpftest.Pass)
	now = 110
	touch(bpftest.Lapsed)
	do(t, g.SetLease(bpf.Lease{State: bpf.LeaseRunning, Deadline: 120}))
	touch(bpftest.Pass)
	if n := lapsed(t, g); n != 1 {
		t.Errorf("after a renewal %d lapses, want 1", n)
	}
	do(t, g.SetLease(bpf.Lease{State: bpf.LeaseFenced}))
	touch(bpftest.Refused)
	do(t, g.SetLease(bpf.Lease{}), g.SetLease(bpf.Lease{State: bpf.LeaseJoining, Deadline: 120}))
	if n := lapsed(t, g); n != 0 {
		t.Errorf("a new lease begins with %d lapses", n)
	}
}

func TestMountsOfCgroup2AreFound(t *testing.T) {
	const text = `30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - tmpfs tmpfs ro
31 30 0:27 / /sys/fs/cgroup/uni\040fied rw - cgroup2 cgroup2 rw
32 30 0:28 / /mnt rw - cgroup cgroup2 rw
rubbish - cgroup2
`
	if got := bpf.Cgroup2Mounts(strings.NewReader(text)); !slices.Equal(got, []string{"/sys/fs/cgroup/uni fied"}) {
		t.Errorf("found %q", got)
	}
}

func FuzzMountsOfCgroup2(f *testing.F) {
	f.Add("31 30 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
	f.Add(" - cgroup2 \n- -\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, dir := range bpf.Cgroup2Mounts(strings.NewReader(text)) {
			if dir == "" {
				t.Errorf("%q has a mount without a place", text)
			}
		}
	})
}

func TestPreemptionIsReadAsTheKernelWritesIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "preempt")
	for _, c := range []struct {
		text, want string
		no         bool
	}{
		{"none (voluntary) full\n", "voluntary", false},
		{"(none) voluntary full lazy\n", "none", false},
		{"none voluntary (full)\n", "", true},
		{"none voluntary full (lazy)\n", "", true},
		{"nonsense\n", "", false},
	} {
		do(t, os.WriteFile(file, []byte(c.text), 0o600))
		got, err := bpf.PreemptionFrom(file)
		if got != c.want || errors.Is(err, bpf.ErrNotSupported) != c.no || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q, %v", c.text, got, err)
		}
	}
}

func TestDirectoryThatCannotHoldPinsIsNamed(t *testing.T) {
	err := bpf.CheckBPFFS(filepath.Join(t.TempDir(), "pins"))
	if err == nil || !strings.Contains(err.Error(), "mount -t bpf") {
		t.Errorf("got %v", err)
	}
	if _, err := bpf.Adopt(filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("adopting nothing: %v", err)
	}
}

func TestProbeAnswersEachNameOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range bpf.Probe() {
		t.Log(f)
		if seen[f.Name] || (f.Answer == bpf.Yes) != (f.Err == nil) || f.Answer != bpf.Yes && f.Detail == "" {
			t.Errorf("finding %+v", f)
		}
		seen[f.Name] = true
	}
	for _, name := range []string{"btf", "bpffs", "cgroup2", "open", "permission", "ioctl", "mmap", "uring_cmd", "egress", "bio", "preemption"} {
		if !seen[name] {
			t.Errorf("no answer for %s", name)
		}
	}
}
