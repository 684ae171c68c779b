// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/plexus-cvm/plexus/bpf"
	"github.com/plexus-cvm/plexus/bpf/bpftest"
	member "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/peer/peertest"
	"github.com/plexus-cvm/plexus/clusterd/settings"
	"github.com/plexus-cvm/plexus/clusterd/store"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/disk"
	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/dmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience  = 60 * time.Second // for what must happen; a test that passes does not wait so long
	lookEvery = 10 * time.Millisecond
	diskBytes = 64 << 20
	major     = 8
)

// node is a machine with disks that are files, a device-mapper and a gate in memory, and a clusterd that the test plays.
type node struct {
	t        *testing.T
	dir      string
	settings settings.Settings
	host     disk.Host
	foreign  map[string]string // by path: what a probe finds there
	kernel   *dmtest.Locked
	gate     *bpftest.Gate
	cluster  *fakeClusterd
	starts   uint64

	*Loop
	stop  context.CancelFunc
	ended chan error
}

func newNode(t *testing.T, disks ...string) *node {
	n := &node{
		t: t, dir: t.TempDir(), settings: settings.Default(), foreign: map[string]string{}, gate: bpftest.New(bpf.Now),
		cluster: &fakeClusterd{homes: map[string]view.Home{}, sets: map[string]view.FenceSet{}, changed: make(chan struct{})},
	}
	n.settings.Interconnect, n.settings.ConfigPort = netip.MustParseAddr("127.0.0.1"), freePort(t)
	n.host = disk.Host{
		Sys: filepath.Join(n.dir, "sys"), Dev: filepath.Join(n.dir, "dev"), Proc: filepath.Join(n.dir, "proc"),
		OpenFile: n.open, Probe: n.probe,
	}
	n.put("proc/self/mountinfo", "22 1 252:0 / / rw - ext4 /dev/root rw\n")
	n.put("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")
	sizes := map[dm.DevNum]dm.Sectors{}
	for i, name := range disks {
		for k, v := range map[string]string{
			"dev": fmt.Sprintf("%d:%d", major, i), "size": fmt.Sprint(diskBytes / 512), "ro": "0", "diskseq": fmt.Sprint(100 + i),
			"queue/logical_block_size": "512",
		} {
			n.put(filepath.Join("sys/block", name, k), v+"\n")
		}
		n.put("dev/"+name, "")
		if err := os.Truncate(n.path(name), diskBytes); err != nil {
			t.Fatal(err)
		}
		sizes[dm.DevNum{Major: major, Minor: uint32(i)}] = diskBytes / 512
	}
	n.kernel = dmtest.NewLocked(dmtest.New(sizes))
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

func (n *node) put(name, text string) {
	n.t.Helper()
	path := filepath.Join(n.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) path(name string) string { return filepath.Join(n.host.Dev, name) }

// file is a regular file in place of a disk.
type file struct {
	*os.File
	minor uint32
}

func (f file) Number() (uint32, uint32) { return major, f.minor }
func (f file) Reread() error            { return nil }

func (n *node) open(path string, _ disk.Mode) (disk.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	var got, minor uint32
	text, err := os.ReadFile(filepath.Join(n.host.Sys, "block", filepath.Base(path), "dev"))
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d:%d", &got, &minor)
	}
	return file{f, minor}, err
}

func (n *node) probe(path string) ([]disk.Signature, error) {
	if what, ok := n.foreign[path]; ok {
		return []disk.Signature{{Type: what}}, nil
	}
	return nil, nil
}

// start starts a configd.
func (n *node) start() *node {
	n.t.Helper()
	state := filepath.Join(n.dir, "state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		n.t.Fatal(err)
	}
	homes, err := store.OpenHomes(store.Disk, state)
	if err != nil {
		n.t.Fatal(err)
	}
	n.starts++
	n.Loop = New(Config{
		Settings: n.settings, PKI: filepath.Join(n.dir, "pki"), PID: 1, Start: n.starts, Homes: homes, Host: n.host, Kernel: n.kernel,
		Gate: func() (bpf.Gate, error) { return n.gate, nil }, Diskseq: func(bpf.Dev) (uint64, error) { return 7, nil },
		Clusterd: n.cluster, Log: slog.New(slog.NewTextHandler(n, nil)), Beat: func() {},
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	n.stop, n.ended = stop, ended
	l := n.Loop
	go func() { ended <- l.Run(ctx) }()
	return n
}

// Write is the log of its configd.
func (n *node) Write(b []byte) (int, error) {
	n.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func (n *node) kill() {
	if n.stop == nil {
		return
	}
	n.stop()
	if err := <-n.ended; err != nil {
		n.t.Error(err)
	}
	n.stop = nil
}

// master makes this node the only member of a cluster.
func (n *node) master() {
	n.t.Helper()
	id := peertest.Found(n.t, filepath.Join(n.dir, "pki"))
	self := view.Member{Node: 1, Name: "n1", Inc: 1}
	lease := view.Lease{Deadline: view.Tick(bpf.Now()).Add(time.Hour), State: view.LeaseRunning}
	if err := n.gate.SetLease(bpf.Lease{State: bpf.LeaseRunning, Deadline: int64(lease.Deadline)}); err != nil {
		n.t.Fatal(err)
	}
	n.cluster.say(func(u *member.Update) {
		*u = member.Update{
			Cluster: id, Self: self, Condition: view.InView, Lease: lease, Heartbeat: 100 * time.Millisecond,
			View: view.View{Seq: 1, Members: []view.Member{self}, Master: 1},
		}
	})
}

func (n *node) ctx() context.Context {
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	n.t.Cleanup(cancel)
	return ctx
}

// see waits until something is as wanted.
func (n *node) see(what string, is func() bool) {
	n.t.Helper()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for over := time.After(patience); !is(); {
		select {
		case <-over:
			n.t.Fatalf("%s did not come", what)
		case <-look.C:
		}
	}
}

func (n *node) enabled(group string) {
	n.t.Helper()
	n.see("group "+group, func() bool {
		g, err := n.Group(n.ctx(), group)
		return err == nil && g.State == api.GroupEnabled
	})
}

func (n *node) init(names ...string) {
	n.t.Helper()
	if _, err := n.InitDisks(n.ctx(), api.DiskInit{Disks: names}); err != nil {
		n.t.Fatal(err)
	}
}

// group makes a group of disks that are initialised for it.
func (n *node) makeGroup(name string, shared bool, disks ...string) {
	n.t.Helper()
	n.init(disks...)
	if _, err := n.CreateGroup(n.ctx(), api.GroupCreate{Name: name, Shared: shared, Disks: disks}); err != nil {
		n.t.Fatal(err)
	}
	n.enabled(name)
}

func size(t *testing.T, text string) config.Size {
	t.Helper()
	s, err := config.ParseSize(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (n *node) volume(group, name, bytes string) {
	n.t.Helper()
	if _, err := n.CreateVolume(n.ctx(), api.VolumeCreate{Group: group, Name: name, Size: size(n.t, bytes), Layout: config.Concat}); err != nil {
		n.t.Fatal(err)
	}
}

// tables returns the live tables by the names of the devices; a suspended one has a star.
func (n *node) tables() map[string]string {
	all := map[string]string{}
	n.kernel.With(func(k *dmtest.Kernel) {
		list, _ := k.List()
		for _, e := range list {
			table, _ := k.Table(e.Name, dm.SlotLive)
			text := table.String()
			if i, _ := k.Info(e.Name); i.Suspended {
				text += "*"
			}
			all[e.Name] = text
		}
	})
	return all
}

// fakeClusterd tells configd what a test wants it to be told.
type fakeClusterd struct {
	member.Verbs // what is not asked for

	mu      sync.Mutex
	update  member.Update
	starts  uint64
	homes   map[string]view.Home
	sets    map[string]view.FenceSet
	changed chan struct{} // closed when update is another
}

// say changes what is told.
func (c *fakeClusterd) say(f func(*member.Update)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.update)
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *fakeClusterd) Register(ctx context.Context, _ member.RegisterRequest, send func(member.Update) error) error {
	c.mu.Lock()
	c.starts++
	start := c.starts
	c.mu.Unlock()
	for {
		c.mu.Lock()
		u, changed := c.update, c.changed
		c.mu.Unlock()
		u.Start = start
		if err := send(u); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *fakeClusterd) PutFence(_ context.Context, r member.FenceRequest) (member.FenceReply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Drop {
		delete(c.sets, r.Set.GroupID)
	} else {
		c.sets[r.Set.GroupID] = r.Set
	}
	return member.FenceReply{}, nil
}

func (c *fakeClusterd) fences() (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sets {
		for _, v := range s.Volumes {
			names = append(names, v.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (c *fakeClusterd) PutHome(_ context.Context, r member.HomeRequest) (member.HomeReply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.homes[r.Record.GroupID] == r.Expect {
		c.homes[r.Record.GroupID] = r.Record
	}
	now := c.homes[r.Record.GroupID]
	return member.HomeReply{Done: now == r.Record, Current: now}, nil
}

func (c *fakeClusterd) Joined(context.Context, member.JoinedRequest) (member.None, error) {
	return member.None{}, nil
}

func (c *fakeClusterd) Suspect(context.Context, member.SuspectRequest) (member.None, error) {
	return member.None{}, nil
}

func (c *fakeClusterd) Fail(context.Context, member.FailRequest) (member.None, error) {
	return member.None{}, nil
}
