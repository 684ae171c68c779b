// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/plexus-cvm/plexus/clusterd/peer/wire"
)

// Each row calls node 1 as something it must not talk to: the caller is told or cut off, node 1 counts it under its
// code and logs who and why.
func TestWhatIsRefused(t *testing.T) {
	c, foreign := newCluster(t), newCluster(t)
	hello := func(change func(*wire.Hello)) *wire.Frame {
		f := c.config(2).ownHello(1, loopback)
		change(f.GetHello())
		return f
	}
	same := func(*wire.Hello) {}
	certified := c.config(2).clientTLS(1)
	naked := certified.Clone()
	naked.Certificates = nil
	stranger := foreign.config(2).clientTLS(1)
	stranger.VerifyConnection = nil
	for _, row := range []struct {
		name string
		tls  *tls.Config
		say  func(*caller)
		code Code
		log  string
		told bool
	}{
		{"no certificate", naked, nil, CodeCertificate, "shows no certificate", false},
		{"certificate of another cluster", stranger, nil, CodeCluster, string(foreign.authority.Cluster), false},
		{"hello for another cluster", certified, func(x *caller) {
			x.say(hello(func(h *wire.Hello) { h.Cluster = strings.Repeat("0", 32) }))
		}, CodeCluster, "it speaks for cluster", true},
		{"hello as another node", certified, func(x *caller) {
			x.say(hello(func(h *wire.Hello) { h.Node = 3 }))
		}, CodeIdentity, "speaks as node 3 with the certificate of node 2", true},
		{"wrong service", certified, func(x *caller) {
			x.say(hello(func(h *wire.Hello) { h.Service = ServiceConfig }))
		}, CodeService, "check the port numbers", true},
		{"newer protocol", certified, func(x *caller) {
			x.say(hello(func(h *wire.Hello) { h.ProtocolMin, h.ProtocolMax = 7, 9 }))
		}, CodeProtocol, "speaks protocols 7-9, this node 1-1", true},
		{"empty protocol range", certified, func(x *caller) {
			x.say(hello(func(h *wire.Hello) { h.ProtocolMin, h.ProtocolMax = 2, 0 }))
		}, CodeProtocol, "protocols 2-0", true},
		{"no hello", certified, func(x *caller) { x.say(aliveFrame()) }, CodeFrame, "first frame is no hello", true},
		{"hello too long", certified, func(x *caller) {
			x.conn.Write(protowire.AppendVarint(nil, wire.HelloBytesMax+1))
		}, CodeFrame, "oversized frame", false},
		{"hello cut short", certified, func(x *caller) {
			x.conn.Write([]byte{200, 1, 2, 3})
			x.conn.CloseWrite()
		}, CodeFrame, "truncated frame", false},
		{"rubbish", certified, func(x *caller) { x.conn.Write([]byte{3, 0xff, 0xff, 0xff}) }, CodeFrame, "malformed frame", false},
		{"oversized frame after the hello", certified, func(x *caller) {
			x.say(hello(same))
			x.conn.Write(protowire.AppendVarint(nil, wire.BytesMax+1))
		}, CodeFrame, "node 2 at", false},
		{"second hello", certified, func(x *caller) {
			x.say(hello(same))
			wire.Write(x.conn, hello(same)) // which may find the connection closed half way
		}, CodeFrame, "said hello twice", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			log := &lines{}
			cfg := c.config(1)
			cfg.Log = newLogger(log)
			one := c.open(cfg)
			x := call(t, one, row.tls)
			x.t = t
			x.conn.Handshake() // with a bad certificate this may fail already
			if row.say != nil {
				row.say(x)
			}
			told := x.refused()
			if row.told != (told != nil) || told != nil && told.GetCode() != string(row.code) {
				t.Errorf("told %v", told)
			}
			eventually(t, "a line in the log", func() bool { return log.has("127.0.0.1") })
			if s := one.Stats(); s.Refused[row.code] != 1 || len(s.Refused) != 1 {
				t.Errorf("counted %v", s.Refused)
			}
			if !log.has(row.log) {
				t.Errorf("log says: %v", log)
			}
			one.Close()
			for e := range one.Events() {
				if _, is := e.(Received); is {
					t.Errorf("a message came through: %v", e)
				}
			}
		})
	}
}

