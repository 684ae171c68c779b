// SPDX-License-Identifier: Apache-2.0

package bpftest

import (
	"encoding/binary"
	"testing"

	"github.com/cilium/ebpf"
	"pgregory.net/rapid"

	"github.com/plexus-cvm/plexus/bpf"
)

const etherBytesMin = 14 // a shorter packet is not taken by BPF_PROG_TEST_RUN

// run loads the programs that expose the C, or skips.
func run(t *testing.T) decidePrograms {
	t.Helper()
	var programs decidePrograms
	if err := loadDecideObjects(&programs, nil); err != nil {
		t.Skipf("this process may not load packet programs: %v", err)
	}
	t.Cleanup(func() { programs.Close() })
	return programs
}

func ask(t *rapid.T, p *ebpf.Program, packet []byte) uint32 {
	t.Helper()
	packet = append(packet, make([]byte, max(0, etherBytesMin-len(packet)))...)
	got, err := p.Run(&ebpf.RunOptions{Data: packet})
	if err != nil {
		t.Fatalf("run program: %v", err)
	}
	return got
}

// Times and numbers are few, so that they meet.
func drawAsk() *rapid.Generator[Ask] {
	few := rapid.OneOf(rapid.Int64Range(0, 3), rapid.SampledFrom([]int64{1<<61 - 1, 1 << 40}))
	return rapid.Custom(func(t *rapid.T) Ask {
		return Ask{
			Now: few.Draw(t, "now"),
			Lease: bpf.Lease{
				State:    bpf.LeaseState(rapid.Uint32Range(0, 3).Draw(t, "state")),
				Deadline: few.Draw(t, "deadline"), Hold: few.Draw(t, "hold"),
			},
			GuardSeq: rapid.Uint64Range(0, 2).Draw(t, "guard"), DiskSeq: rapid.Uint64Range(0, 2).Draw(t, "disk"),
			Mode: bpf.Mode(rapid.Uint32Range(0, 3).Draw(t, "mode")), Op: Op(rapid.Uint32Range(0, 3).Draw(t, "op")),
			Volume: rapid.Bool().Draw(t, "volume"), Self: rapid.Bool().Draw(t, "self"),
		}
	})
}

