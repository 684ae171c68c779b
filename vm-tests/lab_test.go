//go:build vm

// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// faultTime is how long the faults of these tests last.
const faultTime = 3 * time.Second

// newTestLab makes a lab for one test; its consoles are kept if the test fails.
func newTestLab(t *testing.T, o Options) *Lab {
	t.Helper()
	o.Log = t.Logf
	l, err := New(testContext(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			dir, err := l.Keep()
			t.Logf("consoles and journals: %s %v", dir, err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, n *Node, argv ...string) string {
	t.Helper()
	out, err := n.Run(testContext(t), argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// lasts lets a fault last for its time; nothing waits for anything here.
func lasts(d time.Duration) { <-time.After(d) }

// bootTime is the node's CLOCK_BOOTTIME.
func bootTime(t *testing.T, n *Node) time.Duration {
	t.Helper()
	seconds, err := strconv.ParseFloat(strings.Fields(run(t, n, "cat", "/proc/uptime"))[0], 64)
	must(t, err)
	return time.Duration(seconds * float64(time.Second))
}

// reaches says whether n gets an answer from an address.
func reaches(t *testing.T, n *Node, address string) bool {
	t.Helper()
	_, err := n.Run(testContext(t), "ping", "-c", "3", "-i", "0.3", "-W", "1", address)
	var exit *ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return err == nil
}

func TestLab(t *testing.T) {
	for _, series := range seriesUnderTest() {
		t.Run(series, func(t *testing.T) {
			l := newTestLab(t, Options{Kernel: series, Nodes: 2, Disks: 2, Off: true})
			must(t, l.Node(1).Boot(testContext(t)))
			if took := l.Node(1).BootTook(); took > nodeUpMax {
				t.Errorf("a node alone is up in %v, want %v at most", took, nodeUpMax)
			}
			must(t, l.BootAll(testContext(t)))
			for _, test := range []struct {
				name string
				run  func(*testing.T, *Lab)
			}{
				{"nodes have names and networks of their own", ownNames},
				{"two nodes and the target see the same bytes", sameBytes},
				{"a network that is down carries nothing", networkDown},
				{"a cut parts two nodes and no others", cutPair},
				{"an unplugged node loses its carrier", unplugged},
				{"a frozen node's clock jumps", frozen},
				{"a paused node's clock stands still", paused},
				{"a command on a frozen node ends with its context", frozenCommand},
				{"the state disk survives a kill", survives},
			} {
				t.Run(test.name, func(t *testing.T) {
					test.run(t, l)
					must(t, l.Heal())
				})
			}
			for _, n := range l.Nodes() {
				if err := n.CheckKernelLog(testContext(t)); err != nil {
					t.Error(err)
				}
			}
			start := time.Now()
			must(t, l.Node(1).PowerOff(testContext(t)))
			t.Logf("off in %.1f s", time.Since(start).Seconds())
		})
	}
}

func ownNames(t *testing.T, l *Lab) {
	names := map[string]bool{}
	for _, n := range l.Nodes() {
		for _, name := range []string{
			run(t, n, "hostname"), run(t, n, "cat", "/etc/machine-id"), run(t, n, "cat", "/etc/iscsi/initiatorname.iscsi"),
		} {
			if names[name] {
				t.Errorf("%s: %q is another node's too", n.Name(), name)
			}
			names[name] = true
		}
		for _, w := range l.networks() {
			if out := run(t, n, "ip", "-br", "addr", "show", w.name); !strings.Contains(out, n.Address(w)+"/24") {
				t.Errorf("%s: %q, want %s", n.Name(), out, n.Address(w))
			}
		}
	}
}

func sameBytes(t *testing.T, l *Lab) {
	ctx, disk := testContext(t), l.Target.Disk(2)
	start := time.Now()
	must(t, l.LoginAll(ctx))
	t.Logf("both logged in within %.1f s", time.Since(start).Seconds())
	want := bytes.Repeat([]byte("the same bytes! "), 4096/16)
	if _, err := l.Node(1).Feed(ctx, bytes.NewReader(want), "dd", "of="+disk.Device(), "bs=4096", "seek=7", "oflag=direct", "iflag=fullblock"); err != nil {
		t.Fatal(err)
	}
	got := run(t, l.Node(2), "dd", "if="+disk.Device(), "bs=4096", "skip=7", "count=1", "iflag=direct")
	if got != string(want) {
		t.Errorf("node 2 read %q...", got[:min(32, len(got))])
	}
	at := make([]byte, 4096)
	if _, err := disk.ReadAt(at, 7*4096); err != nil || !bytes.Equal(at, want) {
		t.Errorf("the target holds %q..., %v", at[:32], err)
	}
	serials := strings.Fields(run(t, l.Node(2), "lsblk", "-dno", "SERIAL", l.Target.Disk(1).Device(), disk.Device()))
	if fmt.Sprint(serials) != "[plexus-disk-1 plexus-disk-2]" {
		t.Errorf("serial numbers %v", serials)
	}
}

func networkDown(t *testing.T, l *Lab) {
	n, other := l.Node(1), l.Node(2)
	if !reaches(t, n, other.Address(l.Interconnect)) {
		t.Fatal("node 1 does not reach node 2 to begin with")
	}
	must(t, l.Interconnect.Down())
	if reaches(t, n, other.Address(l.Interconnect)) {
		t.Error("the interconnect carries packets while it is down")
	}
	if !reaches(t, n, other.Address(l.Storage)) {
		t.Error("the storage network went down with the interconnect")
	}
	must(t, l.Interconnect.Up())
	if !reaches(t, n, other.Address(l.Interconnect)) {
		t.Error("the interconnect did not come up again")
	}
}

func cutPair(t *testing.T, l *Lab) {
	n, other := l.Node(1), l.Node(2)
	must(t, l.Interconnect.Cut(n, other))
	if reaches(t, n, other.Address(l.Interconnect)) || reaches(t, other, n.Address(l.Interconnect)) {
		t.Error("the nodes reach each other over a cut")
	}
	for _, n := range l.Nodes() {
		if !reaches(t, n, l.Interconnect.HostAddress()) {
			t.Errorf("%s reaches nobody any more", n.Name())
		}
	}
	must(t, l.Interconnect.Mend(n, other))
	if !reaches(t, n, other.Address(l.Interconnect)) {
		t.Error("the cut was not mended")
	}
}

func unplugged(t *testing.T, l *Lab) {
	n := l.Node(1)
	carrier := func() string { return strings.TrimSpace(run(t, n, "cat", "/sys/class/net/interconnect/carrier")) }
	must(t, n.Unplug(l.Interconnect))
	if got := carrier(); got != "0" {
		t.Errorf("carrier %s while unplugged", got)
	}
	must(t, n.Plug(l.Interconnect))
	if got := carrier(); got != "1" {
		t.Errorf("carrier %s after it was plugged in", got)
	}
}

func frozen(t *testing.T, l *Lab) {
	n := l.Node(2)
	before := bootTime(t, n)
	must(t, n.Freeze())
	lasts(faultTime)
	must(t, n.Thaw())
	if passed := bootTime(t, n) - before; passed < faultTime {
		t.Errorf("%v passed for the node, want at least %v", passed, faultTime)
	}
}

func paused(t *testing.T, l *Lab) {
	n := l.Node(2)
	start, before := time.Now(), bootTime(t, n)
	must(t, n.Pause())
	lasts(faultTime)
	must(t, n.Continue())
	inside := bootTime(t, n) - before
	if outside := time.Since(start); outside-inside < faultTime*9/10 {
		t.Errorf("%v passed inside, %v outside; the difference should be %v", inside, outside, faultTime)
	}
}

func frozenCommand(t *testing.T, l *Lab) {
	n := l.Node(2)
	must(t, n.Freeze())
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	start := time.Now()
	if _, err := n.Run(ctx, "true"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	must(t, n.Thaw())
	if out := run(t, n, "echo", "back"); out != "back\n" {
		t.Errorf("after the thaw it says %q", out)
	}
}

func survives(t *testing.T, l *Lab) {
	ctx, n := testContext(t), l.Node(1)
	boot := n.BootID()
	if _, err := n.Shell(ctx, "echo kept >/var/lib/plexus/x; echo lost >/root/x; sync"); err != nil {
		t.Fatal(err)
	}
	n.Kill()
	if _, err := n.Run(ctx, "true"); !errors.Is(err, ErrOff) {
		t.Errorf("a killed node says %v", err)
	}
	must(t, n.Boot(ctx))
	if n.BootID() == boot {
		t.Error("the boot id is the same")
	}
	if got := run(t, n, "cat", "/var/lib/plexus/x"); got != "kept\n" {
		t.Errorf("the state disk has %q", got)
	}
	if b, err := n.Get(ctx, "/root/x"); err == nil {
		t.Errorf("the root kept %q", b)
	}
}
