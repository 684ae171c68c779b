// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/tools/plexus/report"
)

func volumeList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list [GROUP]",
		Short: "list the volumes, of all groups or of one",
		Args:  args(0, 1),
		RunE: func(c *cobra.Command, list []string) error {
			group := ""
			if len(list) == 1 {
				if group = list[0]; checkName(c, group) != nil {
					return checkName(c, group)
				}
			}
			volumes, err := a.configd().Volumes(c.Context(), group)
			if err != nil {
				return err
			}
			return a.table(volumes, volumeTable(volumes.Volumes), "there is no volume")
		},
	}
}

func volumeTable(list []api.Volume) *report.Table {
	t := &report.Table{Columns: []string{"VOLUME", "SIZE>", "LAYOUT", "KSTATE", "STATE", "OPEN>", "DEVICE"}}
	for _, v := range list {
		t.Add(v.Group+"/"+v.Name, report.Bytes(v.Size), layout(v), v.Kernel, v.State, v.Opens, v.Device)
	}
	return t
}

// layout names the layout of the first plex: there is no volume without.
func layout(v api.Volume) string {
	if len(v.Plexes) == 0 {
		return ""
	}
	return string(v.Plexes[0].Layout)
}
