// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/tools/plexus/report"
)

func dgList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the disk groups",
		Args:  args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := a.configd().Groups(c.Context())
			if err != nil {
				return err
			}
			t := &report.Table{Columns: []string{"GROUP", "KIND", "STATE", "VERSION>", "SIZE>", "FREE>", "DISKS>", "VOLUMES>", "FENCE"}}
			for _, g := range list.Groups {
				t.Add(g.Name, kind(g), g.State, g.Version, report.Bytes(g.Size), report.Bytes(g.Free), g.DiskCount,
					g.VolumeCount, g.Fence)
			}
			return a.table(list, t, "there is no disk group")
		},
	}
}

func kind(g api.Group) string {
	if g.Shared {
		return "shared"
	}
	return "private"
}
