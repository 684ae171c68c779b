// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what the linker wrote into the program.
type build struct {
	Schema   int    `json:"schema"`
	Revision string `json:"revision"` // of the source; "unknown" if it was not built from a checkout
	Modified bool   `json:"modified"` // there were changes on top of it
	Time     string `json:"time"`     // of the revision
	Go       string `json:"go"`
}

func (b build) String() string {
	s := "plexus " + b.Revision
	if b.Modified {
		s += " with changes"
	}
	if b.Time != "" {
		s += " of " + b.Time
	}
	return s + ", " + b.Go
}

func revision() build {
	b := build{Schema: 1, Revision: "unknown", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		case "vcs.time":
			b.Time = s.Value
		}
	}
	return b
}

func version(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print which source the program was built from",
		Args:  args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			b := revision()
			return a.print(b, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, b)
				return err
			})
		},
	}
}