// pack lays an Ask out as struct ask.
func pack(a Ask) []byte {
	b := binary.NativeEndian.AppendUint64(nil, uint64(a.Now))
	b = binary.NativeEndian.AppendUint64(b, uint64(a.Lease.Deadline)<<2|uint64(a.Lease.State))
	b = binary.NativeEndian.AppendUint64(b, uint64(a.Lease.Hold))
	b = binary.NativeEndian.AppendUint64(b, a.GuardSeq)
	b = binary.NativeEndian.AppendUint64(b, a.DiskSeq)
	for _, n := range []uint32{uint32(a.Mode), uint32(a.Op), number(a.Volume), number(a.Self)} {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	return b
}

func number(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

func TestDecisionInTheKernelEqualsTheOneInGo(t *testing.T) {
	p := run(t)
	rapid.Check(t, func(t *rapid.T) {
		for _, a := range rapid.SliceOfN(drawAsk(), 1, 200).Draw(t, "asks") {
			if got, want := Verdict(ask(t, p.TestDecide, pack(a))), Decide(a); got != want {
				t.Fatalf("%+v: kernel says %v, Go says %v", a, got, want)
			}
		}
	})
}

func TestCommandsInTheKernelMeanWhatTheyMeanInGo(t *testing.T) {
	p := run(t)
	same := func(t *rapid.T, cmd uint32, first, second byte) {
		in := append(binary.NativeEndian.AppendUint32(nil, cmd), first, second, 0, 0)
		if got, want := Op(ask(t, p.TestCommand, in)), CommandOp(cmd, first, second); got != want {
			t.Fatalf("ioctl %#x with block %#x %#x: kernel says %v, Go says %v", cmd, first, second, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.OneOf(rapid.SampledFrom([]byte{0x12, 'p', 'T', 'N', 0x03, 0x53, 0x22, 0x4c, 0xab}), rapid.Byte()).Draw(t, "type")
		size := rapid.Uint32Range(0, 1<<16-1).Draw(t, "size and direction")
		for nr := range uint32(256) {
			same(t, size<<16|uint32(kind)<<8|nr, rapid.Byte().Draw(t, "first"), 0)
		}
	})
	// Every opcode of every command block, once.
	rapid.Check(t, func(t *rapid.T) {
		second := rapid.Byte().Draw(t, "second")
		for _, cmd := range []uint32{sgIO, nvmeType<<8 | nvmeAdmin, nvmeType<<8 | nvmeIO, nvmeType<<8 | nvmeAdmin64, nvmeType<<8 | nvmeIO64} {
			for first := range 256 {
				same(t, cmd, byte(first), second)
			}
		}
	})
}

func TestDecisionRowByRow(t *testing.T) {
	running := bpf.Lease{State: bpf.LeaseRunning, Deadline: 10}
	joining := bpf.Lease{State: bpf.LeaseJoining, Deadline: 10}
	for _, c := range []struct {
		name string
		ask  Ask
		want Verdict
	}{
		{"write before the deadline", Ask{Now: 9, Lease: running, Mode: bpf.Open, Op: Write}, Pass},
		{"write at the deadline", Ask{Now: 10, Lease: running, Mode: bpf.Open, Op: Write}, Lapsed},
		{"read after it", Ask{Now: 11, Lease: running, Mode: bpf.Open, Op: Read}, Lapsed},
		{"write by a joining node", Ask{Now: 9, Lease: joining, Mode: bpf.Open, Op: Write}, Refused},
		{"read by a joining node", Ask{Now: 9, Lease: joining, Mode: bpf.Open, Op: Read}, Pass},
		{"write to a read-only group", Ask{Now: 9, Lease: running, Mode: bpf.ReadOnly, Op: Write}, Refused},
		{"read of a read-only group", Ask{Now: 9, Lease: running, Mode: bpf.ReadOnly, Op: Read}, Pass},
		{"read of a shut group", Ask{Now: 9, Lease: running, Mode: bpf.Shut, Op: Read}, Refused},
		{"read by a fenced node", Ask{Now: 9, Lease: bpf.Lease{State: bpf.LeaseFenced, Deadline: 10}, Mode: bpf.Open, Op: Read}, Refused},
		{"read without a lease", Ask{Now: 9, Lease: bpf.Lease{Deadline: 10}, Mode: bpf.Open, Op: Read}, Refused},
		{"mode that nobody knows", Ask{Now: 9, Lease: running, Mode: 7, Op: Read}, Refused},
		{"inquiry at a shut group", Ask{Now: 11, Mode: bpf.Shut, Op: Query}, Pass},
		{"reservation by our daemon", Ask{Now: 11, Op: Own, Self: true}, Pass},
		{"reservation by a stranger", Ask{Now: 11, Lease: running, Mode: bpf.Open, Op: Own}, Lapsed},
		{"write to another disk under the number", Ask{Now: 11, GuardSeq: 4, DiskSeq: 5, Op: Write}, Stranger},
		{"write to a disk of unknown diskseq", Ask{Now: 11, GuardSeq: 4, Op: Write}, Refused},
		{"write to a held volume", Ask{Now: 11, Lease: bpf.Lease{State: bpf.LeaseRunning, Deadline: 10, Hold: 20}, Mode: bpf.Open, Op: Write, Volume: true}, Pass},
		{"write to a disk under it", Ask{Now: 11, Lease: bpf.Lease{State: bpf.LeaseRunning, Deadline: 10, Hold: 20}, Mode: bpf.Open, Op: Write}, Lapsed},
		{"write to a volume held too long", Ask{Now: 20, Lease: bpf.Lease{State: bpf.LeaseRunning, Deadline: 10, Hold: 20}, Mode: bpf.Open, Op: Write, Volume: true}, Lapsed},
		{"write to a volume that is to drain", Ask{Now: 9, Lease: bpf.Lease{State: bpf.LeaseRunning, Deadline: 10, Hold: 9}, Mode: bpf.Open, Op: Write, Volume: true}, Lapsed},
		{"write to its disk meanwhile", Ask{Now: 9, Lease: bpf.Lease{State: bpf.LeaseRunning, Deadline: 10, Hold: 9}, Mode: bpf.Open, Op: Write}, Pass},
		{"write to a held volume of a fenced node", Ask{Now: 11, Lease: bpf.Lease{State: bpf.LeaseFenced, Hold: 20}, Mode: bpf.Open, Op: Write, Volume: true}, Refused},
	} {
		if got := Decide(c.ask); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
