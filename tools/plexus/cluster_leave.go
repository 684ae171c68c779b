// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/clusterd/api"
)

const (
	// lookEvery is how often a waiting leave looks for whom it waits.
	lookEvery = 300 * time.Millisecond
	// takeBackTime bounds how long an interrupted leave waits for being taken back.
	takeBackTime = 10 * time.Second
)

// errTimeout ends a leave that took longer than --timeout.
var errTimeout = errors.New("the time is up")

func clusterLeave(a *app) *cobra.Command {
	var r api.LeaveRequest
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "leave",
		Short: "take this node out of the cluster",
		Long: "Take this node out of the cluster. It waits, without limit, until nobody has a shared volume open here, and says who has.\n" +
			"With --timeout, or when it is interrupted, it gives up and the node stays a member. With --force it waits for nobody:\n" +
			"who has a volume open gets I/O errors.",
		Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if timeout < 0 || timeout > 0 && r.Force {
				return misuse(c, "--timeout %v: it is a time to wait, and --force waits for nobody", timeout)
			}
			s, err := a.leave(c.Context(), r, timeout)
			if err != nil {
				return err
			}
			return a.print(withSchema(s), func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "node %d (%s) has left cluster %s\n", s.Node, s.Name, s.Cluster)
				return err
			})
		},
	}
	c.Flags().BoolVar(&r.Force, "force", false, "wait for nobody: open volumes get I/O errors")
	c.Flags().DurationVar(&timeout, "timeout", 0, "give up after it and stay a member; 0 is no limit")
	return c
}

// leave asks for the leave and, while it waits, says for whom.
func (a *app) leave(ctx context.Context, r api.LeaveRequest, timeout time.Duration) (api.Status, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, errTimeout)
		defer cancel()
	}
	type result struct {
		status api.Status
		err    error
	}
	done := make(chan result, 1)
	go func() {
		s, err := a.clusterd().Leave(ctx, r)
		done <- result{s, err}
	}()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var last []api.Holder
	for {
		select {
		case got := <-done:
			if got.err != nil && ctx.Err() != nil {
				return api.Status{}, a.takeBack(context.Cause(ctx), last)
			}
			return got.status, got.err
		case <-tick.C:
			last = a.sayWaiting(ctx, last)
		}
	}
}

// sayWaiting prints for whom the leave waits, if that has changed.
func (a *app) sayWaiting(ctx context.Context, last []api.Holder) []api.Holder {
	s, err := a.clusterd().Status(ctx)
	if err != nil {
		return last // the leave itself will say what is wrong
	}
	if holders(s.Waiting) != holders(last) {
		for _, h := range s.Waiting {
			fmt.Fprintln(a.err, "plexus: waiting: "+holder(h))
		}
	}
	return s.Waiting
}

func holders(list []api.Holder) string {
	words := make([]string, len(list))
	for i, h := range list {
		words[i] = holder(h)
	}
	return strings.Join(words, "; ")
}

// takeBack makes the node stay a member, and the error that says so.
func (a *app) takeBack(why error, waiting []api.Holder) error {
	code := api.Failed
	if errors.Is(why, errTimeout) {
		code = api.NotAllowed
	} else {
		why = errors.New("interrupted")
	}
	ctx, cancel := context.WithTimeout(context.Background(), takeBackTime)
	defer cancel()
	if _, err := a.clusterd().Leave(ctx, api.LeaveRequest{Cancel: true}); err != nil {
		return api.Refuse(code, "plexus cluster status says where it stands", "leave: %v, and it could not be taken back: %v", why, err)
	}
	text := "leave: " + why.Error() + ", the node stays a member"
	if len(waiting) > 0 {
		text += "; " + holders(waiting)
	}
	return api.Refuse(code, "", "%s", text)
}
