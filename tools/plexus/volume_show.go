// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/tools/plexus/report"
)

func volumeShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show GROUP/VOLUME",
		Short: "show one volume with its plexes and subdisks",
		Args:  args(1, 1),
		RunE: func(c *cobra.Command, list []string) error {
			group, name, err := volumeName(c, list[0])
			if err != nil {
				return err
			}
			v, err := a.configd().Volume(c.Context(), group, name)
			if err != nil {
				return err
			}
			return a.print(v, func(w io.Writer) error { return printVolume(w, v) })
		},
	}
}

func printVolume(w io.Writer, v api.Volume) error {
	if err := volumeTable([]api.Volume{v}).Write(w, 0); err != nil {
		return err
	}
	for _, p := range v.Plexes {
		fmt.Fprintf(w, "\nplex %s, %s", p.Name, p.Layout)
		if p.Unit > 0 {
			fmt.Fprintf(w, " over %d columns in units of %s", len(p.Columns), report.Bytes(p.Unit))
		}
		fmt.Fprintf(w, ", %s\n", p.State)
		t := &report.Table{Columns: []string{"COLUMN>", "SUBDISK", "DISK", "OFFSET>", "SIZE>"}}
		for i, column := range p.Columns {
			for _, s := range column {
				t.Add(i, s.Name, s.Disk, report.Bytes(s.Offset), report.Bytes(s.Size))
			}
		}
		if err := t.Write(w, 2); err != nil {
			return err
		}
	}
	return nil
}
