// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	typeByFamily = 20 // SOCK_DIAG_BY_FAMILY of linux/sock_diag.h
	typeDestroy  = 21 // SOCK_DESTROY
)

// ErrNotSupported says that the kernel cannot destroy sockets: it has no CONFIG_INET_DIAG_DESTROY.
var ErrNotSupported = errors.New("the kernel cannot destroy sockets (CONFIG_INET_DIAG_DESTROY)")

// Conn is a netlink socket of the sock_diag family. After a request that ended because its ctx did, answers to it may still
// be on their way: close the Conn and dial another.
type Conn struct{ nl *netlink.Conn }

// Dial opens one in the current network namespace.
func Dial() (*Conn, error) {
	nl, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return nil, fmt.Errorf("open sock_diag: %w", err)
	}
	return &Conn{nl}, nil
}

// Close closes the netlink socket.
func (c *Conn) Close() error { return c.nl.Close() }

// List returns the sockets that lead to one of the portals.
func (c *Conn) List(ctx context.Context, portals []netip.AddrPort) ([]Socket, error) {
	defer c.bound(ctx)()
	wanted := map[netip.AddrPort]bool{}
	var ports []uint16
	for _, p := range portals {
		wanted[netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port())] = true
		ports = append(ports, p.Port())
	}
	slices.Sort(ports)
	var found []Socket
	for _, port := range slices.Compact(ports) {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			sockets, err := c.list(family, port)
			if err != nil {
				return found, fmt.Errorf("list TCP sockets to port %d: %w", port, err)
			}
			for _, s := range sockets {
				if wanted[s.Remote] {
					found = append(found, s)
				}
			}
		}
	}
	return found, nil
}

func (c *Conn) list(family uint8, port uint16) ([]Socket, error) {
	messages, err := c.nl.Execute(netlink.Message{
		Header: netlink.Header{Type: typeByFamily, Flags: netlink.Request | netlink.Dump},
		Data:   listRequest(family, port),
	})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, nil // the machine has no sockets of this family
	}
	if err != nil {
		return nil, err
	}
	sockets := make([]Socket, 0, len(messages))
	for _, m := range messages {
		s, err := parseSocket(m.Data)
		if err != nil {
			return nil, err
		}
		sockets = append(sockets, s)
	}
	return sockets, nil
}

// Destroy destroys a socket. One that is gone already is no error.
func (c *Conn) Destroy(ctx context.Context, s Socket) error {
	defer c.bound(ctx)()
	err := c.destroy(s)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("destroy TCP socket %v: %w", s, err)
	}
	return nil
}

func (c *Conn) destroy(s Socket) error {
	_, err := c.nl.Execute(netlink.Message{
		Header: netlink.Header{Type: typeDestroy, Flags: netlink.Request | netlink.Acknowledge},
		Data:   destroyRequest(s),
	})
	if errors.Is(err, unix.EOPNOTSUPP) {
		return ErrNotSupported
	}
	return err
}

// Probe says whether sockets can be destroyed: nil, ErrNotSupported, or an error for "could not tell", for example
// without CAP_NET_ADMIN. It asks for the end of a socket that there cannot be.
func (c *Conn) Probe(ctx context.Context) error {
	defer c.bound(ctx)()
	err := c.destroy(Socket{family: unix.AF_INET, State: 1})
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err == nil:
		return errors.New("probe sock_diag: the kernel destroyed a socket that there cannot be")
	case errors.Is(err, ErrNotSupported):
		return err
	}
	return fmt.Errorf("probe sock_diag: %w", err)
}

// bound lets requests end with ctx, until the function that it returns is called.
func (c *Conn) bound(ctx context.Context) (unbound func() bool) {
	return context.AfterFunc(ctx, func() {
		_ = c.nl.SetDeadline(time.Unix(1, 0)) // the past: what waits returns
	})
}
