// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	stateDiskSize = "256M"
	readyLimit    = 120 * time.Second // from the agent's first word to the end of systemd's start
)

// Node is a guest like a user's machine: Debian with systemd, udev and open-iscsi, a device on each network of the lab, and a disk
// of its own at /var/lib/plexus, the only one that survives a kill, a reboot, a power-off.
type Node struct {
	*Guest
	lab    *Lab
	number int
}

// Number is the node's number in the lab, from 1.
func (n *Node) Number() int { return n.number }

// Address is the node's address in a network.
func (n *Node) Address(w *Network) string { return w.ip(n.number).String() }

// Unplug pulls the node's cable of a network; the node sees its carrier go.
func (n *Node) Unplug(w *Network) error { return n.setLink(w.name+"-card", false) }

// Plug ends an Unplug.
func (n *Node) Plug(w *Network) error { return n.setLink(w.name+"-card", true) }

// newNode makes a node; it is not booted yet.
func newNode(ctx context.Context, l *Lab, number int) (*Node, error) {
	n := &Node{Guest: &Guest{name: fmt.Sprintf("node%d", number), thread: l.thread, scratch: l.scratch, log: l.options.Log}, lab: l, number: number}
	n.prepare, n.ready = n.hardware, n.awaitSystem
	for _, w := range l.networks() {
		if err := w.attach(number); err != nil {
			return nil, err
		}
	}
	if err := makeStateDisk(ctx, n.stateDisk()); err != nil {
		return nil, fmt.Errorf("make the state disk of %s: %w", n.name, err)
	}
	return n, nil
}

func (n *Node) stateDisk() string { return n.scratch.path(n.name + ".state") }

func (n *Node) hardware() (hardware, error) {
	l := n.lab
	initrd := n.scratch.path(n.name + ".initrd")
	files := append(n.identity(), l.product...)
	if l.options.Plexus {
		files = append(files, n.settings())
	}
	files = append(files, l.options.Files...)
	if l.options.NodeFiles != nil {
		files = append(files, l.options.NodeFiles(n.number)...)
	}
	files = append(files, File{Path: agentProgram, Mode: 0o755, Data: l.init})
	if err := joinInitramfs(initrd, l.initramfs, "overlay", files); err != nil {
		return hardware{}, err
	}
	h := hardware{
		cpus: l.options.CPUs, memoryMB: l.options.MemoryMB, kernel: l.kernel, initrd: initrd,
		options: append([]string{"plexus.guest=" + string(nodeGuest), "systemd.getty_auto=no", "systemd.show_status=no"}, l.options.Boot...),
		console: n.Console(), journal: n.Journal(),
		disks: []disk{
			{path: l.root, serial: "root", snapshot: true},
			{path: l.modules, serial: "modules", readOnly: true},
			{path: n.stateDisk(), serial: "state"},
		},
	}
	for _, w := range l.networks() {
		h.nics = append(h.nics, nic{id: w.name, tap: w.tap(n.number), mac: w.mac(n.number).String()})
	}
	return h, nil
}

// Journal is the file on this machine that the node's journal is written to, kernel messages included.
func (n *Node) Journal() string { return n.scratch.logPath(n.name + ".journal") }

// awaitSystem waits until systemd has started all it should. Units that failed are an error that names them.
func (n *Node) awaitSystem(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	state, err := n.Run(ctx, "systemctl", "is-system-running", "--wait")
	if strings.TrimSpace(state) == "running" {
		return nil
	}
	failed, _ := n.Run(ctx, "systemctl", "--failed", "--no-legend", "--plain")
	return fmt.Errorf("%s is %s (%v): %s", n.name, strings.TrimSpace(state), err, strings.TrimSpace(failed))
}

// Login opens the node's iSCSI session to the lab's target and waits until all its disks have their names under
// /dev/disk/by-id.
func (n *Node) Login(ctx context.Context) error {
	portal := n.lab.Target.Portal
	if _, err := n.Run(ctx, "iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p", portal); err != nil {
		return err
	}
	if _, err := n.Run(ctx, "iscsiadm", "-m", "node", "-T", TargetName, "-p", portal, "--login"); err != nil {
		return err
	}
	for _, d := range n.lab.Target.Disks() {
		if _, err := n.Run(ctx, "udevadm", "wait", "--settle", "--timeout=30", d.Device()); err != nil {
			return err
		}
	}
	return nil
}

// Logout ends the node's iSCSI session.
func (n *Node) Logout(ctx context.Context) error {
	_, err := n.Run(ctx, "iscsiadm", "-m", "node", "-T", TargetName, "-p", n.lab.Target.Portal, "--logout")
	return err
}
