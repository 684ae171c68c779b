// SPDX-License-Identifier: Apache-2.0

package view

import "fmt"

// Reason says why a node left, was refused or aborted. Its text is the stable code used in JSON; Words is for people.
type Reason string

const (
	ReasonNone              Reason = ""
	ReasonNoDisk            Reason = "disk_not_found"
	ReasonNoConfiguration   Reason = "configuration_unavailable"
	ReasonDeviceOpen        Reason = "cluster_device_open_failed"
	ReasonRefusedByMaster   Reason = "refused_by_master"
	ReasonJoinTimeout       Reason = "join_timed_out"
	ReasonLogUpdate         Reason = "log_update_failed"
	ReasonMasterAborted     Reason = "master_aborted"
	ReasonNameConflict      Reason = "name_conflict"
	ReasonProtocolVersion   Reason = "protocol_version"
	ReasonRecovering        Reason = "recovery_in_progress"
	ReasonRoleFailed        Reason = "role_transition_failed"
	ReasonFenceLevel        Reason = "fence_level_not_met"
	ReasonLeaseLost         Reason = "lease_lost"
	ReasonEvicted           Reason = "evicted"
	ReasonUserAbort         Reason = "user_abort"
	ReasonUserStop          Reason = "user_stop"
	ReasonNoConfigd         Reason = "configd_not_enabled"
	ReasonReconfiguration   Reason = "reconfiguration_failed"
	ReasonLeftBefore        Reason = "guarded_disks_from_before"
	ReasonRegistrationLimit Reason = "registration_timed_out"
)

var reasonWords = map[Reason]string{
	ReasonNone:              "no reason",
	ReasonNoDisk:            "cannot find disk on slave",
	ReasonNoConfiguration:   "cannot obtain configuration data",
	ReasonDeviceOpen:        "cluster device open failed",
	ReasonRefusedByMaster:   "connection refused by master",
	ReasonJoinTimeout:       "join timed out during reconfiguration",
	ReasonLogUpdate:         "log update failed",
	ReasonMasterAborted:     "master aborted during join",
	ReasonNameConflict:      "name conflict with a private group",
	ReasonProtocolVersion:   "protocol version out of range",
	ReasonRecovering:        "recovery in progress",
	ReasonRoleFailed:        "transition to role failed",
	ReasonFenceLevel:        "fence level not met",
	ReasonLeaseLost:         "lease lost",
	ReasonEvicted:           "evicted by the other members",
	ReasonUserAbort:         "user initiated abort",
	ReasonUserStop:          "user initiated stop",
	ReasonNoConfigd:         "configd not enabled",
	ReasonReconfiguration:   "reconfiguration failed",
	ReasonLeftBefore:        "guarded disks found from before this start",
	ReasonRegistrationLimit: "registration with the monitor timed out",
}

// Words returns the reason as a person reads it.
func (r Reason) Words() string {
	if w, ok := reasonWords[r]; ok {
		return w
	}
	return string(r)
}

// Known reports whether r is one of the constants above.
func (r Reason) Known() bool { _, ok := reasonWords[r]; return ok }

// Proof says why nothing of an evicted node can land any more.
type Proof string

const (
	ProofSelf        Proof = "self"        // it heard, shut its gate, drained, and said so
	ProofLease       Proof = "lease"       // its lease and the in-flight term have certainly run out
	ProofReservation Proof = "reservation" // its registrations were pre-empted and its commands reset
	ProofMonitor     Proof = "monitor"     // a foreign cluster manager says it is fenced
	ProofOperator    Proof = "operator"    // a person gave their word
)

// Condition is where this node stands in its cluster.
type Condition uint8

const (
	Out Condition = iota
	Joining
	InView
	Leaving
	Aborting
)

var conditionWords = [...]string{"out", "joining", "member", "leaving", "aborting"}

func (c Condition) String() string {
	if int(c) < len(conditionWords) {
		return conditionWords[c]
	}
	return fmt.Sprintf("condition %d", uint8(c))
}

// MarshalText gives the word of String, for JSON.
func (c Condition) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the word of String.
func (c *Condition) UnmarshalText(b []byte) error {
	for i, w := range conditionWords {
		if w == string(b) {
			*c = Condition(i)
			return nil
		}
	}
	return fmt.Errorf("unknown condition %q", b)
}
