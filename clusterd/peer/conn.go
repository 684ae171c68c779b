// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/clusterd/peer/wire"
)

// patient gives a connection up when a single read or write makes no progress for so long; a long message on a slow
// path is progress.
type patient struct {
	net.Conn
	limit atomic.Int64 // time.Duration
}

func (c *patient) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(c.deadline()); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *patient) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(c.deadline()); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *patient) deadline() time.Time { return time.Now().Add(time.Duration(c.limit.Load())) }

// setUserTimeout tells the kernel: data that is not acknowledged for so long breaks the connection.
func setUserTimeout(conn net.Conn, limit time.Duration) error {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds()))
	})
	if err = errors.Join(err, set); err != nil {
		return fmt.Errorf("set TCP_USER_TIMEOUT: %w", err)
	}
	return nil
}

// session is one TLS connection with its framing. One goroutine reads and one writes; hangUp is safe from any.
type session struct {
	tcp *patient
	tls *tls.Conn
	in  *wire.Reader
	out *bufio.Writer
}

// newSession wraps a TCP connection; while strangers get to know each other it waits as long as a handshake may take.
func newSession(tcp net.Conn, pace pace, secure func(net.Conn) *tls.Conn) (*session, error) {
	if err := setUserTimeout(tcp, pace.idle); err != nil {
		return nil, err
	}
	slow := &patient{Conn: tcp}
	slow.limit.Store(int64(pace.handshake))
	conn := secure(slow)
	return &session{tcp: slow, tls: conn, in: wire.NewReader(conn), out: bufio.NewWriterSize(conn, 16<<10)}, nil
}

// trust is called when the peer has shown who it is: long frames are read from now on, and silence is not forgiven.
func (s *session) trust(pace pace) {
	s.in.Trust()
	s.tcp.limit.Store(int64(pace.idle))
}

// say writes one frame and sends it, with what was written before.
func (s *session) say(f *wire.Frame) error {
	if err := wire.Write(s.out, f); err != nil {
		return err
	}
	return s.out.Flush()
}

// hangUp closes the connection without TLS's farewell, which could block.
func (s *session) hangUp() { s.tcp.Close() }

// hear reads frames until the connection ends, and gives payloads to take.
func (s *session) hear(take func(*wire.Payload)) error {
	for {
		f, err := s.in.Read()
		if err == io.EOF {
			return errors.New("the peer closed the connection")
		}
		if err != nil {
			return err
		}
		switch body := f.GetBody().(type) {
		case *wire.Frame_Payload:
			if take == nil {
				return refuse(CodeFrame, "it sent a message the wrong way along a connection")
			}
			take(body.Payload)
		case *wire.Frame_Refusal:
			return &Refusal{Code: Code(body.Refusal.GetCode()), Why: body.Refusal.GetText(), ByPeer: true}
		case *wire.Frame_Hello:
			return refuse(CodeFrame, "it said hello twice")
		}
	}
}
