// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"
)

// Bounds of a lab.
const (
	nodesMax = 16
	disksMax = 64
)

// Options say what a lab is made of; the zero value of a field means what its comment says.
type Options struct {
	Kernel    string // series; 6.12
	Nodes     int    // 1
	Disks     int    // shared iSCSI disks; none, and then no target
	DiskBytes int64  // size of each; 256 MiB
	CPUs      int    // of each node; 2
	MemoryMB  int    // of each node; 512
	Boot      []string
	Off       bool // leave the nodes off; boot them with Boot or BootAll

	Plexus    bool          // install the project's programs and units, as packaging/install does, and enable the daemons
	Heartbeat time.Duration // goes into plexus.toml; the product's own default

	Files     []File                // put over the root of every node at each boot
	NodeFiles func(node int) []File // the same for one node

	Log func(format string, args ...any) // progress; dropped
}

func (o *Options) complete() error {
	if o.Kernel == "" {
		o.Kernel = "6.12"
	}
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.DiskBytes == 0 {
		o.DiskBytes = 256 << 20
	}
	if o.CPUs == 0 {
		o.CPUs = 2
	}
	if o.MemoryMB == 0 {
		o.MemoryMB = 512
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	switch {
	case o.Nodes < 0 || o.Nodes > nodesMax:
		return fmt.Errorf("make a lab: %d nodes, there may be 1 to %d", o.Nodes, nodesMax)
	case o.Disks < 0 || o.Disks > disksMax:
		return fmt.Errorf("make a lab: %d disks, there may be 0 to %d", o.Disks, disksMax)
	}
	return nil
}

// Lab is a cluster's worth of machines: nodes, two networks, an iSCSI target. Close it.
type Lab struct {
	Interconnect *Network
	Storage      *Network
	Target       *Target // nil without disks

	options   Options
	thread    *thread
	handle    *netlink.Handle
	scratch   *scratch
	kernel    Kernel
	init      []byte
	initramfs string
	root      string
	modules   string
	product   []File
	nodes     []*Node
}

// New makes a lab and boots its nodes, all at once.
func New(ctx context.Context, o Options) (*Lab, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s, err := newScratch()
	if err != nil {
		return nil, err
	}
	l := &Lab{options: o, scratch: s}
	if err := l.make(ctx); err != nil {
		return nil, errors.Join(err, l.giveUp())
	}
	if !o.Off {
		if err := l.BootAll(ctx); err != nil {
			return nil, errors.Join(err, l.giveUp())
		}
	}
	return l, nil
}

// giveUp closes a lab that did not come up and says where its consoles are.
func (l *Lab) giveUp() error {
	dir, err := l.Keep()
	if err == nil {
		l.options.Log("the consoles are kept in %s", dir)
	}
	return l.Close()
}

func (l *Lab) make(ctx context.Context) (err error) {
	if err := l.fetch(ctx); err != nil {
		return err
	}
	if l.thread, l.handle, err = newNamespace(); err != nil {
		return err
	}
	if l.Interconnect, err = newNetwork(l.thread, l.handle, "interconnect", 81); err != nil {
		return err
	}
	if l.Storage, err = newNetwork(l.thread, l.handle, "storage", 82); err != nil {
		return err
	}
	if l.options.Disks > 0 {
		l.Target, err = startTarget(ctx, l.thread, l.scratch, l.Storage.HostAddress(), l.options.Disks, l.options.DiskBytes)
		if err != nil {
			return err
		}
	}
	for i := range l.options.Nodes {
		n, err := newNode(ctx, l, i+1)
		if err != nil {
			return err
		}
		l.nodes = append(l.nodes, n)
	}
	return nil
}

// fetch makes sure of everything that comes from the cache; the first run downloads and builds it.
func (l *Lab) fetch(ctx context.Context) (err error) {
	if l.kernel, err = FetchKernel(ctx, l.options.Kernel); err != nil {
		return err
	}
	if l.root, err = nodeRoot(ctx); err != nil {
		return err
	}
	if l.modules, err = moduleImage(ctx, l.kernel); err != nil {
		return err
	}
	if l.init, err = initBinary(ctx, l.scratch.dir); err != nil {
		return err
	}
	if l.options.Plexus {
		if l.product, err = installProduct(ctx, l.scratch.path("product")); err != nil {
			return err
		}
	}
	l.initramfs, err = baseInitramfs(ctx, l.kernel, nodeGuest, l.init)
	return err
}

func (l *Lab) networks() []*Network { return []*Network{l.Interconnect, l.Storage} }

// Node returns a node by its number; the first is 1.
func (l *Lab) Node(number int) *Node { return l.nodes[number-1] }

// Nodes returns all nodes.
func (l *Lab) Nodes() []*Node { return l.nodes }

// BootAll boots all nodes that are off, at the same time.
func (l *Lab) BootAll(ctx context.Context) error {
	return l.each(func(n *Node) error {
		if n.Running() {
			return nil
		}
		return n.Boot(ctx)
	})
}

// LoginAll opens the iSCSI sessions of all nodes, at the same time.
func (l *Lab) LoginAll(ctx context.Context) error {
	return l.each(func(n *Node) error { return n.Login(ctx) })
}

func (l *Lab) each(do func(*Node) error) error {
	var all errgroup.Group
	for _, n := range l.nodes {
		all.Go(func() error { return do(n) })
	}
	return all.Wait()
}

// Heal ends every fault that the lab can cause but killing: thaws, continues, plugs in, mends, sets networks up.
func (l *Lab) Heal() error {
	var errs []error
	for _, w := range l.networks() {
		errs = append(errs, w.MendAll(), w.Up())
	}
	if l.Target != nil {
		errs = append(errs, l.Target.Thaw())
	}
	for _, n := range l.nodes {
		if !n.Running() {
			continue
		}
		errs = append(errs, n.Thaw(), n.Continue())
		for _, w := range l.networks() {
			errs = append(errs, n.Plug(w))
		}
	}
	return errors.Join(errs...)
}

// Keep copies consoles and journals to a directory that stays, and returns it. Call it before Close when something failed.
func (l *Lab) Keep() (string, error) { return l.scratch.keep() }

// Close cuts the power of all nodes and removes everything that the lab has made.
func (l *Lab) Close() error {
	for _, n := range l.nodes {
		n.Kill()
	}
	if l.Target != nil {
		l.Target.stop()
	}
	if l.handle != nil {
		l.handle.Close()
	}
	if l.thread != nil {
		l.thread.stop()
	}
	if err := l.scratch.remove(); err != nil {
		return fmt.Errorf("remove the files of the lab: %w", err)
	}
	return nil
}
