// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"math"
	"net/netip"

	"golang.org/x/sys/unix"
)

// A Gate refuses I/O to guarded disks. *Pinned is the one in the kernel, bpftest.Gate one in memory. All methods are
// safe for concurrent use; each map has one writer, named in the package doc, and the daemons keep to that.
type Gate interface {
	// SetLease replaces the lease. A fenced one is followed by none, nothing else: the node has to join anew.
	SetLease(Lease) error
	Lease() (Lease, error)
	// Lapsed returns how many times something was refused because the lease that was set last had run out. The count
	// begins anew when a lease follows none; renewals carry it on.
	Lapsed() (uint64, error)

	SetGroup(index uint32, m Mode) error
	Group(index uint32) (Mode, error)
	// Guard puts a disk or volume under the gate, or changes its entry.
	Guard(Guarded) error
	// Unguard takes it out; one that is not guarded is no error.
	Unguard(Dev) error
	Guards() ([]Guarded, error) // by number, without those of a self-test

	AddPortal(Portal) error
	RemovePortal(netip.AddrPort) error
	Portals() ([]Portal, error) // by address, without those of a self-test

	// SetSelf names the process that may always reserve; zero is nobody.
	SetSelf(s Self, pid int) error

	Counters() ([]Counter, error) // by hook
	// Close lets go of the gate, which stays in force.
	Close() error
}

// LeaseState is what the node may do until the deadline.
type LeaseState uint32

const (
	LeaseNone    LeaseState = 0 // nothing
	LeaseJoining LeaseState = 1 // read
	LeaseRunning LeaseState = 2 // read and write
	LeaseFenced  LeaseState = 3 // nothing, and never again in this life of the node
)

func (s LeaseState) String() string {
	return word("lease state", uint32(s), "none", "joining", "running", "fenced")
}

// Lease is until when this node may do I/O on guarded disks. Times are nanoseconds of CLOCK_BOOTTIME; see Now.
type Lease struct {
	State    LeaseState
	Deadline int64
	// Hold is until when system calls on volumes pass; zero is the deadline. It lies before the deadline by the time that
	// what they began needs to leave this node: so they get their error, and nothing hangs half way. It lies behind the
	// deadline while the volumes are suspended and let nothing through: then whoever calls waits there.
	Hold int64
}

// Running reports whether the state lets something through until the deadline.
func (l Lease) Running() bool { return l.State == LeaseRunning || l.State == LeaseJoining }

// CheckAfter refuses a lease that must not follow prev.
func (l Lease) CheckAfter(prev Lease) error {
	switch {
	case l.State > LeaseFenced:
		return fmt.Errorf("set lease: no such state: %v", l.State)
	case l.Deadline < 0 || l.Deadline > math.MaxInt64>>leaseStateBits || l.Hold < 0:
		return fmt.Errorf("set lease: deadline %d or hold %d is not a time of this boot", l.Deadline, l.Hold)
	case prev.State == LeaseFenced && l.Running():
		return errors.New("set lease: the node is fenced; finish the leave, set none, and join anew")
	}
	return nil
}

// Now reads CLOCK_BOOTTIME, the clock that leases run by.
func Now() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(fmt.Sprintf("BUG: CLOCK_BOOTTIME: %v", err))
	}
	return t.Nano()
}

// Mode is what a group is open for.
type Mode uint32

const (
	Shut     Mode = 0
	ReadOnly Mode = 1
	Open     Mode = 2
)

func (m Mode) String() string { return word("mode", uint32(m), "shut", "readonly", "open") }

// Check refuses a mode or index that the gate does not know.
func (m Mode) Check(index uint32) error {
	if m > Open || index >= GroupsMax {
		return fmt.Errorf("set group %d to %v: indexes go to %d, modes are shut, readonly, open", index, m, GroupsMax-1)
	}
	return nil
}

// Dev is a block device's number.
type Dev struct{ Major, Minor uint32 }

func (d Dev) String() string { return fmt.Sprintf("%d:%d", d.Major, d.Minor) }

const (
	minorBits = 20
	majorMax  = 1<<12 - 1
	minorMax  = 1<<minorBits - 1
)

func (d Dev) key() uint32 { return d.Major<<minorBits | d.Minor }

func devOf(key uint32) Dev { return Dev{key >> minorBits, key & minorMax} }

// Guarded is one disk or volume under the gate.
type Guarded struct {
	Dev     Dev    // of the whole disk; its partitions are guarded with it
	Diskseq uint64 // zero: whatever comes up under the number
	Group   uint32 // index
	Volume  bool   // a device-mapper volume, see Lease.Hold
}

// Check refuses an entry that cannot stand in the map.
func (g Guarded) Check() error {
	if g.Dev.Major > majorMax || g.Dev.Minor > minorMax || g.Dev == (Dev{}) || g.Group >= GroupsMax {
		return fmt.Errorf("guard %v for group %d: numbers go to %d:%d, group indexes to %d", g.Dev, g.Group, majorMax, minorMax, GroupsMax-1)
	}
	return nil
}

// Portal is the remote end of network disks. With GroupAny it stands for several groups. An
// IPv4 address may be written as ::ffff:a.b.c.d; lists give it as a.b.c.d. A zone is of no interest.
type Portal struct {
	Addr  netip.AddrPort
	Group uint32
}

// Check refuses an address that no packet can have.
func (p Portal) Check() error {
	if !p.Addr.IsValid() || p.Addr.Port() == 0 || p.Addr.Addr().IsUnspecified() || p.Group >= GroupsMax && p.Group != GroupAny {
		return fmt.Errorf("add portal %v of group %d: it needs an address, a port, and an index below %d", p.Addr, p.Group, GroupsMax)
	}
	return nil
}

// Self is a slot for the process id of one of our daemons.
type Self uint32

const (
	SelfClusterd Self = 0
	SelfConfigd  Self = 1
)

// Check refuses a slot or process id that does not exist.
func (s Self) Check(pid int) error {
	if s >= SelvesMax || pid < 0 || pid > math.MaxInt32 {
		return fmt.Errorf("set self %d to process %d: slots go to %d", s, pid, SelvesMax-1)
	}
	return nil
}

// Counter is what one hook has seen since the gate was loaded, guarded disks only.
type Counter struct {
	Hook    Hook
	Passed  uint64
	Refused uint64 // by the mode of the group or the state of the lease
	Lapsed  uint64 // because a lease in use had run out
	Skipped uint64 // not asked by the kernel: this many got past. Any rise voids what SelfTest has shown
}

func word(what string, n uint32, words ...string) string {
	if int(n) < len(words) {
		return words[n]
	}
	return fmt.Sprintf("%s %d", what, n)
}
