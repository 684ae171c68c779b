// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plexus-cvm/plexus/bpf"
	member "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/peer"
	"github.com/plexus-cvm/plexus/clusterd/settings"
	"github.com/plexus-cvm/plexus/clusterd/store"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/disk"
	"github.com/plexus-cvm/plexus/configd/txn"
	"github.com/plexus-cvm/plexus/configd/txn/wire"
	"github.com/plexus-cvm/plexus/dm"
)

const (
	callsMax   = 1024 // functions waiting for the loop
	txnKind    = 1    // of a frame: a message of the transaction machine
	beatEvery  = time.Second
	linkBeats  = 4           // heartbeats of the cluster to one of this link: who is alive is clusterd's to notice
	knockEvery = time.Second // between two tries to register with clusterd
)

// Config is what a loop is made of.
type Config struct {
	Settings settings.Settings
	PKI      string // directory of this node's certificate
	PID      int
	Start    uint64       // of this configd on this node; grows
	Homes    *store.Homes // of private groups
	Host     disk.Host    // where disks are found
	Kernel   dm.Kernel    // device-mapper
	Gate     func() (bpf.Gate, error)
	Diskseq  func(bpf.Dev) (uint64, error) // of a device of device-mapper
	Clusterd member.Verbs
	Log      *slog.Logger
	Beat     func() // feeds the watchdog; called from the loop alone
}

// Loop is configd's one owner of the transaction machine. Make it with New; Run it once.
type Loop struct {
	cfg   Config
	log   *slog.Logger
	calls chan func()
	done  chan struct{}
	fatal error

	running context.Context // ends with Run: nobody waits for clusterd any longer
	beside  sync.WaitGroup
	hangUp  context.CancelFunc // ends the registration; a new one begins

	machine *txn.Machine
	lanes   *lanes
	timer   *time.Timer
	answers map[uint64]chan<- txn.Answer
	request uint64

	port      *peer.Port
	place     member.Update // the latest
	shown     txn.Cluster   // to the machine
	life      atomic.Uint64 // this node's incarnation while it may use shared groups, else zero; the lanes look at it
	gateMu    sync.Mutex
	gate      bpf.Gate // nil until it was needed
	seen      seen     // what the lanes know of disks
	tables    tables
	groups    indexes
	proven    proof
	ownership chan struct{} // of one place: held by whoever changes which disks are ours
	unloads   unloading
}

// New returns the loop of this node.
func New(cfg Config) *Loop {
	l := &Loop{
		cfg: cfg, log: cfg.Log, calls: make(chan func(), callsMax), done: make(chan struct{}),
		lanes: newLanes(), timer: time.NewTimer(time.Hour), answers: map[uint64]chan<- txn.Answer{},
		machine: txn.New(txn.Options{
			Start: cfg.Start, Homes: cfg.Homes.List(), Protocol: txn.ProtocolNow, Times: txn.TimesFrom(cfg.Settings.Times()),
		}),
		groups: indexes{of: map[string]uint32{}}, ownership: make(chan struct{}, 1), hangUp: func() {},
	}
	l.tables = tables{kernel: unsettled{cfg.Kernel}, prepared: map[string]dm.Plan{}, find: l.seen.number}
	return l
}

// Run serves until ctx ends. What is under way in the lanes is waited for.
func (l *Loop) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	l.running = ctx
	l.beside.Go(func() { l.register(ctx) })
	defer func() {
		cancel()
		if l.port != nil {
			l.port.Close()
		}
		close(l.done)
		l.beside.Wait()
		l.lanes.wait()
	}()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	l.step(txn.Tick{})
	for l.fatal == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-l.timer.C:
			l.step(txn.Tick{})
		case f := <-l.calls:
			f()
		case <-beat.C:
			l.cfg.Beat()
			l.unload()
		}
	}
	return l.fatal
}

// step gives the machine one event and carries out what it wants.
func (l *Loop) step(e txn.Event) {
	l.log.Debug("event", "event", e.String())
	acts := l.machine.Step(now(), e)
	for _, a := range acts {
		l.log.Debug("action", "action", a.String())
	}
	txn.Do(env{l}, acts)
}

func now() view.Tick { return view.Tick(bpf.Now()) }

