// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/clusterd/api"
)

func clusterToken(a *app) *cobra.Command {
	var r api.TokenRequest
	c := &cobra.Command{
		Use:   "token",
		Short: "print a secret with which a new node can join",
		Args:  args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if r.Uses < 1 {
				return misuse(c, "token for %d nodes: it must be for one at least", r.Uses)
			}
			t, err := a.clusterd().Token(c.Context(), r)
			if err != nil {
				return err
			}
			answer := struct {
				Schema int `json:"schema"`
				api.TokenReply
			}{schema, t}
			return a.print(answer, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, t.Token)
				return err
			})
		},
	}
	c.Flags().IntVar(&r.Uses, "uses", 1, "how many nodes may join with it")
	return c
}
