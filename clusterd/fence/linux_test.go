// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plexus-cvm/plexus/clusterd/sockdiag"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// sysfs is what the kernel shows of one iSCSI disk.
func sysfs(t *testing.T) linux {
	t.Helper()
	root := t.TempDir()
	device := filepath.Join(root, "devices/platform/host3/session12/target3:0:0/3:0:0:1")
	files := map[string]string{
		device + "/delete":                                   "",
		root + "/block/sda/dev":                              "8:0\n",
		root + "/block/sda/diskseq":                          "9\n",
		root + "/block/sda/inflight":                         "       2        3\n",
		root + "/class/iscsi_session/session12/state":        "LOGGED_IN\n",
		root + "/class/iscsi_session/session12/recovery_tmo": "120\n",
	}
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(device, filepath.Join(root, "block/sda/device")); err != nil {
		t.Fatal(err)
	}
	return linux{sys: root}
}

var sda = view.FenceDisk{Dev: "sda", Major: 8, Diskseq: 9, Transport: view.TransportISCSI}

func TestADiskIsKnownByNameNumberAndDiskseq(t *testing.T) {
	l := sysfs(t)
	number, seq, name, old := sda, sda, sda, sda
	number.Minor, seq.Diskseq, name.Dev, old.Diskseq = 16, 10, "sdb", 0
	for want, list := range map[bool][]view.FenceDisk{true: {sda, old}, false: {number, seq, name}} {
		for _, d := range list {
			if here, err := l.Here(d); here != want || err != nil {
				t.Errorf("%+v: %v, %v", d, here, err)
			}
		}
	}
	for _, dev := range []string{"", "..", "a/b"} {
		if _, err := l.Here(view.FenceDisk{Dev: dev}); err == nil {
			t.Errorf("%q was taken for a disk", dev)
		}
	}
	if n, err := l.InFlight(sda); n != 5 || err != nil {
		t.Error(n, err)
	}
}

func TestTheKnobIsSetOnlyWhileTheSessionIsUp(t *testing.T) {
	l := sysfs(t)
	dir := filepath.Join(l.sys, "class/iscsi_session/session12")
	knob := func() string { text, _ := read(dir + "/recovery_tmo"); return text }
	os.WriteFile(dir+"/state", []byte("FAILED\n"), 0o644)
	if said, err := l.FailFast(t.Context(), sda); err != nil || !strings.Contains(said, "FAILED") || knob() != "120" {
		t.Fatal(said, err, knob())
	}
	os.WriteFile(dir+"/state", []byte("LOGGED_IN\n"), 0o644)
	// A write to a real file leaves what was behind it; sysfs does not.
	if said, err := l.FailFast(t.Context(), sda); err != nil || said != "session12 recovery_tmo 120 -> 0" || knob()[0] != '0' {
		t.Fatal(said, err, knob())
	}
	os.Remove(filepath.Join(l.sys, "block/sda/device"))
	os.Symlink(l.sys, filepath.Join(l.sys, "block/sda/device"))
	if _, err := l.FailFast(t.Context(), sda); err == nil || !strings.Contains(err.Error(), "no iSCSI session") {
		t.Fatal(err)
	}
}

func TestDeleteWritesToTheDeviceAndMakesNoFile(t *testing.T) {
	l := sysfs(t)
	if err := l.Delete(t.Context(), sda); err != nil {
		t.Fatal(err)
	}
	path := l.block(sda, "device/delete")
	if text, _ := read(path); text != "1" {
		t.Fatalf("wrote %q", text)
	}
	os.Remove(path)
	if err := l.Delete(t.Context(), sda); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("a file was made")
	}
}

func TestSocketsToThePortalAreDestroyed(t *testing.T) {
	c, err := sockdiag.Dial()
	if err == nil {
		defer c.Close()
		err = c.Probe(t.Context())
	}
	if err != nil {
		t.Skipf("needs SOCK_DESTROY: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	at := listener.Addr().(*net.TCPAddr).AddrPort()
	if n, err := (linux{}).Sever(t.Context(), []netip.AddrPort{at}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Fatal("the connection lives")
	}
}

func FuzzParseInFlight(f *testing.F) {
	f.Add("       2        3")
	f.Add("-1 0")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseInFlight(text); err == nil && n < 0 {
			t.Fatal(n)
		}
	})
}
