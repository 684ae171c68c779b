// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/clusterd/api"
)

// Exit codes of the command alone. Those of an answer are with api.Error.
const (
	exitOK     = 0
	exitMisuse = 3
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
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(misused)):
		return exitMisuse
	}
	return api.AsError(err).ExitCode()
}

func hint(err error) string {
	if wrong, ok := errors.AsType[misused](err); ok {
		return "try: " + wrong.command + " --help"
	}
	return api.AsError(err).Hint
}

// complain prints the error as every error of the command is printed.
func complain(w io.Writer, err error) {
	fmt.Fprintln(w, "plexus: "+oneLine(err.Error()))
	if h := hint(err); h != "" {
		fmt.Fprintln(w, "plexus: hint: "+oneLine(h))
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
