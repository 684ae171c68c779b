// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/plexus-cvm/plexus/bpf"
	"github.com/plexus-cvm/plexus/bpf/bpftest"
	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/fence"
	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/settings"
	"github.com/plexus-cvm/plexus/clusterd/store"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/dmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	heartbeat = 100 * time.Millisecond
	patience  = 60 * time.Second // for what must happen; a test that passes does not wait so long
	lookEvery = 10 * time.Millisecond
)

// node is a machine that keeps its directories, its kernel and its gate from one clusterd to the next.
type node struct {
	t        *testing.T
	name     string
	settings settings.Settings
	dir      string
	gate     *bpftest.Gate
	kernel   *dmtest.Locked
	leaver   *taker
	save     func(member.Persist) error // in place of the log, if set

	*Loop  // of the clusterd that runs
	stop   context.CancelFunc
	ended  chan error
	closed func() error
	out    sync.WaitGroup // configd
	hangUp context.CancelFunc
}

// newNode makes a machine with free ports.
func newNode(t *testing.T, name string) *node {
	n := &node{
		t: t, name: name, settings: settings.Default(), dir: t.TempDir(), gate: bpftest.New(bpf.Now), leaver: &taker{},
		kernel: dmtest.NewLocked(dmtest.New(map[dm.DevNum]dm.Sectors{theDisk: 4096})),
	}
	n.settings.Name, n.settings.Heartbeat = name, settings.Duration(heartbeat)
	n.settings.Interconnect = netip.MustParseAddr("127.0.0.1")
	n.settings.MemberPort, n.settings.ConfigPort = freePort(t), freePort(t)
	t.Cleanup(n.kill)
	return n
}

func freePort(t *testing.T) uint16 {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

func (n *node) state() string { return filepath.Join(n.dir, "state") }

// start starts a clusterd.
func (n *node) start() *node {
	n.t.Helper()
	logs := filepath.Join(n.state(), "raft")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		n.t.Fatal(err)
	}
	raft, err := store.OpenLog(store.Disk, logs)
	if err != nil {
		n.t.Fatal(err)
	}
	numbers, err := store.OpenNumbers(store.Disk, n.state())
	if err != nil {
		n.t.Fatal(err)
	}
	disk, err := Disk(raft.Contents())
	if err != nil {
		n.t.Fatal(err)
	}
	save := func(p member.Persist) error { return raft.Save(Batch(p)) }
	if n.save != nil {
		save = n.save
	}
	n.Loop, err = New(Config{
		Settings: n.settings, StateDir: n.state(), RunDir: filepath.Join(n.dir, "run"), Gate: n.gate, Kernel: n.kernel,
		Leaver: n.leaver, Save: save, Numbers: numbers, Log: slog.New(slog.NewTextHandler(n, nil)), Beat: func() {},
	}, disk)
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	n.stop, n.ended, n.closed = stop, ended, raft.Close
	l := n.Loop
	go func() { ended <- l.Run(ctx) }()
	return n
}

// Write is the log of its clusterd.
func (n *node) Write(b []byte) (int, error) {
	n.t.Logf("%s %s", n.name, strings.TrimSpace(string(b)))
	return len(b), nil
}

// end waits until clusterd has ended by itself.
func (n *node) end() error {
	n.t.Helper()
	select {
	case err := <-n.ended:
		n.ended <- err
		n.kill()
		return err
	case <-time.After(patience):
		n.t.Fatalf("%s: clusterd did not end", n.name)
		return nil
	}
}

// kill ends clusterd without a goodbye, and configd.
func (n *node) kill() {
	if n.stop == nil {
		return
	}
	if n.hangUp != nil {
		n.hangUp()
		n.hangUp = nil
	}
	n.stop()
	<-n.ended
	n.out.Wait()
	if err := n.closed(); err != nil {
		n.t.Error(err)
	}
	n.stop = nil
}

// configd joins whatever clusterd wants joined, and takes every volume away that it is asked to.
func (n *node) configd(unload bool) {
	n.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	n.hangUp = cancel
	l, registered := n.Loop, make(chan struct{})
	n.out.Go(func() {
		once := sync.OnceFunc(func() { close(registered) })
		_ = l.Register(ctx, api.RegisterRequest{PID: 1}, func(u api.Update) error {
			once()
			if u.Condition == view.Joining && u.View.Has(u.Self.Node, u.Self.Inc) {
				_, _ = l.Joined(ctx, api.JoinedRequest{View: u.View.Seq})
			}
			if u.Unload && unload {
				_, _ = l.PutFence(ctx, api.FenceRequest{Start: u.Start, Set: view.FenceSet{GroupID: groupID}, Drop: true})
			}
			return nil
		})
		once()
	})
	<-registered
}

