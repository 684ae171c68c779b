// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/configd/config"
)

func volumeResize(a *app) *cobra.Command {
	var r api.VolumeResize
	c := &cobra.Command{
		Use:   "resize GROUP/VOLUME SIZE",
		Short: "make a volume longer or shorter, in use or not",
		Long: "Make a volume longer or shorter, in use or not. The size is the new length (10g), or what to add (+10g, +50%FREE).\n" +
			"To make it shorter give --shrink and the new length, or what to take away after a double hyphen: -- -1g. What lies\n" +
			"behind the new end may be lost: make the filesystem shorter first.",
		Args: args(2, 2),
		RunE: func(c *cobra.Command, list []string) error {
			group, name, err := volumeName(c, list[0])
			if err != nil {
				return err
			}
			if r.Size, err = config.ParseSize(list[1]); err != nil {
				return misuse(c, "resize volume %s: %v", list[0], err)
			}
			done, err := a.configd().ResizeVolume(c.Context(), group, name, r)
			if err != nil {
				return err
			}
			return a.changed(done, "resize", "volume "+list[0], "resized")
		},
	}
	c.Flags().BoolVar(&r.Shrink, "shrink", false, "make it shorter, although what lies behind the new end may be lost")
	onDisks(c, &r.Disks)
	dryRun(c, &r.DryRun)
	return c
}
