// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"time"
)

// LeaseState is what a node's kernel may do on guarded disks while Deadline has not passed. The numbers are those of
// the gate's lease map.
type LeaseState uint32

const (
	LeaseNone    LeaseState = 0 // no lease: everything is refused
	LeaseJoining LeaseState = 1 // reads pass, writes are refused
	LeaseRunning LeaseState = 2 // reads and writes pass
	LeaseFenced  LeaseState = 3 // refused, and never renewed in this incarnation
)

func (s LeaseState) String() string {
	switch s {
	case LeaseNone:
		return "none"
	case LeaseJoining:
		return "joining"
	case LeaseRunning:
		return "running"
	case LeaseFenced:
		return "fenced"
	}
	return fmt.Sprintf("lease state %d", uint32(s))
}

// MarshalText gives the word of String, for JSON.
func (s LeaseState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word of String.
func (s *LeaseState) UnmarshalText(b []byte) error {
	for _, known := range []LeaseState{LeaseNone, LeaseJoining, LeaseRunning, LeaseFenced} {
		if known.String() == string(b) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("unknown lease state %q", b)
}

// Lease is until when this node's kernel may do I/O on guarded disks, by its own CLOCK_BOOTTIME.
type Lease struct {
	Deadline Tick       `json:"deadline"`
	State    LeaseState `json:"state"`
}

// Open reports whether the lease lets I/O through at now.
func (l Lease) Open(now Tick) bool {
	return (l.State == LeaseRunning || l.State == LeaseJoining) && now < l.Deadline
}

// Times are all the durations of membership. They follow from one number, the heartbeat; build them with TimesFrom.
type Times struct {
	Heartbeat   time.Duration // leader to follower
	ElectionMin time.Duration // shortest silence before a candidacy
	ElectionMax time.Duration // longest
	Lease       time.Duration // how long one grant lasts, from the moment the asker asked
	HoldAfter   time.Duration // without a grant for so long, volumes are suspended
	HoldTime    time.Duration // held for so long, the node leaves
	DriftPPM    int64         // how far two CLOCK_BOOTTIMEs may diverge, parts per million
}

// HeartbeatDefault is the heartbeat where plexus.toml names none.
const HeartbeatDefault = 100 * time.Millisecond

// TimesFrom returns the times that belong to a heartbeat.
func TimesFrom(heartbeat time.Duration) Times {
	return Times{
		Heartbeat:   heartbeat,
		ElectionMin: 4 * heartbeat,
		ElectionMax: 8 * heartbeat,
		Lease:       32 * heartbeat,
		HoldAfter:   32 * heartbeat * 2 / 3,
		HoldTime:    max(30*time.Second, 64*heartbeat),
		DriftPPM:    1000,
	}
}

// Check refuses times under which a healthy node could lose its lease to a leader's death: the lease must last at
// least four of the longest elections.
func (t Times) Check() error {
	switch {
	case t.Heartbeat < 10*time.Millisecond || t.Heartbeat > 10*time.Second:
		return fmt.Errorf("heartbeat %v is not in 10ms..10s", t.Heartbeat)
	case t.ElectionMin < 2*t.Heartbeat || t.ElectionMax < t.ElectionMin:
		return fmt.Errorf("election %v..%v does not fit heartbeat %v", t.ElectionMin, t.ElectionMax, t.Heartbeat)
	case t.Lease < 4*t.ElectionMax:
		return fmt.Errorf("lease %v is shorter than four elections of %v", t.Lease, t.ElectionMax)
	case t.HoldAfter <= 0 || t.HoldAfter >= t.Lease:
		return fmt.Errorf("hold after %v does not lie inside the lease of %v", t.HoldAfter, t.Lease)
	case t.DriftPPM < 0 || t.DriftPPM > 100_000:
		return fmt.Errorf("drift of %d ppm is not in 0..100000", t.DriftPPM)
	}
	return nil
}

// WithDrift returns d as a clock that runs slow by DriftPPM may need to show it: the time to wait on one node until d
// has certainly passed on every other.
func (t Times) WithDrift(d time.Duration) time.Duration {
	return d + time.Duration(int64(d)/1_000_000*t.DriftPPM) + time.Microsecond
}