func TestADiallerSaysWhyItIsNotTalkedTo(t *testing.T) {
	t.Parallel()
	c, foreign := newCluster(t), newCluster(t)
	other := foreign.open(foreign.config(2))
	service := c.config(2)
	service.Service = ServiceConfig
	wrong := c.open(service)
	three := c.open(c.config(3))
	for what, row := range map[string]struct {
		at   *Port
		code Code
		log  string
	}{
		"another cluster": {other, CodeCluster, "belongs to cluster " + string(foreign.authority.Cluster)},
		"another service": {wrong, CodeService, "refused by node 2"},
		"another node":    {three, CodeIdentity, "node 3 answers there, node 2 was expected"},
	} {
		log := &lines{}
		cfg := c.config(1)
		cfg.Log = newLogger(log)
		one := c.open(cfg)
		one.SetPeers([]Peer{at(2, row.at)})
		eventually(t, what, func() bool { return one.Stats().Refused[row.code] > 1 })
		if !log.has(row.log) || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%s: log says: %v", what, log)
		}
	}
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	c := newCluster(t)
	for what, change := range map[string]func(*Config){
		"no certificate":  func(cfg *Config) { cfg.Identity = nil },
		"unknown service": func(cfg *Config) { cfg.Service = "x" },
		"no address":      func(cfg *Config) { cfg.Listen = Peer{}.Address },
		"wild heartbeat":  func(cfg *Config) { cfg.Heartbeat = time.Minute },
		"no protocol":     func(cfg *Config) { cfg.Protocol = Range{2, 1} },
		"somebody's port": func(cfg *Config) { cfg.Listen = c.open(c.config(1)).Address() },
		"foreign address": func(cfg *Config) { cfg.Listen = foreignAddress },
	} {
		cfg := c.config(2)
		change(&cfg)
		if p, err := Open(cfg); err == nil {
			p.Close()
			t.Errorf("%s: opened", what)
		}
	}
}

func TestAFullQueueDropsTheOldest(t *testing.T) {
	q := newQueue()
	dropped := 0
	for i := range queueFramesMax + 3 {
		dropped += q.push(&wire.Payload{Kind: uint32(i)})
	}
	if p := q.pop(); dropped != 3 || p.Kind != 3 {
		t.Fatalf("%d dropped, the oldest is %v", dropped, p)
	}
	big := make([]byte, queueBytesMax/2)
	q.push(&wire.Payload{Kind: 1, Data: big})
	q.push(&wire.Payload{Kind: 2, Data: big})
	q.push(&wire.Payload{Kind: 3, Data: big})
	if p := q.pop(); p.Kind != 2 {
		t.Fatalf("oldest is %d", p.Kind)
	}
	if p := q.pop(); p.Kind != 3 || q.pop() != nil || q.bytes != 0 {
		t.Fatalf("then %d, %d bytes left", p.Kind, q.bytes)
	}
}

func TestOneLineAPeerAndCause(t *testing.T) {
	log := &lines{}
	tally := newTally(newLogger(log))
	now := time.Unix(0, 0)
	tally.now = func() time.Time { return now }
	refused := refuse(CodeProtocol, "too old")
	for range 5 {
		tally.lost("node 2", named(refused, "node 2"))
		tally.lost("node 2", errors.New("cable pulled"))
	}
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Fatalf("%d lines: %v", n, log)
	}
	now = now.Add(logEvery)
	tally.lost("node 2", named(refused, "node 2"))
	if !log.has("not_logged=4") || tally.stats().Refused[CodeProtocol] != 6 {
		t.Fatalf("%+v, log: %v", tally.stats(), log)
	}
}

func newLogger(l *lines) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
