// SPDX-License-Identifier: Apache-2.0

package bpftest

import "github.com/plexus-cvm/plexus/bpf"

// Op is what somebody wants to do to a disk. The numbers are those of decide.h.
type Op uint32

const (
	Query Op = iota // moves none of the disk's data
	Read
	Write
	Own // a write, but our daemons always may: reservations
)

func (o Op) String() string { return [...]string{"query", "read", "write", "own"}[o&3] }

// Verdict is what the gate says to it. The numbers are those of decide.h.
type Verdict uint32

const (
	Pass     Verdict = iota
	Refused          // by mode or state
	Lapsed           // by the clock
	Stranger         // another disk under the guarded number: passes
)

func (v Verdict) String() string { return [...]string{"pass", "refused", "lapsed", "stranger"}[v&3] }

// Ask is everything that the decision depends on.
type Ask struct {
	Now      int64
	Lease    bpf.Lease
	GuardSeq uint64 // zero: any
	DiskSeq  uint64 // zero: not known
	Mode     bpf.Mode
	Op       Op
	Volume   bool
	Self     bool
}

// Decide is the decision of the gate.
func Decide(a Ask) Verdict {
	reads := a.Op == Read
	if a.GuardSeq != 0 && a.DiskSeq != 0 && a.GuardSeq != a.DiskSeq {
		return Stranger
	}
	if a.Op == Query || a.Op == Own && a.Self {
		return Pass
	}
	allowed := a.Lease.State == bpf.LeaseRunning || a.Lease.State == bpf.LeaseJoining && reads
	open := a.Mode == bpf.Open || a.Mode == bpf.ReadOnly && reads
	if !allowed || !open {
		return Refused
	}
	deadline := a.Lease.Deadline
	if a.Volume && a.Lease.Hold != 0 {
		deadline = a.Lease.Hold
	}
	if a.Now >= deadline {
		return Lapsed
	}
	return Pass
}
