// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"fmt"
	"net"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// hostHost is the last byte of the harness's own address in each network.
const hostHost = 254

// Network is a bridge in the lab's namespace that every node has a tap on. The interconnect is 10.81.0.0/24, the storage
// network 10.82.0.0/24; node n has address .n, the harness .254.
type Network struct {
	name   string // as the nodes call their device
	number byte   // 81 or 82
	thread *thread
	handle *netlink.Handle
	bridge netlink.Link

	mu  sync.Mutex
	cut map[pair]bool
}

// pair is two node numbers, the smaller one first.
type pair struct{ a, b int }

func pairOf(a, b int) pair { return pair{min(a, b), max(a, b)} }

// newNamespace starts a thread in a network namespace of its own. The namespace has no name: it goes with the last process
// inside. To look around in it, enter that of a guest's QEMU: nsenter -t PID -n.
func newNamespace() (*thread, *netlink.Handle, error) {
	var handle *netlink.Handle
	t, err := newThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w; the lab wants root", err)
		}
		if handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil { // its socket stays in this namespace
			return fmt.Errorf("open netlink: %w", err)
		}
		lo, err := handle.LinkByName("lo")
		if err != nil {
			return err
		}
		return handle.LinkSetUp(lo)
	})
	return t, handle, err
}

func newNetwork(t *thread, h *netlink.Handle, name string, number byte) (*Network, error) {
	n := &Network{name: name, number: number, thread: t, handle: h, cut: map[pair]bool{}}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}
	if err := h.LinkAdd(bridge); err != nil {
		return nil, fmt.Errorf("add bridge %s: %w", name, err)
	}
	n.bridge = bridge
	address := &netlink.Addr{IPNet: &net.IPNet{IP: n.ip(hostHost), Mask: net.CIDRMask(24, 32)}}
	if err := h.AddrAdd(bridge, address); err != nil {
		return nil, fmt.Errorf("give bridge %s the address %v: %w", name, address, err)
	}
	return n, n.Up()
}

// HostAddress is the harness's own address in the network.
func (n *Network) HostAddress() string { return n.ip(hostHost).String() }

func (n *Network) ip(host int) net.IP { return net.IPv4(10, n.number, 0, byte(host)) }

func (n *Network) tap(node int) string { return fmt.Sprintf("%s%d", n.name[:5], node) }

// mac carries network and node, so that a rule about a node needs no look-up.
func (n *Network) mac(node int) net.HardwareAddr {
	return net.HardwareAddr{0x52, 0x54, 0, n.number, 0, byte(node)}
}

// attach makes the tap of a node; QEMU opens it by name.
func (n *Network) attach(node int) error {
	tap := &netlink.Tuntap{
		LinkAttrs: netlink.LinkAttrs{Name: n.tap(node), MasterIndex: n.bridge.Attrs().Index},
		Mode:      netlink.TUNTAP_MODE_TAP,
		Flags:     netlink.TUNTAP_NO_PI | netlink.TUNTAP_VNET_HDR | netlink.TUNTAP_ONE_QUEUE,
	}
	// The tap is born in the namespace of the thread that opens /dev/net/tun.
	if err := n.thread.do(func() error { return netlink.LinkAdd(tap) }); err != nil {
		return fmt.Errorf("add tap %s: %w", tap.Name, err)
	}
	link, err := n.handle.LinkByName(tap.Name)
	if err != nil {
		return fmt.Errorf("find tap %s: %w", tap.Name, err)
	}
	if err := n.handle.LinkSetMaster(link, n.bridge); err != nil {
		return fmt.Errorf("put tap %s on its bridge: %w", tap.Name, err)
	}
	return n.handle.LinkSetUp(link)
}

// Down stops the network for all, as a switch without power whose ports keep their light: no node sees its carrier go.
func (n *Network) Down() error {
	if err := n.handle.LinkSetDown(n.bridge); err != nil {
		return fmt.Errorf("set network %s down: %w", n.name, err)
	}
	return nil
}

// Up ends a Down.
func (n *Network) Up() error {
	if err := n.handle.LinkSetUp(n.bridge); err != nil {
		return fmt.Errorf("set network %s up: %w", n.name, err)
	}
	return nil
}

// Cut stops what two nodes send to each other in this network; each still reaches all others.
func (n *Network) Cut(a, b *Node) error { return n.setCut(a.number, b.number, true) }

// Mend ends a Cut.
func (n *Network) Mend(a, b *Node) error { return n.setCut(a.number, b.number, false) }

// Isolate cuts a node from all others, of those given.
func (n *Network) Isolate(node *Node, others ...*Node) error {
	for _, other := range others {
		if other != node {
			if err := n.Cut(node, other); err != nil {
				return err
			}
		}
	}
	return nil
}

// MendAll ends every Cut of the network.
func (n *Network) MendAll() error {
	n.mu.Lock()
	var cut []pair
	for p := range n.cut {
		cut = append(cut, p)
	}
	n.mu.Unlock()
	for _, p := range cut {
		if err := n.setCut(p.a, p.b, false); err != nil {
			return err
		}
	}
	return nil
}

func (n *Network) setCut(a, b int, cut bool) error {
	if a == b {
		return fmt.Errorf("cut network %s: node %d from itself", n.name, a)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if cut {
		n.cut[pairOf(a, b)] = true
	} else {
		delete(n.cut, pairOf(a, b))
	}
	for _, node := range []int{a, b} {
		if err := n.filter(node); err != nil {
			return fmt.Errorf("cut network %s between nodes %d and %d: %w", n.name, a, b, err)
		}
	}
	return nil
}
