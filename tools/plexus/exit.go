// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/configd/api"
)

// Exit codes. They are part of the interface and do not change.
const (
	exitOK          = 0
	exitMisuse      = 3
	exitUnreachable = 4
	exitFailed      = 5
	exitNotNow      = 6
)

// misused is a command line that is wrong. It has a hint of its own.
type misused struct{ text, command string }

func (m misused) Error() string { return m.text }

// misuse makes the error for a wrong command line of c.
func misuse(c *cobra.Command, format string, args ...any) error {
	return misused{fmt.Sprintf(format, args...), c.CommandPath()}
}

// args checks how many arguments a verb has; most below zero is no limit.
func args(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, list []string) error {
		if len(list) >= least && (most < 0 || len(list) <= most) {
			return nil
		}
		return misuse(c, "%s: %d arguments, it is used as: %s", c.CommandPath(), len(list), c.UseLine())
	}
}

func exitCode(err error) int {
	var refused *api.Error
	var away *api.Unreachable
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(misused)):
		return exitMisuse
	case errors.As(err, &away):
		return exitUnreachable
	case errors.As(err, &refused) && refused.Code == api.NotNow:
		return exitNotNow
	case errors.As(err, &refused) && refused.Code == api.BadRequest:
		return exitMisuse
	}
	return exitFailed
}

func hint(err error) string {
	var wrong misused
	var refused *api.Error
	var away *api.Unreachable
	switch {
	case errors.As(err, &wrong):
		return "try: " + wrong.command + " --help"
	case errors.As(err, &away):
		return away.Hint()
	case errors.As(err, &refused):
		return refused.Hint
	}
	return ""
}

// complain prints the error as every error of the command is printed.
func complain(w io.Writer, err error) {
	fmt.Fprintln(w, "plexus: "+oneLine(err.Error()))
	if h := hint(err); h != "" {
		fmt.Fprintln(w, "plexus: hint: "+oneLine(h))
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