// do runs f in the loop and waits for it.
func (l *Loop) do(ctx context.Context, f func() error) error {
	ended := make(chan error, 1)
	select {
	case l.calls <- func() { ended <- f() }:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return errEnded
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return errEnded
	}
}

// post runs f in the loop, some time, unless the loop has ended.
func (l *Loop) post(f func()) {
	select {
	case l.calls <- f:
	case <-l.done:
	}
}

// event hands the machine an event from beside the loop.
func (l *Loop) event(e txn.Event) { l.post(func() { l.step(e) }) }

// register keeps this configd registered with clusterd and passes its updates on. Without clusterd only private groups
// can be changed.
func (l *Loop) register(ctx context.Context) {
	said := ""
	for ctx.Err() == nil {
		registered, hangUp := context.WithCancel(ctx)
		l.post(func() { l.hangUp = hangUp })
		err := l.cfg.Clusterd.Register(registered, member.RegisterRequest{PID: l.cfg.PID}, func(u member.Update) error {
			said = ""
			l.post(func() { l.update(u) })
			return nil
		})
		hangUp()
		if ctx.Err() != nil {
			return
		}
		if s := text(err); s != said { // once, not once a second
			l.log.Warn("not registered with clusterd", "error", s)
			said = s
		}
		l.post(func() { l.place.Unload = false })
		select {
		case <-time.After(knockEvery):
		case <-ctx.Done():
		}
	}
}

// update takes up what clusterd says of this node's place. Most updates bring a later deadline and nothing else.
func (l *Loop) update(u member.Update) {
	if u.Start != l.place.Start || u.Self.Inc != l.place.Self.Inc {
		l.unloads.taken = false
	}
	life := uint64(0)
	if c := u.Condition; c == view.Joining || c == view.InView || c == view.Leaving {
		life = uint64(u.Self.Inc)
	}
	l.life.Store(life)
	place := txn.Cluster{
		ID: u.Cluster, Node: u.Self.Node, Inc: u.Self.Inc, Start: u.Start, Condition: u.Condition, View: u.View, Homes: u.Homes,
	}
	if u.Cluster != "" {
		if err := l.open(u); err != nil {
			l.log.Error("no link to the other nodes", "error", err)
			return
		}
		if !slices.Equal(u.Nodes, l.place.Nodes) || l.place.Cluster == "" {
			l.port.SetPeers(peersOf(u))
		}
		l.port.SetIncarnation(u.Self.Inc)
	}
	l.place = u
	if !reflect.DeepEqual(place, l.shown) {
		l.shown = place
		l.step(place)
	}
	l.step(txn.Lease{Lease: u.Lease})
	l.unload()
}

func peersOf(u member.Update) []peer.Peer {
	var peers []peer.Peer
	for _, n := range u.Nodes {
		if a, err := parsePeer(n); err == nil && n.Node != u.Self.Node {
			peers = append(peers, a)
		}
	}
	return peers
}

// open starts the link to the other configds, once this node has a certificate.
func (l *Loop) open(u member.Update) error {
	if l.port != nil {
		return nil
	}
	id, err := peer.LoadIdentity(l.cfg.PKI)
	if err != nil {
		return err
	}
	listen, err := listenAt(l.cfg.Settings)
	if err != nil {
		return err
	}
	port, err := peer.Open(peer.Config{
		Service: peer.ServiceConfig, Identity: id, Incarnation: u.Self.Inc, Listen: listen, Heartbeat: linkBeats * u.Heartbeat, Log: l.log,
	})
	if err != nil {
		return err
	}
	l.port = port
	l.beside.Go(func() {
		for e := range port.Events() {
			if r, ok := e.(peer.Received); ok && r.Kind == txnKind {
				l.receive(r)
			}
		}
	})
	return nil
}

func (l *Loop) receive(r peer.Received) {
	msg, err := wire.Unmarshal(r.Data)
	if err != nil || msg.Head.From != r.From.Node {
		l.log.Warn("message refused", "from", r.From.String(), "error", err)
		return
	}
	l.event(txn.Received{Message: msg})
}

// boottime turns a deadline of the machine into one of a context.
func boottime(ctx context.Context, deadline view.Tick) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, deadline.Sub(now()))
}
