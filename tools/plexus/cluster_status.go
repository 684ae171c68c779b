// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/tools/plexus/report"
)

// schema numbers what the command puts around answers of clusterd.
const schema = 1

// statusOut is a status with its schema in front.
type statusOut struct {
	Schema int `json:"schema"`
	api.Status
}

func withSchema(s api.Status) statusOut { return statusOut{schema, s} }

func clusterStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "show where this node stands, and who the others are",
		Args:  args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.clusterd().Status(c.Context())
			if err != nil {
				return err
			}
			return a.print(withSchema(s), func(w io.Writer) error { return printStatus(w, s) })
		},
	}
}

// standing is where the node stands, in words: member, master.
func standing(s api.Status) string {
	if s.Role == "" {
		return s.Condition.String()
	}
	return s.Condition.String() + ", " + s.Role
}

func printStatus(w io.Writer, s api.Status) error {
	if s.Cluster == "" {
		fmt.Fprintln(w, "cluster  none")
		return printLastLeave(w, s.LastLeave)
	}
	fmt.Fprintf(w, "cluster  %s\n", s.Cluster)
	fmt.Fprintf(w, "node     %d (%s), incarnation %d, %s\n", s.Node, s.Name, s.Incarnation, standing(s))
	if s.Stage != "" {
		fmt.Fprintf(w, "stage    %s\n", s.Stage)
	}
	for _, h := range s.Waiting {
		fmt.Fprintf(w, "waiting  %s\n", holder(h))
	}
	lease := s.Lease.String()
	if s.LeaseLeft > 0 {
		lease += ", " + s.LeaseLeft.Round(100*time.Millisecond).String() + " left"
	}
	if s.Holding {
		lease += "; volumes are held until the next one"
	}
	fmt.Fprintf(w, "lease    %s\n", lease)
	if err := printLastLeave(w, s.LastLeave); err != nil {
		return err
	}
	fmt.Fprintf(w, "view     %d: %d members, %d joining\n\n", s.View.Seq, len(s.View.Members), len(s.View.Joining))
	if err := nodeTable(s).Write(w, 0); err != nil || len(s.Groups) == 0 {
		return err
	}
	fmt.Fprintln(w)
	groups := &report.Table{Columns: []string{"GROUP", "FENCE"}}
	for _, g := range s.Groups {
		groups.Add(g.Group, g.Level)
	}
	return groups.Write(w, 0)
}

func printLastLeave(w io.Writer, l *api.Leave) error {
	if l == nil {
		return nil
	}
	drained := "drained"
	if !l.Drained {
		drained = "not drained yet"
	}
	_, err := fmt.Fprintf(w, "left     incarnation %d at %s: %s, %s\n", l.Incarnation, l.At.Format(time.DateTime), l.Words, drained)
	return err
}

// nodeTable lists the view and then the nodes of the cluster that are not in it.
func nodeTable(s api.Status) *report.Table {
	t := &report.Table{Columns: []string{"NODE>", "NAME", "STATE", "ROLE", "INCARNATION>", "ADDRESS"}}
	address := map[view.NodeID]string{}
	for _, n := range s.Nodes {
		address[n.Node] = n.Member
	}
	for _, m := range s.View.Members {
		t.Add(m.Node, m.Name, view.InView, role(s.View, m), m.Inc, address[m.Node])
	}
	for _, m := range s.View.Joining {
		t.Add(m.Node, m.Name, view.Joining, role(s.View, m), m.Inc, address[m.Node])
	}
	for _, n := range s.Nodes {
		_, member := s.View.Member(n.Node)
		if _, joining := s.View.Joiner(n.Node); !member && !joining {
			t.Add(n.Node, n.Name, view.Out, "", "", n.Member)
		}
	}
	return t
}

func role(v view.View, m view.Member) string {
	switch {
	case m.Witness:
		return "witness"
	case m.Node == v.Master:
		return "master"
	}
	return "slave"
}

// holder says who has a volume open.
func holder(h api.Holder) string {
	if h.PID == 0 {
		return fmt.Sprintf("volume %s is held by %s", h.Volume, h.Holder)
	}
	return fmt.Sprintf("volume %s is open in process %d (%s)", h.Volume, h.PID, h.Holder)
}
