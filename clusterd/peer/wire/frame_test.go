// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

func payload(kind uint32, data []byte) *Frame {
	return &Frame{Body: &Frame_Payload{Payload: &Payload{Kind: kind, Data: data}}}
}

func encode(t testing.TB, frames ...*Frame) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, f := range frames {
		if err := Write(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestFramesComeBackInOrder(t *testing.T) {
	sent := []*Frame{
		{Body: &Frame_Hello{Hello: &Hello{Cluster: "c", Node: 3, Service: "member", ProtocolMin: 1, ProtocolMax: 2}}},
		payload(7, []byte("vote")), payload(7, nil), {Body: &Frame_Alive{Alive: &Alive{}}},
	}
	r := NewReader(iotest.OneByteReader(bytes.NewReader(encode(t, sent...))))
	for i, want := range sent {
		got, err := r.Read()
		if err != nil || !proto.Equal(got, want) {
			t.Fatalf("frame %d: got %v, %v; want %v", i, got, err, want)
		}
	}
	if _, err := r.Read(); err != io.EOF {
		t.Fatalf("after the last frame: %v", err)
	}
}

func TestAStreamCutAnywhereInAFrameIsTruncated(t *testing.T) {
	whole := encode(t, payload(1, bytes.Repeat([]byte{5}, 300)))
	for n := 1; n < len(whole); n++ {
		if _, err := NewReader(bytes.NewReader(whole[:n])).Read(); !errors.Is(err, ErrTruncated) {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestALongFrameIsRefusedBeforeTheHelloAndTakenAfter(t *testing.T) {
	long := encode(t, payload(1, make([]byte, HelloBytesMax)))
	if _, err := NewReader(bytes.NewReader(long)).Read(); !errors.Is(err, ErrOversized) {
		t.Fatalf("stranger: %v", err)
	}
	r := NewReader(bytes.NewReader(long))
	r.Trust()
	if _, err := r.Read(); err != nil {
		t.Fatalf("trusted: %v", err)
	}
}

func TestALengthBeyondTheLimitAllocatesNothing(t *testing.T) {
	huge := protowire.AppendVarint(nil, 1<<62)
	got := testing.AllocsPerRun(10, func() {
		r := NewReader(bytes.NewReader(huge))
		r.Trust()
		if _, err := r.Read(); !errors.Is(err, ErrOversized) {
			t.Fatal(err)
		}
	})
	if got > 50 {
		t.Fatalf("%v allocations", got)
	}
}

func TestTheLargestPayloadFitsAFrame(t *testing.T) {
	f := payload(^uint32(0), make([]byte, PayloadBytesMax))
	if n := proto.Size(f); n > BytesMax {
		t.Fatalf("frame of %d bytes, limit %d", n, BytesMax)
	}
}

func TestTheStreamsOwnErrorComesThrough(t *testing.T) {
	broken := errors.New("cable pulled")
	if _, err := NewReader(iotest.ErrReader(broken)).Read(); err != broken {
		t.Fatal(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(encode(f, payload(1, []byte("x")), &Frame{Body: &Frame_Alive{Alive: &Alive{}}}))
	f.Add(encode(f, &Frame{Body: &Frame_Refusal{Refusal: &Refusal{Code: "service", Text: "no"}}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{5, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b))
		for {
			frame, err := r.Read()
			if err == io.EOF {
				return
			}
			if err != nil {
				if !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrOversized) && !errors.Is(err, ErrMalformed) {
					t.Fatalf("unnamed error %v", err)
				}
				return
			}
			back, err := NewReader(bytes.NewReader(encode(t, frame))).Read()
			if err != nil || !proto.Equal(frame, back) {
				t.Fatalf("%v came back as %v, %v", frame, back, err)
			}
		}
	})
}
