// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/plexus-cvm/plexus/clusterd/peer/wire"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Peer is where a node listens.
type Peer struct {
	Node    view.NodeID
	Address netip.AddrPort
}

// Port is one service's place on the interconnect. It is safe for concurrent use.
type Port struct {
	cfg      Config
	pace     pace
	own      netip.AddrPort // told to others
	listener net.Listener
	events   chan Event
	tally    *tally

	ctx    context.Context // ends at Close
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	inc    view.Incarnation
	outs   map[view.NodeID]*out
	last   map[view.NodeID]chan struct{} // closed when the last way to that node has ended
	ins    map[view.NodeID]*session      // the newest connection from each node
}

// Open listens and starts to accept. It dials nobody before SetPeers.
func Open(cfg Config) (*Port, error) {
	if cfg.Protocol == (Range{}) {
		cfg.Protocol = Protocol
	}
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("open peer link %s: %w", cfg.Service, err)
	}
	listener, err := net.Listen("tcp", cfg.Listen.String())
	if err != nil {
		return nil, fmt.Errorf("open peer link %s: %w", cfg.Service, err)
	}
	own := cfg.Advertise
	if !own.IsValid() {
		own = listener.Addr().(*net.TCPAddr).AddrPort()
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Port{
		cfg: cfg, pace: paceFrom(cfg.Heartbeat), own: own, listener: listener,
		events: make(chan Event, eventsMax), tally: newTally(cfg.Log),
		ctx: ctx, cancel: cancel, inc: cfg.Incarnation,
		outs: map[view.NodeID]*out{}, ins: map[view.NodeID]*session{}, last: map[view.NodeID]chan struct{}{},
	}
	p.wait.Go(p.accept)
	return p, nil
}

// Address returns where others reach this Port.
func (p *Port) Address() netip.AddrPort { return p.own }

// Events returns what happens, in order for each connection. The channel is closed by Close.
func (p *Port) Events() <-chan Event { return p.events }

// SetPeers says whom to dial from now on: connections to others end, a new address is dialled at once. This node's
// own entry is passed over.
func (p *Port) SetPeers(peers []Peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	want := map[view.NodeID]Peer{}
	for _, peer := range peers {
		if peer.Node != p.cfg.Identity.Name.Node {
			want[peer.Node] = peer
		}
	}
	for node, o := range p.outs {
		if want[node] != o.peer {
			o.stop()
			delete(p.outs, node)
		}
	}
	for node, peer := range want {
		if p.outs[node] == nil {
			p.outs[node] = p.dial(peer)
		}
	}
}

// SetIncarnation changes what this node says it is: every connection ends and is made anew.
func (p *Port) SetIncarnation(inc view.Incarnation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inc == inc {
		return
	}
	p.inc = inc
	for _, o := range p.outs {
		o.hangUp()
	}
	for _, s := range p.ins {
		s.hangUp()
	}
}

func (p *Port) incarnation() view.Incarnation {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inc
}

// Send queues a message for a node. It never blocks: a full queue drops its oldest message. The data must not be
// changed afterwards. Errors are for a node that SetPeers has not named, and for data over wire.PayloadBytesMax.
func (p *Port) Send(to view.NodeID, kind uint32, data []byte) error {
	if len(data) > wire.PayloadBytesMax {
		return fmt.Errorf("send %d bytes to node %d: the limit is %d", len(data), to, wire.PayloadBytesMax)
	}
	p.mu.Lock()
	o := p.outs[to]
	p.mu.Unlock()
	if o == nil {
		p.tally.add(func(s *Stats) { s.Dropped++ })
		return fmt.Errorf("send to node %d: its address is not known", to)
	}
	dropped := o.queue.push(&wire.Payload{Kind: kind, Data: data})
	p.tally.add(func(s *Stats) { s.Dropped += uint64(dropped) })
	return nil
}

// Stats returns what has been counted since Open.
func (p *Port) Stats() Stats { return p.tally.stats() }

// Close ends all connections, waits for all goroutines, and closes the channel of Events.
func (p *Port) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.cancel()
	p.mu.Unlock()
	err := p.listener.Close()
	p.wait.Wait()
	close(p.events)
	return err
}

// emit reports an event, unless the Port closes first.
func (p *Port) emit(e Event) {
	select {
	case p.events <- e:
	case <-p.ctx.Done():
	}
}
