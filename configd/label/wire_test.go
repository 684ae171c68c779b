// SPDX-License-Identifier: Apache-2.0

package label

import (
	"bytes"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"encoding/binary"

	"github.com/google/go-cmp/cmp"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

var (
	testBallot = view.Ballot{View: 3, Start: 2, Step: 9}
	testHash   = config.Hash([]byte("text"))
	testParent = config.Hash([]byte("parent"))
)

func testHeader(t testing.TB) Header {
	t.Helper()
	g, err := GeometryFor(1 << 30)
	if err != nil {
		t.Fatal(err)
	}
	return Header{
		Disk: strings.Repeat("d", 32), Cluster: view.ClusterID(strings.Repeat("c", 32)), Group: strings.Repeat("a", 32), Name: "dgdata",
		Copy: 2, Slot: 1, Version: 7, Ballot: testBallot, Hash: testHash, Parent: testParent, Geometry: g,
	}
}

func testSlot() Slot {
	return Slot{Group: strings.Repeat("a", 32), Version: 7, Ballot: testBallot, Hash: testHash, Parent: testParent, Text: []byte("text")}
}

// TestFormatStaysAsItIs compares with bytes written down once: a disk must be readable by every later version.
func TestFormatStaysAsItIs(t *testing.T) {
	header := EncodeHeader(testHeader(t))
	slot := EncodeSlot(testSlot())
	got := hex.Dump(header[:sectorBytes]) + "\n" + hex.Dump(slot[:sectorBytes]) + "\n" + hex.Dump(slot[BlockBytes:BlockBytes+16])
	const file = "testdata/format.hex"
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n%s", file, got)
	}
}

func TestGeometryLeavesRoomForData(t *testing.T) {
	for _, c := range []struct{ disk, slot, data uint64 }{
		{16 * mib, 1 * mib, 4 * mib}, {256*mib - 512, 1 * mib, 4 * mib}, {256 * mib, 4 * mib, 10 * mib},
		{1 << 40, 4 * mib, 10 * mib}, {1<<40 + 512, 16 * mib, 34 * mib},
	} {
		g, err := GeometryFor(c.disk)
		if err != nil || g.SlotBytes != c.slot || g.DataOffset != c.data || g.DataBytes%mib != 0 || g.DataOffset+g.DataBytes > c.disk {
			t.Errorf("%d bytes: %+v, %v", c.disk, g, err)
		}
	}
	if _, err := GeometryFor(16*mib - 1); !errors.Is(err, ErrTooSmall) {
		t.Errorf("too small a disk: %v", err)
	}
	if _, err := GeometryFor(1 << 62); err == nil {
		t.Error("a disk of 4 EiB was accepted")
	}
}

// reseal puts the right checksum onto a spoilt sector.
func reseal(block []byte) {
	binary.LittleEndian.PutUint32(block[checksumAt:], crc32.Checksum(block[:checksumAt], castagnoli))
}

