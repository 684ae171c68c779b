// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Bounds of the protocol.
const (
	frameBytesMax  = 64 << 10 // payload of one frame
	headBytes      = 9
	windowFrames   = 8   // data frames a client may have outstanding in one request
	requestsMax    = 256 // requests a server runs at once
	argumentsMax   = 4096
	outFramesQueue = 64 // frames queued for the stream before writers wait
)

// kind says what a frame is.
type kind uint8

const (
	kindHello kind = iota + 1
	kindOpen
	kindData
	kindEOF
	kindAck
	kindSignal
	kindStdout
	kindStderr
	kindExit
)

func (k kind) String() string {
	names := [...]string{"", "hello", "open", "data", "eof", "ack", "signal", "stdout", "stderr", "exit"}
	if int(k) < len(names) && k != 0 {
		return names[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// frame is the unit of the stream.
type frame struct {
	kind    kind
	request uint32
	payload []byte
}

func (f frame) String() string {
	return fmt.Sprintf("%s %d (%d bytes)", f.kind, f.request, len(f.payload))
}

// appendFrame builds the bytes of f.
func appendFrame(b []byte, f frame) []byte {
	if len(f.payload) > frameBytesMax {
		panic(fmt.Sprintf("BUG: frame %v is longer than %d bytes", f, frameBytesMax))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.payload)))
	b = append(b, byte(f.kind))
	b = binary.BigEndian.AppendUint32(b, f.request)
	return append(b, f.payload...)
}

// readFrame takes one frame off r. io.EOF means that the stream ended between two frames.
func readFrame(r io.Reader) (frame, error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	n := binary.BigEndian.Uint32(head[0:4])
	f := frame{kind: kind(head[4]), request: binary.BigEndian.Uint32(head[5:9])}
	if n > frameBytesMax {
		return frame{}, fmt.Errorf("read frame: %d bytes of payload, the limit is %d", n, frameBytesMax)
	}
	if f.kind < kindHello || f.kind > kindExit {
		return frame{}, fmt.Errorf("read frame: unknown %v", f.kind)
	}
	f.payload = make([]byte, n)
	if _, err := io.ReadFull(r, f.payload); err != nil {
		return frame{}, fmt.Errorf("read frame: %w", io.ErrUnexpectedEOF)
	}
	return f, nil
}
