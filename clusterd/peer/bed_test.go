// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/plexus-cvm/plexus/clusterd/peer/wire"
	"github.com/plexus-cvm/plexus/clusterd/pki"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	heartbeat = 250 * time.Millisecond // links survive a machine that stalls for two seconds
	patience  = 20 * time.Second       // for what must happen; a test that passes does not wait so long
)

var (
	loopback       = netip.MustParseAddrPort("127.0.0.1:0")
	foreignAddress = netip.MustParseAddrPort("192.0.2.1:0") // for documentation: nobody has it
)

// cluster is an authority, and what its ports logged.
type cluster struct {
	t         testing.TB
	authority *pki.Authority
	log       *lines
}

func newCluster(t testing.TB) *cluster {
	a, err := pki.NewAuthority(pki.NewClusterID())
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{t, a, &lines{}}
}

func (c *cluster) identity(n view.NodeID) *pki.Identity {
	id, err := c.authority.Identify(pki.Name{Cluster: c.authority.Cluster, Node: n})
	if err != nil {
		c.t.Fatal(err)
	}
	return id
}

func (c *cluster) config(n view.NodeID) Config {
	return Config{
		Service: ServiceMember, Identity: c.identity(n), Incarnation: 1, Listen: loopback, Heartbeat: heartbeat,
		Protocol: Protocol, Log: slog.New(slog.NewTextHandler(c.log, nil)),
	}
}

func (c *cluster) open(cfg Config) *Port {
	c.t.Helper()
	p, err := Open(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { p.Close() })
	return p
}

func at(n view.NodeID, p *Port) Peer { return Peer{n, p.Address()} }

// next returns the next event of type E, passing over others.
func next[E Event](t testing.TB, p *Port) E {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case e := <-p.Events():
			if e, ok := e.(E); ok {
				return e
			}
		case <-limit:
			t.Fatalf("no %T", *new(E))
		}
	}
}

// lines collects what was logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) has(words ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range words {
		if !strings.Contains(l.text.String(), w) {
			return false
		}
	}
	return true
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// eventually waits for a condition that no event reports.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(patience); !holds(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never seen: %s", what)
		}
	}
}

// caller is a peer made by hand, to do what a Port would not.
type caller struct {
	t    testing.TB
	conn *tls.Conn
	in   *wire.Reader
}

func call(t testing.TB, p *Port, cfg *tls.Config) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", p.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	secure := tls.Client(conn, cfg)
	return &caller{t, secure, wire.NewReader(secure)}
}

func (c *caller) say(f *wire.Frame) {
	c.t.Helper()
	if err := wire.Write(c.conn, f); err != nil {
		c.t.Fatal(err)
	}
}

// refused reads until the end and returns the refusal that came, if one did.
func (c *caller) refused() *wire.Refusal {
	c.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		f, err := c.in.Read()
		if err != nil {
			return nil
		}
		if r := f.GetRefusal(); r != nil {
			return r
		}
	}
}
