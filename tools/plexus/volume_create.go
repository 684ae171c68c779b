// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/configd/config"
)

func volumeCreate(a *app) *cobra.Command {
	var r api.VolumeCreate
	var unit string
	c := &cobra.Command{
		Use:   "create GROUP/VOLUME SIZE",
		Short: "make a volume",
		Long: "Make a volume. The size has a unit (10g, 512m, 1.5t) or is a share of what is free (50%FREE), and is rounded up to\n" +
			"whole extents of 1 MiB in each column.",
		Args: args(2, 2),
		RunE: func(c *cobra.Command, list []string) (err error) {
			if r.Group, r.Name, err = volumeName(c, list[0]); err != nil {
				return err
			}
			if r.Size, err = config.ParseSize(list[1]); err != nil {
				return misuse(c, "create volume %s: %v", list[0], err)
			}
			if unit != "" {
				sectors, err := config.ParseSectors(unit)
				if err != nil {
					return misuse(c, "create volume %s: stripe unit: %v", list[0], err)
				}
				r.Unit = sectors.Bytes()
			}
			done, err := a.configd().CreateVolume(c.Context(), r)
			if err != nil {
				return err
			}
			return a.changed(done, "create", "volume "+list[0], "created")
		},
	}
	c.Flags().StringVar((*string)(&r.Layout), "layout", string(config.Concat), "concat or stripe")
	c.Flags().IntVar(&r.Columns, "columns", 0, "of a stripe; default one for each disk, 8 at most")
	c.Flags().StringVar(&unit, "unit", "", "of a stripe; default 64k")
	onDisks(c, &r.Disks)
	dryRun(c, &r.DryRun)
	return c
}

func onDisks(c *cobra.Command, disks *[]string) {
	c.Flags().StringSliceVar(disks, "disks", nil, "take space from these disks of the group alone")
}
