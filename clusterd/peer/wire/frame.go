// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protodelim"
)

const (
	// PayloadBytesMax is the most data one payload may carry: a configuration text of the largest slot (16 MiB) and
	// room for what goes with it.
	PayloadBytesMax = 20 << 20
	// BytesMax is the length of the longest frame.
	BytesMax = PayloadBytesMax + 64
	// HelloBytesMax is the length of the longest frame before the Hello has been checked.
	HelloBytesMax = 4 << 10
)

// What is wrong with bytes that are no frame.
var (
	ErrTruncated = errors.New("truncated frame")
	ErrOversized = errors.New("oversized frame")
	ErrMalformed = errors.New("malformed frame")
)

// Reader reads frames.
type Reader struct {
	r   *bufio.Reader
	max int64
}

// NewReader returns a reader that takes frames of up to HelloBytesMax.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 16<<10), max: HelloBytesMax}
}

// Trust raises the limit to BytesMax: the peer has shown who it is.
func (r *Reader) Trust() { r.max = BytesMax }

// Read returns the next frame. It returns io.EOF at the end of the stream between two frames, an error that wraps one
// of ErrTruncated, ErrOversized and ErrMalformed for bytes that are no frame, and the stream's own errors as they are.
// A frame with a body that this version does not know has a nil Body.
func (r *Reader) Read() (*Frame, error) {
	source := &sticky{r: r.r}
	f := &Frame{}
	err := protodelim.UnmarshalOptions{MaxSize: r.max}.UnmarshalFrom(source, f)
	var large *protodelim.SizeTooLargeError
	switch {
	case err == nil:
		return f, nil
	case source.err == io.EOF && source.n == 0:
		return nil, io.EOF
	case source.err == io.EOF || source.err == io.ErrUnexpectedEOF:
		return nil, fmt.Errorf("%w: the stream ended after %d bytes of it", ErrTruncated, source.n)
	case source.err != nil:
		return nil, source.err
	case errors.As(err, &large):
		return nil, fmt.Errorf("%w: %d bytes, at most %d are taken here", ErrOversized, large.Size, r.max)
	}
	return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
}

// sticky counts what was read of one frame and remembers the stream's error, which tells it from the decoder's.
type sticky struct {
	r   *bufio.Reader
	n   int
	err error
}

func (s *sticky) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += n
	s.err = err
	return n, err
}

func (s *sticky) ReadByte() (byte, error) {
	b, err := s.r.ReadByte()
	if err == nil {
		s.n++
	}
	s.err = err
	return b, err
}

// Write writes one frame. A payload over PayloadBytesMax is a broken invariant of the caller.
func Write(w io.Writer, f *Frame) error {
	if n := len(f.GetPayload().GetData()); n > PayloadBytesMax {
		panic(fmt.Sprintf("BUG: a payload of %d bytes reached the wire, the limit is %d", n, PayloadBytesMax))
	}
	_, err := protodelim.MarshalTo(w, f)
	return err
}