func TestHeaderNamesTheWrongField(t *testing.T) {
	for _, c := range []struct {
		at    int
		bytes string
		want  string
	}{
		{8, "\x02", "unknown format 2"},
		{12, "\x06", "wrong copy index: 6"},
		{13, "\x02", "wrong slot: 2"},
		{14, "\x01", "wrong reserved bytes"},
		{32, strings.Repeat("\x00", 16), "wrong group id: none, and the disk says"},
		{48, "\x00", "wrong group name"},
		{48, "-", "wrong group name"},
		{48, "dg\x00x", "wrong group name"},
		{80, strings.Repeat("\x00", 16), "wrong disk id"},
		{96, strings.Repeat("\x00", 8), "wrong version"},
		{128, strings.Repeat("\x00", 32), "wrong hash"},
		{192, strings.Repeat("\x00", 8), "wrong disk size: 0"},
		{200, "\x01", "wrong slot offset"},
		{208, "\x01", "wrong slot size"},
		{216, "\x01", "wrong log offset"},
		{224, "\x01", "wrong log size"},
		{232, "\x01", "wrong data offset"},
		{240, "\xff\xff\xff\xff\xff\xff\xff\xff", "wrong data size"},
		{248, "\x01", "wrong reserved bytes"},
		{507, "\x01", "wrong reserved bytes"},
	} {
		block := EncodeHeader(testHeader(t))
		copy(block[c.at:], c.bytes)
		if _, err := DecodeHeader(block); !errors.Is(err, ErrChecksum) {
			t.Errorf("byte %d changed: %v", c.at, err)
		}
		reseal(block)
		if _, err := DecodeHeader(block); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("byte %d: got %v, want %q", c.at, err, c.want)
		}
	}
	if _, err := DecodeHeader(make([]byte, BlockBytes)); !errors.Is(err, ErrNoLabel) {
		t.Errorf("an empty block: %v", err)
	}
	if _, err := DecodeHeader(make([]byte, 100)); !errors.Is(err, ErrLength) {
		t.Errorf("a short block: %v", err)
	}
}

func TestSlotNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		at   int
		b    byte
		seal bool
		want error
	}{
		{0, 'x', false, ErrNoLabel}, {30, 1, false, ErrChecksum}, {8, 2, true, ErrFormat},
		{BlockBytes + 1, 'x', false, ErrChecksum}, {13, 0x20, true, ErrLength},
	} {
		b := EncodeSlot(testSlot())
		b[c.at] = c.b
		if c.seal {
			reseal(b)
		}
		if _, err := DecodeSlot(b); !errors.Is(err, c.want) {
			t.Errorf("byte %d: got %v, want %v", c.at, err, c.want)
		}
	}
	b := EncodeSlot(testSlot())
	copy(b[BlockBytes:], "tixt")
	binary.LittleEndian.PutUint32(b[128:], crc32.Checksum([]byte("tixt"), castagnoli))
	reseal(b)
	if _, err := DecodeSlot(b); !errors.Is(err, ErrHash) {
		t.Errorf("another text with its own checksum: %v", err)
	}
	if _, err := DecodeSlot(make([]byte, BlockBytes)); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty slot: %v", err)
	}
	var field *FieldError
	for at, want := range map[int]string{15: "length", 400: "reserved bytes"} {
		b := EncodeSlot(testSlot())
		b[at] = 1
		reseal(b)
		if _, err := DecodeSlot(b); !errors.As(err, &field) || field.Field != want {
			t.Errorf("byte %d: got %v, want a wrong %s", at, err, want)
		}
	}
}

func FuzzDecodeHeader(f *testing.F) {
	f.Add(EncodeHeader(testHeader(f))[:sectorBytes], false)
	f.Add(PutHeader(Release(testHeader(f))).Bytes[:sectorBytes], false)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if sealed && len(b) >= sectorBytes {
			b = bytes.Clone(b)
			copy(b, headerMagic)
			reseal(b)
		}
		h, err := DecodeHeader(b)
		if err != nil {
			return
		}
		if again := EncodeHeader(h); !bytes.Equal(again[:sectorBytes], b[:sectorBytes]) {
			t.Errorf("%v:\n%x\n%x", h, b[:sectorBytes], again[:sectorBytes])
		}
	})
}

func FuzzDecodeSlot(f *testing.F) {
	f.Add(EncodeSlot(testSlot()), false)
	f.Add(make([]byte, BlockBytes), true)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if sealed && len(b) >= sectorBytes {
			b = bytes.Clone(b)
			copy(b, slotMagic)
			reseal(b)
		}
		s, err := DecodeSlot(b)
		if err != nil {
			return
		}
		again, err := DecodeSlot(EncodeSlot(s))
		if err != nil || cmp.Diff(s, again) != "" {
			t.Errorf("%v: %v", err, cmp.Diff(s, again))
		}
	})
}
