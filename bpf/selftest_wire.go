// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	wireQuiet = 300 * time.Millisecond // for so long nothing may arrive; TCP sends again after 200 ms
	wireWait  = 5 * time.Second        // for so long something may take
)

// A wire is a throw-away connection within this host, its far end a portal of the gate.
type wire struct {
	portal    netip.AddrPort
	near, far *net.TCPConn
}

// newWire connects before the portal is guarded.
func newWire(ctx context.Context) (*wire, error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("listen on the loopback interface: %w: is it up?", err)
	}
	defer l.Close()
	var d net.Dialer
	near, err := d.DialContext(ctx, "tcp4", l.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("connect over the loopback interface: %w: is it up?", err)
	}
	if err := l.SetDeadline(time.Now().Add(wireWait)); err != nil {
		near.Close()
		return nil, err
	}
	far, err := l.AcceptTCP()
	if err != nil {
		near.Close()
		return nil, fmt.Errorf("accept over the loopback interface: %w", err)
	}
	return &wire{l.Addr().(*net.TCPAddr).AddrPort(), near.(*net.TCPConn), far}, nil
}

func (w *wire) Close() {
	w.near.Close()
	w.far.Close()
}

// hear waits for one byte at the far end.
func (w *wire) hear(within time.Duration) error {
	if err := w.far.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	_, err := w.far.Read(make([]byte, 1))
	return err
}

// tryEgress sends through an open and a shut gate, and resets the connection while it is shut.
func (g *Pinned) tryEgress(ctx context.Context) (string, error) {
	w, err := newWire(ctx)
	if err != nil {
		return "", err
	}
	defer w.Close()
	if err := g.SetGroup(GroupSelfTest, Shut); err != nil {
		return "", err
	}
	if err := g.AddPortal(Portal{w.portal, GroupSelfTest}); err != nil {
		return "", err
	}
	defer g.RemovePortal(w.portal)
	if err := g.seeNothingArrive(w); err != nil {
		return "", err
	}
	seen := "dropped shut"
	if g.open() {
		if err := g.SetGroup(GroupSelfTest, Open); err != nil {
			return "", err
		}
		if err := w.hear(wireWait); err != nil {
			return "", fmt.Errorf("wait for the packet with the gate open again: %w", err)
		}
		seen = "dropped shut, arrived open"
	}
	return seen + ", a reset passed shut", g.seeResetArrive(w)
}

func (g *Pinned) seeNothingArrive(w *wire) error {
	before, err := g.counter(HookEgress)
	if err != nil {
		return err
	}
	if _, err := w.near.Write([]byte{1}); err != nil {
		return fmt.Errorf("write to throw-away connection: %w", err)
	}
	if err := w.hear(wireQuiet); err == nil {
		return errPassed
	} else if !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("read from throw-away connection: %w", err)
	}
	after, err := g.counter(HookEgress)
	if err != nil {
		return err
	}
	if after.Refused+after.Lapsed == before.Refused+before.Lapsed {
		return errors.New("nothing arrived, but the gate has refused nothing either: is a firewall in the way?")
	}
	return nil
}

func (g *Pinned) seeResetArrive(w *wire) error {
	if err := g.SetGroup(GroupSelfTest, Shut); err != nil {
		return err
	}
	if err := w.near.SetLinger(0); err != nil {
		return fmt.Errorf("reset throw-away connection: %w", err)
	}
	if err := w.near.Close(); err != nil {
		return fmt.Errorf("reset throw-away connection: %w", err)
	}
	if err := w.hear(wireWait); !errors.Is(err, unix.ECONNRESET) {
		return fmt.Errorf("wait for the reset: %w", err)
	}
	return nil
}
