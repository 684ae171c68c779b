// SPDX-License-Identifier: Apache-2.0

package bpftest

import (
	"encoding/binary"
	"net/netip"
)

const (
	protocolTCP   = 6
	tcpReset      = 0x04
	tcpRead       = 14 // bytes of the TCP header that are looked at
	extensionsMax = 6
)

// Segment is what the gate reads of a packet.
type Segment struct {
	To      netip.AddrPort
	Payload uint32 // bytes after the TCP header
	Reset   bool
}

// ReadSegment reads an IP packet; ok is false for one that is not TCP.
func ReadSegment(packet []byte, v6 bool) (s Segment, ok bool) {
	if v6 {
		return readIPv6(packet)
	}
	if len(packet) < 20 || packet[9] != protocolTCP || packet[6]&0x1f != 0 || packet[7] != 0 {
		return s, false
	}
	to := netip.AddrFrom4([4]byte(packet[16:20]))
	return readTCP(packet, int(packet[0]&0xf)*4, to)
}

func readIPv6(packet []byte) (s Segment, ok bool) {
	if len(packet) < 40 {
		return s, false
	}
	to := netip.AddrFrom16([16]byte(packet[24:40])).Unmap()
	next, at := packet[6], 40
	for range extensionsMax {
		if next == protocolTCP {
			break
		}
		if at+4 > len(packet) {
			return s, false
		}
		extension := packet[at : at+4]
		switch next {
		case 0, 43, 60:
			at += (int(extension[1]) + 1) * 8
		case 51:
			at += (int(extension[1]) + 2) * 4
		case 44:
			if extension[2] != 0 || extension[3]&0xf8 != 0 {
				return s, false
			}
			at += 8
		default:
			return s, false
		}
		next = extension[0]
	}
	if next != protocolTCP {
		return s, false
	}
	return readTCP(packet, at, to)
}

func readTCP(packet []byte, at int, to netip.Addr) (s Segment, ok bool) {
	if at+tcpRead > len(packet) {
		return s, false
	}
	tcp := packet[at:]
	s = Segment{To: netip.AddrPortFrom(to, binary.BigEndian.Uint16(tcp[2:])), Reset: tcp[13]&tcpReset != 0, Payload: 1}
	if end := at + int(tcp[12]>>4)*4; end <= len(packet) {
		s.Payload = uint32(len(packet) - end)
	}
	return s, true
}
