//go:build guest

// SPDX-License-Identifier: Apache-2.0

package bpf_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/bpf"
)

// childVar makes this program play a part of a test in a process of its own; see TestMain.
const childVar = "GATE_TEST_CHILD"

func TestMain(m *testing.M) {
	if part, found := children[os.Getenv(childVar)]; found {
		if err := part(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var children = map[string]func() error{
	// loads the gate, opens it for a short while, says so, and waits to be killed
	"daemon": func() error {
		g, err := bpf.Load(bpf.PinDir)
		if err != nil {
			return err
		}
		if err := g.SetGroup(group, bpf.Open); err != nil {
			return err
		}
		if err := g.SetLease(bpf.Lease{State: bpf.LeaseRunning, Deadline: bpf.Now() + int64(daemonLease)}); err != nil {
			return err
		}
		fmt.Println("loaded")
		select {}
	},
	"load": func() error {
		_, err := bpf.Load(bpf.PinDir)
		return err
	},
	"load without BTF": func() error {
		if err := unix.Mount("none", "/sys/kernel/btf", "tmpfs", 0, ""); err != nil {
			return err
		}
		_, err := bpf.Load("")
		return err
	},
	"load without cgroup2": func() error {
		if err := unix.Unmount("/sys/fs/cgroup", unix.MNT_DETACH); err != nil {
			return err
		}
		g, err := bpf.Load("")
		if err != nil {
			return err
		}
		if err := g.Missing(bpf.HookPermission); err != nil {
			return fmt.Errorf("a file hook went with it: %w", err)
		}
		return g.Missing(bpf.HookEgress)
	},
}

const daemonLease = 800 * time.Millisecond

func child(t *testing.T, part string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	do(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVar+"="+part)
	return cmd
}

// Nobody renews, nobody is left: the gate shuts by itself, and the next daemon finds it as it was.
func TestGateOutlivesItsDaemonAndShutsByItself(t *testing.T) {
	d := newDisk(t)
	fd := open(t, d.path, unix.O_RDWR|unix.O_DIRECT)
	daemon := child(t, "daemon")
	out, err := daemon.StdoutPipe()
	do(t, err, daemon.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "loaded\n" {
		t.Fatalf("the daemon said %q, %v", line, err)
	}
	daemon.Process.Signal(syscall.SIGKILL)
	daemon.Wait()

	g, err := bpf.Adopt(bpf.PinDir)
	do(t, err, g.Guard(d.Guarded))
	l, err := g.Lease()
	do(t, err, g.Close())
	data := block(t, landed)
	for err == nil && bpf.Now() < l.Deadline+int64(time.Minute) {
		_, err = unix.Pwrite(fd, data, 0)
	}
	if late := time.Duration(bpf.Now() - l.Deadline); !errors.Is(err, unix.EIO) || late < 0 {
		t.Errorf("writing ended with %v, %v after the deadline", err, late)
	}
	g = loadGate(t)
	if n := lapsed(t, g); n != 1 {
		t.Errorf("the next daemon sees %d lapses, want 1", n)
	}
	if guards, err := g.Guards(); err != nil || !slices.Contains(guards, d.Guarded) {
		t.Errorf("the next daemon finds %v guarded (%v), want %v", guards, err, d.Guarded)
	}
}

// shareCPU binds the caller's thread to the first CPU; the thread ends with the caller.
func shareCPU(t *testing.T) {
	runtime.LockOSThread()
	var first unix.CPUSet
	first.Set(0)
	if err := unix.SchedSetaffinity(0, &first); err != nil {
		t.Error(err)
	}
}

func linkIDs(t *testing.T, g *bpf.Pinned) (ids []uint32) {
	t.Helper()
	for _, h := range bpf.Hooks() {
		id, err := g.LinkID(h)
		do(t, err)
		ids = append(ids, id)
	}
	return ids
}

func TestSameProgramsAreAdoptedOthersReplacedWithoutAGap(t *testing.T) {
	g, d := loadGate(t), newDisk(t)
	fd := open(t, d.path, unix.O_RDWR|unix.O_DIRECT)
	do(t, g.Guard(d.Guarded))
	first := linkIDs(t, g)
	again, err := bpf.Load(bpf.PinDir)
	do(t, err)
	if ids := linkIDs(t, again); !slices.Equal(ids, first) {
		t.Errorf("loading again made links %v of %v", ids, first)
	}
	do(t, again.Close())
	// Only the pins hold the old programs from here on.
	do(t, g.Close())

	// The kernel changes the code of a hook while others run it. An emulated machine with a thread for each of its CPUs
	// can run what is no longer there and panic, so the writer and the change share a CPU here and take turns.
	data := block(t, landed)
	var passed, refused atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	shareCPU(t)
	go func() {
		defer close(stopped)
		shareCPU(t)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := unix.Pwrite(fd, data, 0); err == nil {
				passed.Add(1)
			} else {
				refused.Add(1)
			}
		}
	}()
	other, err := bpf.LoadAs(bpf.PinDir, 1)
	do(t, err)
	close(stop)
	<-stopped
	for _, id := range linkIDs(t, other) {
		if slices.Contains(first, id) {
			t.Errorf("link %d was not replaced", id)
		}
	}
	if passed.Load() != 0 || refused.Load() == 0 {
		t.Errorf("during the replacement %d writes passed and %d were refused", passed.Load(), refused.Load())
	}
	if guards, err := other.Guards(); err != nil || len(guards) != 1 {
		t.Errorf("after the replacement %v is guarded (%v)", guards, err)
	}
	do(t, other.Close())
}

func TestHalfMadeGateIsCompleted(t *testing.T) {
	g := loadGate(t)
	do(t, os.Remove(bpf.PinDir+"/permission"), os.Remove(bpf.PinDir+"/portals"))
	if _, err := bpf.Adopt(bpf.PinDir); err == nil || !strings.Contains(err.Error(), "portals") {
		t.Errorf("adopting a half-made gate: %v", err)
	}
	whole, err := bpf.Load(bpf.PinDir)
	do(t, err)
	defer whole.Close()
	for i, id := range linkIDs(t, whole) {
		if slices.Contains(linkIDs(t, g), id) {
			t.Errorf("hook %v still has its old link, upon the map that is gone", bpf.Hook(i))
		}
	}
}

func TestGateOfAnotherLayoutIsNotTouched(t *testing.T) {
	g := loadGate(t)
	do(t, g.WriteLayout(99))
	_, err := bpf.Load(bpf.PinDir)
	if err == nil || !strings.Contains(err.Error(), "layout 99") || !strings.Contains(err.Error(), "leave the cluster") {
		t.Errorf("loading over it: %v", err)
	}
	do(t, g.WriteLayout(1))
}

func TestGateWithGuardsIsNotRemoved(t *testing.T) {
	g, d := loadGate(t), newDisk(t)
	do(t, g.Guard(d.Guarded))
	if err := g.Remove(); err == nil || !strings.Contains(err.Error(), "still guarded") {
		t.Errorf("remove: %v", err)
	}
}

func TestAnotherDiskUnderTheNumberIsNotGuarded(t *testing.T) {
	g, d := loadGate(t), newDisk(t)
	fd := open(t, d.path, unix.O_RDWR|unix.O_DIRECT)
	stale := d.Guarded
	stale.Diskseq--
	data := block(t, landed)
	do(t, g.Guard(stale))
	if _, err := unix.Pwrite(fd, data, 0); err != nil {
		t.Errorf("write to a disk with another diskseq: %v", err)
	}
	if c := counter(t, g, bpf.HookPermission); c.Passed+c.Refused+c.Lapsed != 0 {
		t.Errorf("it was counted: %+v", c)
	}
	stale.Diskseq = 0 // any
	do(t, g.Guard(stale))
	if _, err := unix.Pwrite(fd, data, 0); !errors.Is(err, unix.EIO) {
		t.Errorf("write to a disk guarded by its number alone: %v", err)
	}
}

func TestErrorsSayWhatIsMissingAndWhatToDo(t *testing.T) {
	for _, c := range []struct {
		part string
		attr syscall.SysProcAttr
		want []string
	}{
		{"load", syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}, []string{"run as root"}},
		{"load without BTF", syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}, []string{"/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF"}},
		{"load without cgroup2", syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}, []string{"egress", "mount -t cgroup2"}},
	} {
		cmd := child(t, c.part)
		cmd.SysProcAttr = &c.attr
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s: it succeeded", c.part)
		}
		t.Logf("%s: %s", c.part, out)
		for _, want := range c.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s says nothing of %q", c.part, want)
			}
		}
	}
}

// What SelfTest finds must be what these kernels can do, with and without a lease.
func TestSelfTestSeesEveryHookRefuse(t *testing.T) {
	for _, f := range bpf.Probe() {
		t.Log("probe", f)
		if f.Name != "bio" && f.Name != "preemption" && f.Answer != bpf.Yes {
			t.Errorf("probe %v", f)
		}
	}
	g := loadGate(t)
	for _, runs := range []time.Duration{0, time.Hour} {
		lease(t, g, bpf.LeaseRunning, runs)
		start := time.Now()
		for _, f := range g.SelfTest(context.Background()) {
			t.Log(f)
			switch {
			case f.Answer == bpf.Yes:
			case f.Name == "uring_cmd" && f.Answer == bpf.No && strings.HasPrefix(os.Getenv("PLEXUS_GUEST"), "6.1"):
			case f.Name == "permission" && f.Answer == bpf.No && bootOption(t, "preempt=full"):
			default:
				t.Errorf("%v", f)
			}
		}
		t.Logf("took %v", time.Since(start))
	}
	if guards, err := g.Guards(); err != nil || len(guards) != 0 {
		t.Errorf("the self-test left %v guarded (%v)", guards, err)
	}
}
