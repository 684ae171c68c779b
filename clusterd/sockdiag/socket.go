// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Socket is one TCP socket.
type Socket struct {
	Local, Remote netip.AddrPort
	State         State
	UID           uint32 // owner; zero for those of the kernel

	family uint8
	id     sockID
}

func (s Socket) String() string { return fmt.Sprintf("%v -> %v %v", s.Local, s.Remote, s.State) }

// State is a TCP state, numbered as in net/tcp_states.h.
type State uint8

// Established is the state of a connection that carries data.
const Established State = 1

var stateWords = [...]string{
	1: "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2", "time-wait", "close", "close-wait", "last-ack",
	"listen", "closing", "new-syn-recv",
}

func (s State) String() string {
	if int(s) < len(stateWords) && stateWords[s] != "" {
		return stateWords[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// statesWanted are the states through which data may still go: all but time-wait, close and listen.
const statesWanted = 0xfff &^ (1<<0 | 1<<6 | 1<<7 | 1<<10)

// sockID is struct inet_diag_sockid as the kernel gave it: it names a socket, cookie included, so that a new socket
// with the same addresses is not taken for it.
type sockID [sockIDBytes]byte

const (
	sockIDBytes   = 48 // sport 2, dport 2, src 16, dst 16, interface 4, cookie 8; ports and addresses big endian
	requestBytes  = 8 + sockIDBytes
	responseBytes = 4 + sockIDBytes + 20
)

// ErrMalformed says that a message of the kernel is not what linux/inet_diag.h describes.
var ErrMalformed = errors.New("malformed inet_diag message")

// listRequest is struct inet_diag_req_v2: all sockets of the family, to that remote port.
func listRequest(family uint8, remotePort uint16) []byte {
	b := make([]byte, requestBytes)
	b[0], b[1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[4:], statesWanted)
	binary.BigEndian.PutUint16(b[10:], remotePort)
	return b
}

// destroyRequest is the same structure, for one socket.
func destroyRequest(s Socket) []byte {
	b := make([]byte, requestBytes)
	b[0], b[1] = s.family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[4:], 1<<s.State)
	copy(b[8:], s.id[:])
	return b
}

// parseSocket reads struct inet_diag_msg. What follows it, attributes, is not needed.
func parseSocket(b []byte) (Socket, error) {
	if len(b) < responseBytes {
		return Socket{}, fmt.Errorf("%w: %d bytes, it has %d", ErrMalformed, len(b), responseBytes)
	}
	s := Socket{family: b[0], State: State(b[1]), id: sockID(b[4 : 4+sockIDBytes])}
	size := 4
	switch s.family {
	case unix.AF_INET:
	case unix.AF_INET6:
		size = 16
	default:
		return Socket{}, fmt.Errorf("%w: address family %d", ErrMalformed, s.family)
	}
	address := func(at, port int) netip.AddrPort {
		a, _ := netip.AddrFromSlice(s.id[at : at+size])
		return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(s.id[port:]))
	}
	s.Local, s.Remote = address(4, 0), address(20, 2)
	s.UID = binary.NativeEndian.Uint32(b[4+sockIDBytes+12:])
	return s, nil
}
