// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// ErrCorrupt says that what was acknowledged cannot be read back.
var ErrCorrupt = errors.New("corrupt")

const (
	fileMagic       = "PLXRAFT\x01" // the last byte is the version
	recordMagic     = "PLXr"
	recordHeadBytes = 24
	recordBytesMax  = 256 << 20 // of a body
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends the record of that number.
func appendRecord(to []byte, number uint64, body []byte) []byte {
	head := append([]byte(nil), recordMagic...)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(body)))
	head = binary.LittleEndian.AppendUint64(head, number)
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(body, castagnoli))
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(head, castagnoli))
	return append(append(to, head...), body...)
}

// head is a record's header whose checksum is right.
type head struct {
	length int
	number uint64
	crc    uint32
}

// parseHead reads the header at the beginning of b.
func parseHead(b []byte) (head, bool) {
	if len(b) < recordHeadBytes || string(b[:4]) != recordMagic ||
		binary.LittleEndian.Uint32(b[20:]) != crc32.Checksum(b[:20], castagnoli) {
		return head{}, false
	}
	h := head{int(binary.LittleEndian.Uint32(b[4:])), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint32(b[16:])}
	return h, h.length <= recordBytesMax
}

// parseLog reads a log file. It returns what the batches amount to, the number of the next record, and how many bytes of
// the file are good: what is behind them was being written when the machine died, and was acknowledged to nobody.
func parseLog(file []byte) (c Contents, next uint64, good int, err error) {
	if len(file) < len(fileMagic) || string(file[:len(fileMagic)]) != fileMagic {
		return Contents{}, 0, 0, fmt.Errorf("%w: it does not begin as a raft log of this version", ErrCorrupt)
	}
	good, next = len(fileMagic), 1
	for good < len(file) {
		rest := file[good:]
		h, ok := parseHead(rest)
		if ok && h.number != next {
			return Contents{}, 0, 0, fmt.Errorf("%w: record %d at byte %d has number %d", ErrCorrupt, next, good, h.number)
		}
		if ok {
			rest = rest[recordHeadBytes:]
			ok = len(rest) >= h.length && crc32.Checksum(rest[:h.length], castagnoli) == h.crc
		}
		if !ok {
			if at := later(file[good+1:], next); at >= 0 {
				return Contents{}, 0, 0, fmt.Errorf("%w: record %d at byte %d is bad, and a good one follows at byte %d",
					ErrCorrupt, next, good, good+1+at)
			}
			return c, next, good, nil
		}
		b, err := unmarshalBatch(rest[:h.length])
		if err != nil {
			return Contents{}, 0, 0, fmt.Errorf("%w: record %d at byte %d: %w", ErrCorrupt, next, good, err)
		}
		c.Apply(b)
		good += recordHeadBytes + h.length
		next++
	}
	return c, next, good, nil
}

// later looks for the header of a record after that number, and returns where it is or -1.
func later(b []byte, number uint64) int {
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], []byte(recordMagic))
		if i < 0 {
			return -1
		}
		at += i
		if h, ok := parseHead(b[at:]); ok && h.number > number {
			return at
		}
	}
}
