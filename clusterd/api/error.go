// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Code is the kind of an Error; it decides the exit code.
type Code string

const (
	BadRequest  Code = "bad_request" // the request makes no sense, whatever the state
	Unreachable Code = "unreachable" // the daemon does not answer
	Failed      Code = "failed"      // it was tried
	NotAllowed  Code = "not_allowed" // not quorate, or not in this state, or not by this user
)

// Error is what went wrong, for a person: what was asked and what stood in the way, and what to do next.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// ExitCode is what a command ends with that shows e.
func (e *Error) ExitCode() int {
	switch e.Code {
	case BadRequest:
		return 3
	case Unreachable:
		return 4
	case NotAllowed:
		return 6
	}
	return 5
}

// Refuse makes an Error of that code.
func Refuse(code Code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// AsError returns err as an Error; one that is none has Failed.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: Failed, Message: err.Error()}
}

func (c Code) status() int {
	switch c {
	case BadRequest:
		return http.StatusBadRequest
	case NotAllowed:
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}
