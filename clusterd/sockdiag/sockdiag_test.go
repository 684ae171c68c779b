// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func dial(t testing.TB) *Conn {
	t.Helper()
	c, err := Dial()
	if err != nil {
		t.Skipf("needs netlink sock_diag: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// connection is a TCP connection on loopback, and where it leads.
func connection(t testing.TB, network, address string) (client, server net.Conn, portal netip.AddrPort) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("needs %s on loopback: %v", network, err)
	}
	t.Cleanup(func() { l.Close() })
	client, err = net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server, l.Addr().(*net.TCPAddr).AddrPort()
}

func addressOf(c net.Conn) netip.AddrPort { return c.LocalAddr().(*net.TCPAddr).AddrPort() }

func TestOnlySocketsToThePortalAreListed(t *testing.T) {
	for network, address := range map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"} {
		t.Run(network, func(t *testing.T) {
			c := dial(t)
			client, _, portal := connection(t, network, address)
			_, _, other := connection(t, network, address)
			found, err := c.List(t.Context(), []netip.AddrPort{portal})
			if err != nil {
				t.Skipf("needs TCP socket diagnosis in the kernel (inet_diag, tcp_diag): %v", err)
			}
			if len(found) != 1 || found[0].Remote != portal || found[0].Local != addressOf(client) || found[0].State != 1 {
				t.Fatalf("found %v", found)
			}
			found, err = c.List(t.Context(), []netip.AddrPort{portal, other, portal})
			if len(found) != 2 || err != nil {
				t.Fatalf("to both: %v, %v", found, err)
			}
		})
	}
}

func TestADestroyedSocketGivesItsOwnersAnErrorAndOthersGoOn(t *testing.T) {
	c := dial(t)
	if err := c.Probe(t.Context()); err != nil {
		t.Skipf("needs SOCK_DESTROY: %v", err)
	}
	client, server, portal := connection(t, "tcp4", "127.0.0.1:0")
	bystander, _, _ := connection(t, "tcp4", "127.0.0.1:0")
	found, err := c.List(t.Context(), []netip.AddrPort{portal})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	for range 2 { // the second time it is gone already
		if err := c.Destroy(t.Context(), found[0]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNABORTED) {
		t.Errorf("the owner reads: %v", err)
	}
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the other end reads: %v", err)
	}
	if _, err := bystander.Write([]byte("x")); err != nil {
		t.Errorf("a connection to another portal: %v", err)
	}
}

func TestAnEndedContextEndsTheRequest(t *testing.T) {
	c := dial(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 { // the deadline is set beside the first request; the second finds it
		_, err := c.List(ctx, []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")})
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
}

// message is a socket from 10.0.0.2:40000 to 10.0.0.9:3260, as a little-endian and a big-endian kernel give it alike.
func message(family uint8) []byte {
	b := make([]byte, responseBytes)
	b[0], b[1] = family, 1
	copy(b[4:], []byte{0x9c, 0x40, 0x0c, 0xbc})
	copy(b[8:], []byte{10, 0, 0, 2})
	copy(b[24:], []byte{10, 0, 0, 9})
	if family == unix.AF_INET6 { // mapped
		copy(b[8:], []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2})
		copy(b[24:], []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 9})
	}
	return b
}

func TestAMappedAddressIsTheIPv4OneAndNamesTheSameSocket(t *testing.T) {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		s, err := parseSocket(message(family))
		if err != nil || s.Remote != netip.MustParseAddrPort("10.0.0.9:3260") || s.Local != netip.MustParseAddrPort("10.0.0.2:40000") {
			t.Fatal(s, err)
		}
		if request := destroyRequest(s); request[0] != family || string(request[8:]) != string(message(family)[4:4+sockIDBytes]) {
			t.Fatalf("% x", request)
		}
	}
}

func FuzzParseSocket(f *testing.F) {
	f.Add(message(unix.AF_INET))
	f.Add(message(unix.AF_INET6))
	f.Add(message(unix.AF_INET)[:responseBytes-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSocket(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if !s.Local.IsValid() || !s.Remote.IsValid() || s.String() == "" {
			t.Fatalf("%+v", s)
		}
	})
}
