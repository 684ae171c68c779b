// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/configd/api"
)

func volumeRemove(a *app) *cobra.Command {
	var r api.VolumeRemove
	var yes bool
	c := &cobra.Command{
		Use:   "remove GROUP/VOLUME",
		Short: "remove a volume that nobody has open",
		Args:  args(1, 1),
		RunE: func(c *cobra.Command, list []string) error {
			group, name, err := volumeName(c, list[0])
			if err != nil {
				return err
			}
			if err := a.confirm(c, yes || r.DryRun, "remove volume "+list[0]+" and all data on it"); err != nil {
				return err
			}
			done, err := a.configd().RemoveVolume(c.Context(), group, name, r)
			if err != nil {
				return err
			}
			return a.changed(done, "remove", "volume "+list[0], "removed")
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	dryRun(c, &r.DryRun)
	return c
}
