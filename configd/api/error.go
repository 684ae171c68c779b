// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
)

// Code says what kind of error it is, so that a program can decide.
type Code string

const (
	BadRequest Code = "bad_request" // it cannot be understood, or asks for what cannot be
	NotFound   Code = "not_found"
	Denied     Code = "denied"  // by who asks
	NotNow     Code = "not_now" // not in this state: no quorum, not a member, held
	Failed     Code = "failed"
)

var statuses = map[Code]int{
	BadRequest: http.StatusBadRequest, NotFound: http.StatusNotFound, Denied: http.StatusForbidden,
	NotNow: http.StatusServiceUnavailable, Failed: http.StatusInternalServerError,
}

// Error is the daemon's answer when a request was not done. It is the body of every answer that is not 200.
type Error struct {
	Code Code   `json:"code"`
	Text string `json:"error"`
	Hint string `json:"hint"` // what to do next; may be empty
}

func (e *Error) Error() string { return e.Text }

// Refuse makes an error with a code.
func Refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// asError returns err as an *Error.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return &Error{Code: e.Code, Text: err.Error(), Hint: e.Hint}
	}
	return &Error{Code: Failed, Text: err.Error()}
}

// Unreachable is the client's error when the daemon did not answer.
type Unreachable struct {
	Socket string
	Err    error
}

func (u *Unreachable) Error() string { return fmt.Sprintf("ask the daemon at %s: %v", u.Socket, u.Err) }
func (u *Unreachable) Unwrap() error { return u.Err }

// Hint says what to do next.
func (u *Unreachable) Hint() string {
	if errors.Is(u.Err, fs.ErrPermission) {
		return "run it as root, or to ask only as a member of the group plexus"
	}
	return "is the daemon running? systemctl status plexus-clusterd plexus-configd"
}
