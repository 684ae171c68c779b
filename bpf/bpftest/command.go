// SPDX-License-Identifier: Apache-2.0

package bpftest

// A command with a block inside, by type and number of its ioctl, as linux/ioctl.h packs them.
const (
	sgIO        = 0x2285
	nvmeType    = 'N'
	nvmeAdmin   = 0x41
	nvmeIO      = 0x43
	nvmeAdmin64 = 0x47
	nvmeIO64    = 0x48
)

// An opSet gives an op to bytes; one that is not named is a write.
type opSet map[byte]Op

func (s opSet) of(b byte) Op {
	if op, named := s[b]; named {
		return op
	}
	return Write
}

func set(op Op, members ...byte) opSet { return opSet{}.with(op, members...) }

func (s opSet) with(op Op, members ...byte) opSet {
	for _, b := range members {
		s[b] = op
	}
	return s
}

// ioctls are by type, then number.
var ioctls = map[byte]opSet{
	0x12: set(Query, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 112, 113, 114, 120, 121, 122, 123, 124, 126, 128, 130, 132, 133),
	'p':  set(Own, 200, 201, 202, 203, 204, 205, 206, 207),
	'T':  every(Query),
	'N':  set(Query, 0x40),
	0x03: set(Query, 0x01, 0x0d),
	0x53: set(Query, 0x26, 0x31, 0x82, 0x85, 0x86, 0x87),
	0x22: set(Query, 0x00, 0x01, 0x02, 0x03, 0x72, 0x76, 0x82),
	0x4c: set(Query, 0x01, 0x03, 0x05),
	0xab: set(Query, 0x04, 0x05, 0x08),
}

func every(op Op) opSet {
	s := opSet{}
	for b := range 256 {
		s[byte(b)] = op
	}
	return s
}

// By opcode; SERVICE ACTION IN(16) is a query for READ CAPACITY(16) alone.
var (
	scsi = set(Query, 0x00, 0x03, 0x12, 0x1a, 0x25, 0x4d, 0x5a, 0xa0, 0xa3).
		with(Read, 0x08, 0x28, 0x88, 0xa8).
		with(Own, 0x5e, 0x5f)
	nvmeAdminOps = set(Query, 0x02, 0x06, 0x0a)
	nvmeIOOps    = set(Read, 0x02).with(Own, 0x0d, 0x0e, 0x11, 0x15)
)

const (
	serviceActionIn = 0x9e
	readCapacity16  = 0x10
)

// CommandOp says what an ioctl does to a disk; first and second are the first bytes of the command block, if it has one.
func CommandOp(cmd uint32, first, second byte) Op {
	kind, number := byte(cmd>>8), byte(cmd)
	switch {
	case cmd == sgIO && first == serviceActionIn && second&0x1f == readCapacity16:
		return Query
	case cmd == sgIO:
		return scsi.of(first)
	case kind == nvmeType && (number == nvmeAdmin || number == nvmeAdmin64):
		return nvmeAdminOps.of(first)
	case kind == nvmeType && (number == nvmeIO || number == nvmeIO64):
		return nvmeIOOps.of(first)
	}
	return ioctls[kind].of(number)
}
