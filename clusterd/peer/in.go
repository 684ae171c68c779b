// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/peer/wire"
)

// accept takes connections until the Port closes.
func (p *Port) accept() {
	strangers := make(chan struct{}, strangersMax)
	for {
		tcp, err := p.listener.Accept()
		switch {
		case p.ctx.Err() != nil:
			if err == nil {
				tcp.Close()
			}
			return
		case err != nil: // out of descriptors, most likely: later is better
			p.tally.lost("listener", fmt.Errorf("accept on %v: %w", p.listener.Addr(), err))
			select {
			case <-p.ctx.Done():
			case <-time.After(p.pace.retryMax):
			}
			continue
		}
		select {
		case strangers <- struct{}{}:
			p.wait.Go(func() {
				release := func() { <-strangers }
				p.receive(tcp, release)
			})
		default:
			tcp.Close()
			busy := refuse(CodeBusy, "%d others are at the door", strangersMax)
			p.tally.lost("door", named(busy, tcp.RemoteAddr().String()))
		}
	}
}

// receive owns one connection that came in. It calls admitted when the other end is no stranger any more, or is gone.
func (p *Port) receive(tcp net.Conn, admitted func()) {
	defer tcp.Close()
	defer context.AfterFunc(p.ctx, func() { tcp.Close() })()
	address := tcp.RemoteAddr().(*net.TCPAddr).AddrPort()
	s, h, err := p.welcome(tcp)
	admitted()
	if err != nil && p.ctx.Err() == nil {
		p.tally.lost(address.Addr().String(), named(err, address.String()))
	}
	if s == nil || err != nil || !p.register(s, h) {
		return
	}
	defer p.unregister(s, h)
	p.tally.add(func(t *Stats) { t.Connects++ })
	p.emit(Hailed{h.id, h.address})
	done := make(chan struct{})
	defer close(done)
	p.wait.Go(func() { p.keepAlive(s, done) })
	err = s.hear(func(m *wire.Payload) {
		p.tally.add(func(t *Stats) { t.Received++ })
		p.emit(Received{h.id, m.GetKind(), m.GetData()})
	})
	if p.ctx.Err() == nil {
		p.tally.lost(fmt.Sprintf("from node %d", h.id.Node), named(err, fmt.Sprintf("node %d at %v", h.id.Node, address)))
	}
}

// welcome makes a session of a connection that came in. A joiner is served here whole; it leaves no session.
func (p *Port) welcome(tcp net.Conn) (*session, hello, error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.pace.handshake)
	defer cancel()
	s, err := newSession(tcp, p.pace, func(conn net.Conn) *tls.Conn { return tls.Server(conn, p.cfg.serverTLS()) })
	if err != nil {
		return nil, hello{}, err
	}
	if err := s.tls.HandshakeContext(ctx); err != nil {
		return nil, hello{}, err
	}
	if s.tls.ConnectionState().NegotiatedProtocol == EnrollProtocol {
		p.enroll(s)
		return nil, hello{}, nil
	}
	defer context.AfterFunc(ctx, s.hangUp)()
	f, err := s.in.Read()
	if err == io.EOF {
		err = errors.New("it closed the connection before it said who it is")
	}
	if err != nil {
		return nil, hello{}, err
	}
	cert, err := verify(p.cfg.Identity, s.tls.ConnectionState())
	if err != nil {
		return nil, hello{}, err
	}
	h, refusal := p.cfg.checkHello(f, cert)
	if refusal != nil {
		if !refusal.ByPeer {
			s.say(refusalFrame(refusal)) // as a courtesy: we refuse either way
		}
		return nil, hello{}, refusal
	}
	if err := s.say(p.cfg.ownHello(p.incarnation(), p.own)); err != nil {
		return nil, hello{}, err
	}
	s.trust(p.pace)
	return s, h, nil
}

// enroll serves a joiner. Signing waits for the cluster's word, so it has more time than a handshake.
func (p *Port) enroll(s *session) {
	ctx, cancel := context.WithTimeout(p.ctx, enrollTimeout)
	defer cancel()
	s.tcp.limit.Store(int64(enrollTimeout))
	defer context.AfterFunc(ctx, s.hangUp)()
	p.cfg.Enroll(ctx, s.tls)
	s.tls.Close() // with TLS's farewell: the answer is on its way
}

// register makes s the connection from its node; an older one ends, the node has called anew. It also dials the node at
// once: the path works.
func (p *Port) register(s *session, h hello) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if old := p.ins[h.id.Node]; old != nil {
		old.hangUp()
	}
	p.ins[h.id.Node] = s
	if o := p.outs[h.id.Node]; o != nil {
		signal(o.kick)
	}
	return true
}

func (p *Port) unregister(s *session, h hello) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ins[h.id.Node] == s {
		delete(p.ins, h.id.Node)
	}
}

// keepAlive tells the dialler that somebody is here. A write that fails ends the session.
func (p *Port) keepAlive(s *session, done <-chan struct{}) {
	tick := time.NewTicker(p.pace.alive)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if err := s.say(aliveFrame()); err != nil && !errors.Is(err, net.ErrClosed) {
				s.hangUp()
				return
			}
		}
	}
}
