// SPDX-License-Identifier: Apache-2.0

// Package blocks is the numbered block with which trials judge what landed on a disk: each 4 KiB block says which node
// wrote it, in which run, as which write, and when it was submitted by that node's own CLOCK_BOOTTIME. Write n goes to
// block n modulo the size of the region, so a region always shows the newest writes that landed, whatever a writer
// believes of them. The judge reads the disk from the target's side.
//
//	0      4     8      16     24          32        36              4096
//	| magic | node | run  | num  | submitted | CRC32C  | zero ...        |
//
// All numbers are little-endian; the checksum covers the 32 bytes before it.
package blocks

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Size is the size of one block in bytes.
const Size = 4096

const (
	magic    = 0x424e4c50 // "PLNB"
	sumStart = 32
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Block says who wrote a block and when.
type Block struct {
	Node      view.NodeID
	Run       uint64 // chosen by the trial; tells the blocks of two runs apart
	Num       uint64 // counts the writes of a run from 1
	Submitted view.Tick
}

// Encode fills buf, which must be Size bytes long.
func (b Block) Encode(buf []byte) {
	le := binary.LittleEndian
	clear(buf[:Size])
	le.PutUint32(buf, magic)
	le.PutUint32(buf[4:], uint32(b.Node))
	le.PutUint64(buf[8:], b.Run)
	le.PutUint64(buf[16:], b.Num)
	le.PutUint64(buf[24:], uint64(b.Submitted))
	le.PutUint32(buf[sumStart:], crc32.Checksum(buf[:sumStart], castagnoli))
}

// Decode reads a block; false means that buf is not one.
func Decode(buf []byte) (Block, bool) {
	le := binary.LittleEndian
	if len(buf) < sumStart+4 || le.Uint32(buf) != magic || le.Uint32(buf[sumStart:]) != crc32.Checksum(buf[:sumStart], castagnoli) {
		return Block{}, false
	}
	return Block{
		Node:      view.NodeID(le.Uint32(buf[4:])),
		Run:       le.Uint64(buf[8:]),
		Num:       le.Uint64(buf[16:]),
		Submitted: view.Tick(le.Uint64(buf[24:])),
	}, true
}

// Read returns the numbered blocks among the count blocks that begin at byte offset off, by index.
func Read(r io.ReaderAt, off int64, count int) (map[int]Block, error) {
	found, buf := map[int]Block{}, make([]byte, Size)
	for i := range count {
		if _, err := r.ReadAt(buf, off+int64(i)*Size); err != nil {
			return nil, err
		}
		if b, ok := Decode(buf); ok {
			found[i] = b
		}
	}
	return found, nil
}

// Landed returns the blocks of a run that stand in after and not in before: what landed between the two readings.
func Landed(before, after map[int]Block, run uint64) []Block {
	var late []Block
	for i, b := range after {
		if b.Run == run && before[i] != b {
			late = append(late, b)
		}
	}
	return late
}
