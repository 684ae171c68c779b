// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/plexus-cvm/plexus/bpf"
	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/fence"
	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/member/wire"
	"github.com/plexus-cvm/plexus/clusterd/peer"
	"github.com/plexus-cvm/plexus/clusterd/pki"
	"github.com/plexus-cvm/plexus/clusterd/settings"
	"github.com/plexus-cvm/plexus/clusterd/store"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
)

const (
	beatEvery   = time.Second
	callsMax    = 256             // functions waiting for the loop
	sayGoodbye  = time.Second     // for the answers to who waits for the leave
	rejoinAfter = 2 * time.Second // between the end of a leave nobody asked for and the next join
	memberKind  = 1               // of a frame: a message of the membership machine
)

// Config is what a loop is made of.
type Config struct {
	Settings settings.Settings
	StateDir string // /var/lib/plexus
	RunDir   string // /run/plexus
	Gate     bpf.Gate
	Kernel   dm.Kernel
	Leaver   Leaver
	Save     func(member.Persist) error // on stable storage when it returns
	Numbers  *store.Numbers
	Log      *slog.Logger
	Beat     func() // feeds the watchdog; called from the loop alone
}

// Loop is clusterd's one owner of the membership machine. Make it with New; Run it once.
type Loop struct {
	cfg   Config
	times view.Times
	log   *slog.Logger
	calls chan func()
	done  chan struct{} // closed when Run has ended, and fatal is what it is
	fatal error

	running context.Context // ends with Run
	beat    time.Time       // when the watchdog was fed last
	out     time.Time       // when to end, after this node has left for good and has said so; zero: not

	keyMu   sync.Mutex
	joinKey ed25519.PrivateKey

	disk     member.Disk
	identity *pki.Identity // nil: in no cluster
	machine  *member.Machine
	now      member.Status // after the last step
	port     *peer.Port
	nodes    []api.Node
	kept     []api.Node // as in peersName
	homes    map[string]view.Home

	requests map[uint64]func(member.Reply)
	request  uint64

	lease   bpf.Lease
	told    view.Tick // the deadline that configd was told last
	held    view.Tick // until when system calls may wait for suspended volumes; zero: none is
	volumes *volumes
	away    away
	configd *registration
	changed bool // the registered configd has to be told
	waiting []waiter
	last    *api.Leave
	rejoin  time.Time // when to join anew; zero: not
	joins   uint64    // begun
	seenIn  view.Seq  // the view in which this incarnation was first
}

// waiter is an api call that waits for the machine to get somewhere; it is given the status there.
type waiter struct {
	until func(member.Status) bool
	ended chan<- api.Status
}

// New returns a loop of this node with what its disk holds.
func New(cfg Config, disk member.Disk) (*Loop, error) {
	request, _, err := cfg.Numbers.NextRequests()
	if err != nil {
		return nil, err
	}
	l := &Loop{
		cfg: cfg, times: cfg.Settings.Times(), log: cfg.Log, disk: disk,
		request: request, calls: make(chan func(), callsMax), done: make(chan struct{}),
		requests: map[uint64]func(member.Reply){}, homes: map[string]view.Home{},
		away: away{gone: true, aside: true}, // an earlier clusterd may have left and not come back
	}
	if l.lease, err = cfg.Gate.Lease(); err != nil {
		return nil, err
	}
	sets, err := fence.OpenStore(filepath.Join(cfg.RunDir, "fence"))
	if err != nil {
		return nil, err
	}
	l.volumes = newVolumes(cfg.Kernel, sets)
	if err := l.forgetHalf(disk); err != nil {
		return nil, err
	}
	id, err := pki.Load(l.pkiDir())
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		l.identity = id
	}
	return l, nil
}

func (l *Loop) pkiDir() string { return filepath.Join(l.cfg.StateDir, "pki") }

// Run finishes a leave from before, then takes part in the cluster until ctx ends or the node has left for good.
func (l *Loop) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	l.running = ctx
	defer l.end(cancel)
	l.begin(ctx)
	tick := time.NewTicker(l.times.Heartbeat)
	defer tick.Stop()
	for l.fatal == nil && (l.out.IsZero() || time.Now().Before(l.out)) {
		var frames <-chan peer.Event
		if l.port != nil {
			frames = l.port.Events()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			l.tick()
		case e := <-frames:
			l.frame(e)
		case f := <-l.calls:
			f()
		}
		l.publish()
		if now := time.Now(); now.Sub(l.beat) >= beatEvery {
			l.beat = now
			l.cfg.Beat()
		}
	}
	return l.fatal
}

// begin finds out where the last clusterd has left this node. What it held is taken away even where this one cannot start.
func (l *Loop) begin(ctx context.Context) {
	go l.volumes.work(ctx)
	left := len(l.volumes.all()) > 0 || l.volumes.leaving() != nil
	shut := view.LeaseNone
	if left {
		l.log.Warn("guarded disks from before this start: finishing the leave first")
		shut = view.LeaseFenced
	}
	if l.fatal = l.setLease(view.Lease{State: shut}); l.fatal != nil {
		return
	}
	if l.identity != nil {
		l.fatal = l.open()
	}
	switch {
	case left:
		l.leaveFromBefore()
	case l.machine != nil:
		l.join()
	}
}

