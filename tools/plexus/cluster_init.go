// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/clusterd/api"
)

func clusterInit(a *app) *cobra.Command {
	var r api.InitRequest
	c := &cobra.Command{
		Use:   "init",
		Short: "found a cluster; this node is its first member",
		Long: "Found a cluster; this node is its first member and its master. The heartbeat and what else a cluster agrees on are\n" +
			"taken from plexus.toml of this node, which must name its address on the interconnect.",
		Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.clusterd().Init(c.Context(), r)
			if err != nil {
				return err
			}
			return a.entered(s, "founded")
		},
	}
	c.Flags().StringVar(&r.Name, "name", "", "of this node; default as in plexus.toml, or the host's")
	return c
}
