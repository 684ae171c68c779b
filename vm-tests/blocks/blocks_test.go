// SPDX-License-Identifier: Apache-2.0

package blocks

import (
	"bytes"
	"testing"
)

func TestABlockReadsBackAndOneFlippedBitIsSeen(t *testing.T) {
	want := Block{Node: 3, Run: 77, Num: 12345, Submitted: 987654321}
	buf := make([]byte, Size)
	want.Encode(buf)
	if got, ok := Decode(buf); !ok || got != want {
		t.Fatalf("got %+v %v, want %+v", got, ok, want)
	}
	for bit := range (sumStart + 4) * 8 {
		buf[bit/8] ^= 1 << (bit % 8)
		if _, ok := Decode(buf); ok {
			t.Fatalf("bit %d flipped and the block was accepted", bit)
		}
		buf[bit/8] ^= 1 << (bit % 8)
	}
}

func TestLandedNamesOnlyWhatCameBetweenTheReadings(t *testing.T) {
	disk := make([]byte, 4*Size)
	put := func(b Block) { b.Encode(disk[int(b.Num%4)*Size:][:Size]) }
	read := func() map[int]Block {
		m, err := Read(bytes.NewReader(disk), 0, 4)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	put(Block{Node: 1, Run: 5, Num: 1})
	put(Block{Node: 1, Run: 5, Num: 2})
	before := read()
	put(Block{Node: 2, Run: 6, Num: 2})
	if late := Landed(before, read(), 5); len(late) != 0 {
		t.Fatalf("late %v", late)
	}
	put(Block{Node: 1, Run: 5, Num: 3})
	if late := Landed(before, read(), 5); len(late) != 1 || late[0].Num != 3 {
		t.Fatalf("late %v, want write 3", late)
	}
}
