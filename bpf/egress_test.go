// SPDX-License-Identifier: Apache-2.0

package bpf_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
	"pgregory.net/rapid"

	"github.com/plexus-cvm/plexus/bpf"
	"github.com/plexus-cvm/plexus/bpf/bpftest"
)

const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd

	ipv6Bytes      = 40
	packetBytesMax = 1500
)

var (
	portal4 = netip.MustParseAddrPort("10.1.2.3:3260")
	portal6 = netip.MustParseAddrPort("[fd00::7]:4420")
)

// drawPacket draws IP packets, most of them to the portals, many of them strange.
func drawPacket(v6 bool) *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		port := rapid.SampledFrom([]uint16{3260, 4420, 80}).Draw(t, "port")
		tcp := make([]byte, 20)
		binary.BigEndian.PutUint16(tcp[2:], port)
		tcp[12] = byte(rapid.SampledFrom([]int{5, 5, 5, 8, 0, 15}).Draw(t, "tcp words")) << 4
		tcp[13] = rapid.SampledFrom([]byte{0x10, 0x04, 0x14, 0x02, 0xff}).Draw(t, "flags")
		tcp = append(tcp, rapid.SliceOfN(rapid.Byte(), 0, 16).Draw(t, "payload")...)
		if v6 {
			return append(drawIPv6(t), tcp...)
		}
		ip := make([]byte, 20, 64)
		words := rapid.SampledFrom([]byte{5, 5, 5, 6, 15, 0}).Draw(t, "ip words")
		ip[0] = 0x40 | words
		ip[6] = rapid.SampledFrom([]byte{0, 0x40, 0x20, 0x01}).Draw(t, "fragment high")
		ip[7] = rapid.SampledFrom([]byte{0, 0, 0, 5}).Draw(t, "fragment low")
		ip[9] = rapid.SampledFrom([]byte{6, 6, 6, 17}).Draw(t, "protocol")
		copy(ip[16:], rapid.SampledFrom([]string{"\x0a\x01\x02\x03", "\x0a\x01\x02\x04"}).Draw(t, "to"))
		if words > 5 {
			ip = append(ip, make([]byte, int(words-5)*4)...)
		}
		return append(ip, tcp...)
	})
}

func drawIPv6(t *rapid.T) []byte {
	ip := make([]byte, 40)
	ip[0] = 0x60
	to := rapid.SampledFrom([]string{"fd00::7", "fd00::8", "::ffff:10.1.2.3"}).Draw(t, "to")
	a := netip.MustParseAddr(to).As16()
	copy(ip[24:], a[:])
	chain := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 43, 44, 51, 60, 17}), 0, 7).Draw(t, "extensions")
	next := &ip[6]
	for _, kind := range chain {
		*next = kind
		extension := make([]byte, 8)
		if kind != 44 {
			extension[1] = rapid.SampledFrom([]byte{0, 1, 200}).Draw(t, "extension length")
			extension = append(extension, make([]byte, int(extension[1]&3)*8)...)
		} else {
			extension[3] = rapid.SampledFrom([]byte{0, 1, 8}).Draw(t, "fragment offset")
		}
		ip = append(ip, extension...)
		next = &ip[len(ip)-len(extension)]
	}
	*next = 6
	return ip
}

func TestPacketsArePassedInTheKernelAsInGo(t *testing.T) {
	egress, err := bpf.NewEgress()
	if err != nil {
		t.Skipf("this process may not load packet programs: %v", err)
	}
	now := bpf.Now()
	gates := []bpf.Gate{egress.Gate, bpftest.New(func() int64 { return now })}
	fake := gates[1].(*bpftest.Gate)
	for _, g := range gates {
		do(t, g.AddPortal(bpf.Portal{Addr: portal4, Group: 1}), g.AddPortal(bpf.Portal{Addr: portal6, Group: bpf.GroupAny}))
	}
	rapid.Check(t, func(t *rapid.T) {
		l := bpf.Lease{State: bpf.LeaseState(rapid.Uint32Range(0, 2).Draw(t, "state")), Deadline: now - 1}
		if rapid.Bool().Draw(t, "in time") {
			l.Deadline = now + 3600e9
		}
		mode := bpf.Mode(rapid.Uint32Range(0, 2).Draw(t, "mode"))
		for _, g := range gates {
			do(t, g.SetLease(l), g.SetGroup(1, mode))
		}
		v6 := rapid.Bool().Draw(t, "IPv6")
		for _, packet := range rapid.SliceOfN(drawPacket(v6), 1, 40).Draw(t, "packets") {
			want := true
			if s, tcp := bpftest.ReadSegment(packet, v6); tcp {
				want = fake.Send(s) == bpftest.Pass
			}
			if got := send(t, egress.Prog, packet, v6); got != want {
				t.Fatalf("%v %v packet %x: kernel passes it: %v, Go: %v", l, mode, packet, got, want)
			}
		}
		if got, want := lapsed(t, gates[0]), lapsed(t, gates[1]); got != want {
			t.Fatalf("kernel counts %d lapses, Go %d", got, want)
		}
	})
}

// send puts the packet through the program, below an Ethernet header.
func send(t failer, p *ebpf.Program, packet []byte, v6 bool) bool {
	frame := make([]byte, 14, 14+len(packet))
	binary.BigEndian.PutUint16(frame[12:], etherIPv4)
	if v6 {
		binary.BigEndian.PutUint16(frame[12:], etherIPv6)
	}
	got, err := p.Run(&ebpf.RunOptions{Data: append(frame, packet...)})
	if err != nil {
		t.Fatalf("run packet program: %v", err)
	}
	return got == 1
}

// FuzzPackets gives both sides the same bytes.
func FuzzPackets(f *testing.F) {
	egress, err := bpf.NewEgress()
	if err != nil {
		f.Skipf("this process may not load packet programs: %v", err)
	}
	fake := bpftest.New(bpf.Now)
	for _, g := range []bpf.Gate{egress.Gate, fake} {
		do(f, g.AddPortal(bpf.Portal{Addr: portal4, Group: 1}), g.AddPortal(bpf.Portal{Addr: portal6, Group: 1}))
	}
	ipv4 := append([]byte{0: 0x45, 9: 6, 16: 10, 17: 1, 18: 2, 19: 3}, []byte{2: 0x0c, 3: 0xbc, 12: 0x50, 13: 0x10, 20: 1}...)
	ipv6 := append([]byte{0: 0x60, 6: 60, 24: 0xfd, 39: 7}, []byte{0: 6, 10: 0x11, 11: 0x44, 20: 0x50, 21: 0x04}...)
	f.Add(ipv4, false)
	f.Add(ipv6, true)
	f.Fuzz(func(t *testing.T, packet []byte, v6 bool) {
		if len(packet) < ipv6Bytes || len(packet) > packetBytesMax {
			t.Skip("the kernel runs no program on such a packet")
		}
		want := true
		if s, tcp := bpftest.ReadSegment(packet, v6); tcp {
			want = fake.Send(s) == bpftest.Pass
		}
		if got := send(t, egress.Prog, packet, v6); got != want {
			t.Fatalf("packet %x: kernel passes it: %v, Go: %v", packet, got, want)
		}
	})
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func do(t failer, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
}

func lapsed(t failer, g bpf.Gate) uint64 {
	t.Helper()
	n, err := g.Lapsed()
	do(t, err)
	return n
}
