// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/clusterd/api"
)

func clusterJoin(a *app) *cobra.Command {
	var r api.JoinRequest
	c := &cobra.Command{
		Use:   "join [TOKEN|-]",
		Short: "make this node a member",
		Long: "Make this node a member. The first time it wants a token, which `plexus cluster token` prints on any member; with - it\n" +
			"is read from standard input, where other users cannot see it. A node that has been a member before joins without.",
		Args: args(0, 1),
		RunE: func(c *cobra.Command, list []string) (err error) {
			if len(list) == 1 {
				if r.Token, err = a.secret(list[0]); err != nil {
					return err
				}
			}
			s, err := a.clusterd().Join(c.Context(), r)
			if err != nil {
				return err
			}
			return a.entered(s, "joined")
		},
	}
	c.Flags().StringVar(&r.Name, "name", "", "of this node; default as in plexus.toml, or the host's")
	return c
}

// secret returns the argument, or the first line of standard input if it is a hyphen.
func (a *app) secret(arg string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && (err != io.EOF || line == "") {
		return "", fmt.Errorf("read the token from standard input: %w", err)
	}
	return strings.TrimSpace(line), nil
}

// entered prints what became of an init or a join.
func (a *app) entered(s api.Status, how string) error {
	return a.print(withSchema(s), func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "cluster %s %s; this node is %d (%s), %s, in view %d\n", s.Cluster, how, s.Node, s.Name, standing(s), s.View.Seq)
		return err
	})
}
