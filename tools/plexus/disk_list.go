// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/tools/plexus/report"
)

func diskList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the disks of this node and what is on them",
		Args:  args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := a.configd().Disks(c.Context())
			if err != nil {
				return err
			}
			return a.disks(list)
		},
	}
}

func (a *app) disks(list api.DiskList) error {
	t := &report.Table{Columns: []string{"DEVICE", "SIZE>", "TRANSPORT", "DISK", "GROUP", "STATE", "DETAIL"}}
	for _, d := range list.Disks {
		t.Add(d.Device, report.Bytes(d.Size), d.Transport, d.Name, d.Group, d.State, d.Detail)
	}
	return a.table(list, t, "this node has no disks")
}