// see waits until the status is as wanted.
func (n *node) see(what string, is func(api.Status) bool) api.Status {
	n.t.Helper()
	var last api.Status
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for over := time.After(patience); ; {
		s, err := n.Status(n.t.Context())
		if err == nil && is(s) {
			return s
		}
		last = s
		select {
		case <-over:
			n.t.Fatalf("%s: %s did not come; status %+v", n.name, what, last)
		case <-look.C:
		}
	}
}

func (n *node) seeMember() api.Status {
	n.t.Helper()
	return n.see("membership", func(s api.Status) bool { return s.Condition == view.InView && s.LeaseLeft > 0 })
}

// seeMembers waits until the view has these nodes as members, and nobody else.
func (n *node) seeMembers(want ...view.NodeID) api.Status {
	n.t.Helper()
	return n.see(fmt.Sprintf("a view of %v", want), func(s api.Status) bool {
		var got []view.NodeID
		for _, m := range s.View.Members {
			got = append(got, m.Node)
		}
		return len(s.View.Joining) == 0 && fmt.Sprint(got) == fmt.Sprint(want)
	})
}

func (n *node) ctx() context.Context {
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	n.t.Cleanup(cancel)
	return ctx
}

func (n *node) initCluster() {
	n.t.Helper()
	n.configd(true)
	if _, err := n.Init(n.ctx(), api.InitRequest{}); err != nil {
		n.t.Fatal(err)
	}
	n.seeMember()
}

func (n *node) token(uses int) string {
	n.t.Helper()
	r, err := n.Token(n.ctx(), api.TokenRequest{Uses: uses})
	if err != nil {
		n.t.Fatal(err)
	}
	return r.Token
}

func (n *node) joinBy(token string) {
	n.t.Helper()
	n.configd(true)
	if _, err := n.Join(n.ctx(), api.JoinRequest{Token: token}); err != nil {
		n.t.Fatal(err)
	}
}

// cluster makes that many nodes, all members.
func cluster(t *testing.T, count int) []*node {
	t.Helper()
	nodes := []*node{newNode(t, "n1").start()}
	nodes[0].initCluster()
	for i := 2; i <= count; i++ {
		n := newNode(t, fmt.Sprintf("n%d", i)).start()
		n.joinBy(nodes[0].token(1))
		nodes = append(nodes, n)
	}
	return nodes
}

// volume makes a volume of a shared group, and hands its fence set over as configd would.
func (n *node) volume(name string) {
	n.t.Helper()
	x := stage{t: n.t, kernel: n.kernel}
	set := x.set(name)
	set.Disks = []view.FenceDisk{{
		ID: groupID, Dev: "sdb", Major: theDisk.Major, Minor: theDisk.Minor, Transport: view.TransportISCSI,
		Portals: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:3260")},
	}}
	if _, err := n.PutFence(n.ctx(), api.FenceRequest{Start: n.registered(), Set: set}); err != nil {
		n.t.Fatal(err)
	}
}

// registered returns the start number of the configd that is registered.
func (n *node) registered() (start uint64) {
	n.t.Helper()
	err := n.do(n.ctx(), func() error {
		if n.Loop.configd == nil {
			return errors.New("no configd is registered")
		}
		start = n.Loop.configd.start
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return start
}

// freeze stops the loop where it is until thaw is called, as a SIGSTOP would.
func (n *node) freeze() (thaw func()) {
	stopped, go_ := make(chan struct{}), make(chan struct{})
	n.post(func() {
		close(stopped)
		<-go_
	})
	<-stopped
	return sync.OnceFunc(func() { close(go_) })
}

// taker is a Leaver that notes what it was asked to take away, and drains when it is allowed to.
type taker struct {
	mu    sync.Mutex
	left  []left
	stuck bool          // nothing drains
	wait  chan struct{} // a leave waits for it, if set
}

type left struct {
	sets []view.FenceSet
	seq  view.Seq
}

func (l *taker) Leave(ctx context.Context, sets []view.FenceSet, seq view.Seq) fence.Report {
	l.mu.Lock()
	l.left = append(l.left, left{sets, seq})
	wait, drain := l.wait, "drained"
	if l.stuck {
		drain = ""
	}
	l.mu.Unlock()
	if wait != nil {
		<-wait
	}
	report := fence.Report{Seq: seq, Stages: []fence.StageReport{{Name: "gate"}, {Name: "drain"}}}
	if drain == "" {
		report.Stages[1].Acts = []fence.ActReport{{Act: "drain sdb", Error: "it is still there"}}
	}
	return report
}

func (l *taker) Return(context.Context) error { return nil }
func (l *taker) Sweep() (int, error)          { return 0, nil }

func (l *taker) set(stuck bool, wait chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stuck, l.wait = stuck, wait
}

func (l *taker) leaves() []left {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]left{}, l.left...)
}
