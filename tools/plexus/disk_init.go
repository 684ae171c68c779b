// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/configd/api"
)

func diskInit(a *app) *cobra.Command {
	var r api.DiskInit
	c := &cobra.Command{
		Use:   "init DEVICE...",
		Short: "write labels on disks, so that groups can be made of them",
		Long: "Write labels on disks, so that groups can be made of them. A disk that carries somebody else's data, a partition\n" +
			"table or a label of Plexus is refused; --force overwrites it, and what was on it is lost.",
		Args: args(1, -1),
		RunE: func(c *cobra.Command, devices []string) error {
			r.Disks = devices
			list, err := a.configd().InitDisks(c.Context(), r)
			if err != nil {
				return err
			}
			return a.disks(list)
		},
	}
	c.Flags().BoolVar(&r.Force, "force", false, "although there is data on them: it is lost")
	return c
}
