// SPDX-License-Identifier: Apache-2.0

package label

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

const (
	sectorBytes   = 512
	checksumAt    = sectorBytes - 4
	formatCurrent = 1
	idBytes       = 16
	hashBytes     = 32
	nameBytes     = 32
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// writer builds one sector. The values were checked before: what does not fit is a bug.
type writer struct {
	b  []byte
	at int
}

func (w *writer) bytes(p []byte) {
	if w.at+len(p) > checksumAt {
		panic(fmt.Sprintf("BUG: %d bytes at %d of a sector", len(p), w.at))
	}
	w.at += copy(w.b[w.at:], p)
}

func (w *writer) u8(n uint8)   { w.bytes([]byte{n}) }
func (w *writer) u16(n uint16) { w.bytes(binary.LittleEndian.AppendUint16(nil, n)) }
func (w *writer) u32(n uint32) { w.bytes(binary.LittleEndian.AppendUint32(nil, n)) }
func (w *writer) u64(n uint64) { w.bytes(binary.LittleEndian.AppendUint64(nil, n)) }

// hex writes n bytes given as hexadecimal digits; none at all are zeros.
func (w *writer) hex(s string, n int) {
	p := make([]byte, n)
	if b, err := hex.DecodeString(s); err != nil || s != "" && len(b) != n {
		panic(fmt.Sprintf("BUG: %q is not %d bytes", s, n))
	} else {
		copy(p, b)
	}
	w.bytes(p)
}

func (w *writer) name(s string, n int) {
	p := make([]byte, n)
	if copy(p, s) < len(s) {
		panic(fmt.Sprintf("BUG: name %q is longer than %d", s, n))
	}
	w.bytes(p)
}

func (w *writer) ballot(b view.Ballot) {
	w.u64(uint64(b.View))
	w.u64(b.Start)
	w.u64(b.Step)
}

// seal writes the checksum behind everything.
func (w *writer) seal() {
	binary.LittleEndian.PutUint32(w.b[checksumAt:], crc32.Checksum(w.b[:checksumAt], castagnoli))
}

// reader takes a sector apart; the checksum was seen to be right.
type reader struct {
	b   []byte
	at  int
	err error // the first field that is wrong
}

// open checks magic, checksum and format, in this order.
func open(block []byte, magic string) (*reader, error) {
	if len(block) < sectorBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrLength, len(block))
	}
	sector := block[:sectorBytes]
	if string(sector[:len(magic)]) != magic {
		return nil, ErrNoLabel
	}
	if binary.LittleEndian.Uint32(sector[checksumAt:]) != crc32.Checksum(sector[:checksumAt], castagnoli) {
		return nil, ErrChecksum
	}
	r := &reader{b: sector[:checksumAt], at: len(magic)}
	if f := r.u32(); f != formatCurrent {
		return nil, fmt.Errorf("%w %d, this program reads %d: install the version that wrote it", ErrFormat, f, formatCurrent)
	}
	return r, nil
}

func (r *reader) bytes(n int) []byte {
	p := r.b[r.at : r.at+n]
	r.at += n
	return p
}

func (r *reader) u8() uint8   { return r.bytes(1)[0] }
func (r *reader) u16() uint16 { return binary.LittleEndian.Uint16(r.bytes(2)) }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.bytes(4)) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.bytes(8)) }

// hex reads n bytes as hexadecimal digits; all zeros are none.
func (r *reader) hex(n int) string {
	p := r.bytes(n)
	if allZero(p) {
		return ""
	}
	return hex.EncodeToString(p)
}

func (r *reader) name(n int) string {
	s, rest, _ := strings.Cut(string(r.bytes(n)), "\x00")
	r.want(strings.Trim(rest, "\x00") == "", "group name", fmt.Sprintf("%q", s+"\x00"+rest))
	return s
}

func (r *reader) ballot() view.Ballot {
	return view.Ballot{View: view.Seq(r.u64()), Start: r.u64(), Step: r.u64()}
}

// want notes the first field that is wrong.
func (r *reader) want(ok bool, field, value string) {
	if !ok && r.err == nil {
		r.err = &FieldError{field, value}
	}
}

// end checks that what is left of the sector is zero.
func (r *reader) end() error {
	r.want(allZero(r.b[r.at:]), "reserved bytes", fmt.Sprintf("not zero behind byte %d", r.at))
	return r.err
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
