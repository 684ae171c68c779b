// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/tools/plexus/report"
)

func doctor(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "print what this node can promise for each group, and why",
		Args:  args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := a.configd().Doctor(c.Context())
			if err != nil {
				return err
			}
			return a.print(d, func(w io.Writer) error { return printDoctor(w, d) })
		},
	}
}

func printDoctor(w io.Writer, d api.Doctor) error {
	checks := &report.Table{Columns: []string{"ANSWER", "CHECK", "SEEN"}}
	for _, c := range d.Checks {
		checks.Add(c.Answer, c.Name, c.Detail)
	}
	if err := checks.Write(w, 0); err != nil {
		return err
	}
	for _, c := range d.Checks {
		if c.Hint != "" {
			fmt.Fprintf(w, "%s: %s\n", c.Name, c.Hint)
		}
	}
	for _, g := range d.Groups {
		fmt.Fprintf(w, "\ngroup %s: fence level %s, wanted %s\n  %s\n", g.Group, g.Level, g.Wanted, g.Why)
		if g.InDoubt != "" {
			fmt.Fprintf(w, "  does not hold against: %s\n", g.InDoubt)
		}
		if len(g.CutToo) > 0 {
			fmt.Fprintf(w, "  cut with it, behind the same portals: %s\n", strings.Join(g.CutToo, ", "))
		}
	}
	return nil
}
