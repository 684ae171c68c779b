//go:build guest

// SPDX-License-Identifier: Apache-2.0

package bpf_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/bpf"
)

const (
	quiet  = 500 * time.Millisecond // TCP sends again after 200
	enough = 10 * time.Second
)

// A session is a connection to a portal within the guest.
type session struct {
	t           *testing.T
	client      *net.TCPConn
	target      *net.TCPConn
	portal      netip.AddrPort
	said, heard byte
}

func newSession(t *testing.T, address string) *session {
	t.Helper()
	l, err := net.Listen("tcp", address)
	do(t, err)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	do(t, err)
	target, err := l.Accept()
	do(t, err)
	t.Cleanup(func() { client.Close(); target.Close() })
	return &session{t: t, client: client.(*net.TCPConn), target: target.(*net.TCPConn), portal: l.Addr().(*net.TCPAddr).AddrPort()}
}

func (s *session) say() {
	s.t.Helper()
	s.said++
	_, err := s.client.Write([]byte{s.said})
	do(s.t, err)
}

// hears checks whether the next byte said arrives.
func (s *session) hears(want bool) {
	s.t.Helper()
	within := enough
	if !want {
		within = quiet
	}
	do(s.t, s.target.SetReadDeadline(time.Now().Add(within)))
	var b [1]byte
	_, err := s.target.Read(b[:])
	switch {
	case want && (err != nil || b[0] != s.heard+1):
		s.t.Fatalf("byte %d did not arrive: %d, %v", s.heard+1, b[0], err)
	case want:
		s.heard++
	case err == nil:
		s.t.Fatalf("byte %d went out through a shut gate", b[0])
	case !errors.Is(err, os.ErrDeadlineExceeded):
		s.t.Fatal(err)
	}
}

func TestPacketsToAPortalStallWhenShut(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			g, s := loadGate(t), newSession(t, address)
			bystander := newSession(t, address)
			do(t, g.AddPortal(bpf.Portal{Addr: s.portal, Group: group}), g.SetGroup(group, bpf.ReadOnly))
			t.Cleanup(func() { do(t, g.RemovePortal(s.portal)) })

			lease(t, g, bpf.LeaseJoining, time.Hour)
			s.say()
			s.hears(true)
			do(t, g.SetGroup(group, bpf.Shut))
			s.say()
			s.hears(false)
			bystander.say()
			bystander.hears(true)
			if c := counter(t, g, bpf.HookEgress); c.Refused == 0 || c.Lapsed != 0 || c.Passed == 0 {
				t.Errorf("counted %+v", c)
			}
			do(t, g.SetGroup(group, bpf.Open))
			s.hears(true)

			l := lease(t, g, bpf.LeaseRunning, 300*time.Millisecond)
			for bpf.Now() < l.Deadline {
				unix.Nanosleep(&unix.Timespec{Nsec: 10e6}, nil)
			}
			s.say()
			s.hears(false)
			if lapsed(t, g) == 0 {
				t.Error("the lapse was not counted")
			}
			do(t, s.client.SetLinger(0), s.client.Close())
			do(t, s.target.SetReadDeadline(time.Now().Add(enough)))
			if n, err := s.target.Read(make([]byte, 1)); n != 0 || !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("the target read %d bytes, %v; want only the reset", n, err)
			}
		})
	}
}

// A portal with several groups behind it does not care for any of them, only for the lease.
func TestPortalOfSeveralGroupsFollowsTheLease(t *testing.T) {
	g, s := loadGate(t), newSession(t, "127.0.0.1:0")
	do(t, g.AddPortal(bpf.Portal{Addr: s.portal, Group: bpf.GroupAny}), g.SetGroup(group, bpf.Shut))
	t.Cleanup(func() { do(t, g.RemovePortal(s.portal)) })
	lease(t, g, bpf.LeaseRunning, time.Hour)
	s.say()
	s.hears(true)
	lease(t, g, bpf.LeaseFenced, 0)
	s.say()
	s.hears(false)
	if n := lapsed(t, g); n != 0 {
		t.Errorf("a fence counted %d lapses", n)
	}
}

// Without a connection there is none to be had either: the first packet goes through the gate too.
func TestConnectionToAShutPortalIsNotMade(t *testing.T) {
	g := loadGate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	do(t, err)
	defer l.Close()
	portal := l.Addr().(*net.TCPAddr).AddrPort()
	do(t, g.AddPortal(bpf.Portal{Addr: portal, Group: group}))
	t.Cleanup(func() { do(t, g.RemovePortal(portal)) })
	lease(t, g, bpf.LeaseRunning, 0)
	c, err := net.DialTimeout("tcp", portal.String(), quiet)
	if err == nil {
		io.WriteString(c, "x")
		c.Close()
		t.Fatal("connected through a shut gate")
	}
	if n := lapsed(t, g); n != 0 {
		t.Errorf("a SYN counted %d lapses", n)
	}
}