func (l *Loop) end(cancel context.CancelFunc) {
	cancel()
	if l.port != nil {
		l.port.Close()
	}
	close(l.done)
	l.volumes.wait()
	l.away.wait()
}

// open starts the machine and the link of a node that has an identity.
func (l *Loop) open() error {
	listen := l.cfg.Settings.Interconnect
	if !listen.IsValid() {
		return fmt.Errorf("start: interconnect is not set in %s; put this node's address on the cluster's network there", settings.Path)
	}
	life, err := l.cfg.Numbers.NextLife(uint64(time.Now().UnixNano()))
	if err != nil {
		return err
	}
	cfg := member.Config{
		Node: l.identity.Name.Node, Times: l.times, Life: life,
		JoinLimit: time.Duration(l.cfg.Settings.RegistrationTimeout),
	}
	m, err := member.New(cfg, l.disk)
	if err != nil {
		return err
	}
	port, err := peer.Open(peer.Config{
		Service: peer.ServiceMember, Identity: l.identity, Heartbeat: l.times.Heartbeat, Log: l.log,
		Listen: netip.AddrPortFrom(listen, l.cfg.Settings.MemberPort), Enroll: l.enroll,
	})
	if err != nil {
		return err
	}
	l.machine, l.port = m, port
	for _, h := range m.State().Homes { // the machine shows what changes from here on
		l.homes[h.GroupID] = h
	}
	l.recallPeers()
	return nil
}

func (l *Loop) tick() {
	l.retryLeave()
	l.sweep()
	if l.machine == nil {
		return
	}
	l.pollGate()
	l.step(member.Tick{})
	if !l.rejoin.IsZero() && time.Now().After(l.rejoin) && !l.away.leaving {
		l.rejoin = time.Time{}
		l.join()
	}
	l.finishClose()
}

// join begins a new life. What an earlier one had open is shut and drained by then.
func (l *Loop) join() {
	l.joins++
	l.volumes.open()
	l.step(member.Join{Cluster: l.identity.Name.Cluster, Addrs: l.addrs(), Peers: l.known()})
}

// joinAgain ends a leave that nobody asked for.
func (l *Loop) joinAgain() {
	switch {
	case l.away.wanted:
		l.out = time.Now().Add(sayGoodbye)
	case l.machine != nil:
		l.rejoin = time.Now()
	}
}

// known returns the other nodes that there are.
func (l *Loop) known() []view.NodeID {
	var list []view.NodeID
	for _, p := range l.peers() {
		list = append(list, p.Node)
	}
	return list
}

func (l *Loop) addrs() []string {
	s := l.cfg.Settings
	return []string{
		netip.AddrPortFrom(s.Interconnect, s.MemberPort).String(),
		netip.AddrPortFrom(s.Interconnect, s.ConfigPort).String(),
	}
}

func (l *Loop) frame(e peer.Event) {
	r, ok := e.(peer.Received)
	if !ok || r.Kind != memberKind {
		return
	}
	msg, err := wire.Unmarshal(r.Data)
	if err != nil {
		l.log.Warn("message refused", "from", r.From, "error", err)
		return
	}
	l.step(member.Receive{From: r.From.Node, Msg: msg})
}

// step gives the machine one event and carries out what it wants.
func (l *Loop) step(e member.Event) {
	if l.machine == nil || l.fatal != nil {
		return
	}
	if err := member.Do(env{l}, l.machine.Step(view.Tick(bpf.Now()), e)); err != nil {
		l.fatal = err
	}
	if l.fatal != nil {
		return
	}
	before, after := l.now, l.status()
	l.now = after
	if before.Condition != after.Condition || before.Incarnation != after.Incarnation || before.Stage != after.Stage {
		l.log.Info("membership", "status", after.String())
		l.changed = true
	}
	if after.Incarnation != before.Incarnation {
		l.port.SetIncarnation(after.Incarnation)
		l.seenIn = after.View.Seq
	}
	l.waiting = slices.DeleteFunc(l.waiting, func(w waiter) bool {
		is := w.until(after)
		if is {
			w.ended <- l.show()
		}
		return is
	})
}

func (l *Loop) status() member.Status {
	if l.machine == nil {
		return member.Status{}
	}
	return l.machine.Status(view.Tick(bpf.Now()))
}

// do runs f in the loop and waits for it.
func (l *Loop) do(ctx context.Context, f func() error) error {
	ended := make(chan error, 1)
	select {
	case l.calls <- func() { ended <- f() }:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return l.why()
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return l.why()
	}
}

// why says to a caller why the loop has ended.
func (l *Loop) why() error {
	if l.fatal != nil {
		return api.Refuse(api.Failed, "clusterd has ended; `journalctl -u plexus-clusterd` shows how it came to that", "%v", l.fatal)
	}
	return errEnded
}

// post runs f in the loop, some time, unless the loop has ended.
func (l *Loop) post(f func()) {
	select {
	case l.calls <- f:
	case <-l.done:
	}
}

var errEnded = &api.Error{Code: api.Unreachable, Message: "clusterd is stopping"}
