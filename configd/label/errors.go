// SPDX-License-Identifier: Apache-2.0

package label

import (
	"errors"
	"fmt"
)

// What can be wrong with a disk or with one copy.
var (
	ErrNoLabel  = errors.New("no label")                     // the magic is not there: never initialised, or overwritten
	ErrChecksum = errors.New("wrong checksum")               // the magic is there, the rest was damaged
	ErrFormat   = errors.New("unknown format")               // written by a later version
	ErrEmpty    = errors.New("empty slot")                   // never filled
	ErrTooSmall = errors.New("disk too small")               // no room for a label and data
	ErrNoText   = errors.New("no slot holds that text")      // Fill first
	ErrTooLong  = errors.New("text does not fit the slot")   //
	ErrLength   = errors.New("block of the wrong length")    // the caller read too little
	ErrHash     = errors.New("text does not match its hash") // the checksum holds and the hash does not
)

// FieldError is a field of a header or slot that has a right checksum and a wrong value.
type FieldError struct {
	Field string
	Value string
}

func (e *FieldError) Error() string { return fmt.Sprintf("wrong %s: %.80s", e.Field, e.Value) }

// Why Choose can refuse.
var (
	// ErrNotFound: no disk in reach carries a label of the group.
	ErrNotFound = errors.New("group not found")
	// ErrForeign: the group belongs to another cluster, or is private where a shared one was asked for or the reverse.
	ErrForeign = errors.New("group belongs to somebody else")
	// ErrQuorum: the copies in reach are no majority.
	ErrQuorum = errors.New("quorum lost")
	// ErrFork: two copies went different ways; both were written by somebody who thought to be the only one.
	ErrFork = errors.New("copies have forked")
	// ErrSkipped: the version that stands is known, and nobody in reach holds its text. See ChoiceError.Hash.
	ErrSkipped = errors.New("copies have skipped a version")
)

// ChoiceError is a refusal of Choose.
type ChoiceError struct {
	Err     error  // one of the five above
	Group   string // id
	Version uint64 // with ErrSkipped: the version whose text is missing
	Hash    string // with ErrSkipped: the hash of that text; a member may keep it
	Why     string // which copies, and what to do
}

func (e *ChoiceError) Error() string { return fmt.Sprintf("group %s: %v: %s", e.Group, e.Err, e.Why) }

// Unwrap returns the named error.
func (e *ChoiceError) Unwrap() error { return e.Err }
