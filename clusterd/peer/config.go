// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/pki"
	"github.com/plexus-cvm/plexus/clusterd/pki/enroll"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// The services, one Port each.
const (
	ServiceMember = "member" // clusterd
	ServiceConfig = "config" // configd
)

// Range is the protocol versions that a node can speak, both ends included.
type Range struct{ Min, Max uint32 }

// Protocol is the range of this build. What Payloads mean belongs to it too: a change of their meaning raises Max.
var Protocol = Range{1, 1}

// Config is how a Port is opened.
type Config struct {
	Service     string
	Identity    *pki.Identity
	Incarnation view.Incarnation // zero: not admitted yet; see SetIncarnation
	Protocol    Range            // zero: the Protocol of this build
	Listen      netip.AddrPort   // on the interconnect; a zero port takes any free one
	Advertise   netip.AddrPort   // told to others; zero: where it listens
	Heartbeat   time.Duration
	Log         *slog.Logger // refusals and lost links, at a bounded rate; nil: none

	// Enroll, if not nil, serves a joiner without a certificate, which asked for ALPN EnrollProtocol. The connection
	// is closed when it returns; ctx ends after enrollTimeout and when the Port closes.
	Enroll func(ctx context.Context, conn *tls.Conn)
}

// EnrollProtocol is the ALPN name under which a joiner without a certificate connects.
const EnrollProtocol = enroll.Protocol

// peerProtocol is the ALPN name of everybody else.
const peerProtocol = "plexus-peer/1"

const (
	eventsMax      = 1024     // events waiting to be read
	queueFramesMax = 1024     // messages waiting for one peer
	queueBytesMax  = 64 << 20 // their data
	strangersMax   = 64       // connections that have not shown who they are
	enrollTimeout  = 30 * time.Second
)

// LoadIdentity reads this node's identity from the directory that package pki keeps.
func LoadIdentity(dir string) (*pki.Identity, error) { return pki.Load(dir) }

// pace is the link's times, all from the heartbeat.
type pace struct {
	alive     time.Duration // say something after so long
	idle      time.Duration // silent for so long: given up
	connect   time.Duration // for TCP alone
	handshake time.Duration // for TLS and the Hellos
	retryMin  time.Duration
	retryMax  time.Duration
}

func paceFrom(heartbeat time.Duration) pace {
	return pace{
		alive: 2 * heartbeat,
		idle:  8 * heartbeat,
		// The kernel repeats a lost SYN after a second at the earliest; a new attempt is sooner.
		connect: max(4*heartbeat, 200*time.Millisecond),
		// Signatures take their time on a busy machine, so this has a floor.
		handshake: max(16*heartbeat, time.Second),
		retryMin:  heartbeat,
		retryMax:  4 * heartbeat,
	}
}

func (c Config) check() error {
	switch {
	case c.Identity == nil:
		return errors.New("no certificate: the node is in no cluster")
	case c.Service != ServiceMember && c.Service != ServiceConfig:
		return fmt.Errorf("service %q is unknown", c.Service)
	case !c.Listen.Addr().IsValid():
		return errors.New("no interconnect address to listen on")
	case c.Protocol.Min == 0 || c.Protocol.Min > c.Protocol.Max:
		return fmt.Errorf("protocol range %d-%d is empty", c.Protocol.Min, c.Protocol.Max)
	}
	return view.TimesFrom(c.Heartbeat).Check()
}
