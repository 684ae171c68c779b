// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/peer/wire"
	"github.com/plexus-cvm/plexus/clusterd/pki"
)

// out is the way to one peer.
type out struct {
	port  *Port
	peer  Peer
	queue *queue
	kick  chan struct{}      // holds a token: dial now
	drop  chan struct{}      // holds a token: give the connection up
	stop  context.CancelFunc // for good
	done  chan struct{}      // closed when it has ended
}

var (
	errRemoved = errors.New("the peer was removed")
	errHangUp  = errors.New("this node has a new incarnation")
)

// dial starts the way to a peer, after the last one to that node has ended: its Down comes before the next Up. Called
// with p.mu held.
func (p *Port) dial(peer Peer) *out {
	ctx, cancel := context.WithCancel(p.ctx)
	o := &out{
		port: p, peer: peer, queue: newQueue(),
		kick: make(chan struct{}, 1), drop: make(chan struct{}, 1), stop: cancel, done: make(chan struct{}),
	}
	before := p.last[peer.Node]
	p.last[peer.Node] = o.done
	p.wait.Go(func() {
		defer close(o.done)
		defer cancel()
		if before != nil {
			<-before
		}
		o.run(ctx)
	})
	return o
}

func (o *out) hangUp() { signal(o.drop) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (o *out) String() string { return fmt.Sprintf("node %d at %v", o.peer.Node, o.peer.Address) }

// run connects and sends, again and again until ctx ends.
func (o *out) run(ctx context.Context) {
	retry := o.port.pace.retryMin
	for ctx.Err() == nil {
		select {
		case <-o.drop: // an order to give up what is gone already
		default:
		}
		s, id, err := o.connect(ctx)
		if err == nil {
			retry = o.port.pace.retryMin
			select {
			case <-o.kick: // an order to do what is done
			default:
			}
			o.port.tally.add(func(t *Stats) { t.Connects++ })
			o.port.emit(Up{id})
			err = named(o.serve(ctx, s), o.String())
			o.port.emit(Down{id, err})
		}
		if ctx.Err() != nil {
			return
		}
		o.port.tally.lost(fmt.Sprintf("node %d", o.peer.Node), err)
		jittered := retry/2 + rand.N(retry/2+1)
		retry = min(2*retry, o.port.pace.retryMax)
		select {
		case <-ctx.Done():
		case <-o.kick:
		case <-time.After(jittered):
		}
	}
}

// connect dials, proves who we are, and learns who is there.
func (o *out) connect(ctx context.Context) (*session, ID, error) {
	p := o.port
	dialer := net.Dialer{Timeout: p.pace.connect, KeepAlive: -1}
	if local := p.cfg.Listen.Addr(); !local.IsUnspecified() {
		dialer.LocalAddr = &net.TCPAddr{IP: local.AsSlice(), Zone: local.Zone()}
	}
	tcp, err := dialer.DialContext(ctx, "tcp", o.peer.Address.String())
	if err != nil {
		return nil, ID{}, named(err, o.String())
	}
	ctx, cancel := context.WithTimeout(ctx, p.pace.handshake)
	defer cancel()
	s, id, err := o.greet(ctx, tcp)
	if err != nil {
		tcp.Close()
		return nil, ID{}, named(err, o.String())
	}
	return s, id, nil
}

// greet makes a session of a connection that was dialled.
func (o *out) greet(ctx context.Context, tcp net.Conn) (*session, ID, error) {
	p := o.port
	s, err := newSession(tcp, p.pace, func(conn net.Conn) *tls.Conn {
		return tls.Client(conn, p.cfg.clientTLS(o.peer.Node))
	})
	if err != nil {
		return nil, ID{}, err
	}
	defer context.AfterFunc(ctx, s.hangUp)()
	if err := s.tls.HandshakeContext(ctx); err != nil {
		return nil, ID{}, err
	}
	if err := s.say(p.cfg.ownHello(p.incarnation(), p.own)); err != nil {
		return nil, ID{}, err
	}
	f, err := s.in.Read()
	if err == io.EOF {
		err = errors.New("the peer closed the connection before it said who it is")
	}
	if err != nil {
		return nil, ID{}, err
	}
	cert := pki.Name{Cluster: p.cfg.Identity.Name.Cluster, Node: o.peer.Node} // clientTLS took no other
	h, refusal := p.cfg.checkHello(f, cert)
	if refusal != nil {
		return nil, ID{}, refusal
	}
	s.trust(p.pace)
	return s, h.id, nil
}

// serve sends what is queued until the connection or ctx ends, and says why.
func (o *out) serve(ctx context.Context, s *session) error {
	defer context.AfterFunc(ctx, s.hangUp)()
	heard := make(chan error, 1)
	o.port.wait.Go(func() {
		heard <- s.hear(nil)
		s.hangUp()
	})
	err := o.pump(ctx, s, heard)
	s.hangUp()
	return err
}

// pump is the writing half of serve. What the peer said last explains more than the write that failed after it.
func (o *out) pump(ctx context.Context, s *session, heard <-chan error) error {
	alive := time.NewTimer(o.port.pace.alive)
	defer alive.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return errRemoved
		case <-o.drop:
			return errHangUp
		case err := <-heard:
			return err
		case <-alive.C:
			err = s.say(aliveFrame())
		case <-o.queue.ready:
			err = o.flush(s)
		}
		if err != nil {
			s.hangUp()
			if said := <-heard; errors.As(said, new(*Refusal)) {
				return said
			}
			return err
		}
		alive.Reset(o.port.pace.alive)
	}
}

// flush writes all that is queued.
func (o *out) flush(s *session) error {
	sent := 0
	defer func() { o.port.tally.add(func(t *Stats) { t.Sent += uint64(sent) }) }()
	for p := o.queue.pop(); p != nil; p = o.queue.pop() {
		if err := wire.Write(s.out, &wire.Frame{Body: &wire.Frame_Payload{Payload: p}}); err != nil {
			return err
		}
		sent++
	}
	return s.out.Flush()
}
