// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/tools/plexus/report"
)

func dgShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show GROUP",
		Short: "show one disk group with its disks and volumes",
		Args:  args(1, 1),
		RunE: func(c *cobra.Command, list []string) error {
			if err := checkName(c, list[0]); err != nil {
				return err
			}
			g, err := a.configd().Group(c.Context(), list[0])
			if err != nil {
				return err
			}
			return a.print(g, func(w io.Writer) error { return printGroup(w, g) })
		},
	}
}

func printGroup(w io.Writer, g api.Group) error {
	state := string(g.State)
	if g.Reason != view.ReasonNone {
		state += ": " + g.Reason.Words()
	}
	if g.Detail != "" {
		state += ": " + g.Detail
	}
	fmt.Fprintf(w, "group    %s, %s, %s\n", g.Name, kind(g), state)
	fmt.Fprintf(w, "id       %s\n", g.ID)
	fmt.Fprintf(w, "version  %d, hash %s\n", g.Version, g.Hash)
	fmt.Fprintf(w, "space    %s, %s free\n", report.Bytes(g.Size), report.Bytes(g.Free))
	fmt.Fprintf(w, "fence    %s\n\n", g.Fence)
	disks := &report.Table{Columns: []string{"DISK", "DEVICE", "SIZE>", "FREE>", "COPY"}}
	for _, d := range g.Disks {
		disks.Add(d.Name, d.Device, report.Bytes(d.Size), report.Bytes(d.Free), d.Copy)
	}
	if err := disks.Write(w, 0); err != nil || len(g.Volumes) == 0 {
		return err
	}
	fmt.Fprintln(w)
	return volumeTable(g.Volumes).Write(w, 0)
}
