// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/configd/api"
)

func dgCreate(a *app) *cobra.Command {
	var r api.GroupCreate
	c := &cobra.Command{
		Use:   "create GROUP [NAME=]DEVICE...",
		Short: "make a disk group of disks that have labels",
		Long: "Make a disk group of disks that have labels and are in no group. A disk gets the name GROUP01, GROUP02 and so on in\n" +
			"it, or the one given: dg01=/dev/sdb.",
		Args: args(2, -1),
		RunE: func(c *cobra.Command, list []string) error {
			r.Name, r.Disks = list[0], list[1:]
			if err := checkName(c, r.Name); err != nil {
				return err
			}
			done, err := a.configd().CreateGroup(c.Context(), r)
			if err != nil {
				return err
			}
			return a.changed(done, "create", "group "+r.Name, "created")
		},
	}
	c.Flags().BoolVar(&r.Shared, "shared", false, "a group of all nodes of the cluster; else of this node alone")
	dryRun(c, &r.DryRun)
	return c
}

func dryRun(c *cobra.Command, flag *bool) {
	c.Flags().BoolVar(flag, "dry-run", false, "check, and print what would be done")
}
