// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// fakeClusterd is a clusterd whose cluster agrees to everything. The words that it is made with say how it is:
// `member` begins inside, `busy` has a volume open.
type fakeClusterd struct {
	api.Verbs
	mu     sync.Mutex
	status api.Status
	busy   bool
	cancel chan struct{} // closed when a waiting leave is taken back
}

func newFakeClusterd(words []string) *fakeClusterd {
	f := &fakeClusterd{busy: slices.Contains(words, "busy"), cancel: make(chan struct{})}
	if slices.Contains(words, "member") {
		f.enter("n2", 2)
	}
	return f
}

// enter makes the node number n of a cluster of three, of which the last one is joining.
func (f *fakeClusterd) enter(name string, n view.NodeID) {
	all := []view.Member{{Node: 1, Name: "n1", Inc: 1}, {Node: 2, Name: "n2", Inc: 5}, {Node: 3, Name: "n3", Inc: 6}}
	v := view.View{Seq: 7, Members: all[:2], Joining: all[2:], Master: 1}
	role := "slave"
	if n == 1 {
		v, role = view.View{Seq: 1, Members: all[:1], Master: 1}, "master"
	}
	f.status = api.Status{
		Cluster: view.ClusterID(strings.Repeat("a1", 16)), Node: n, Name: name, Incarnation: all[n-1].Inc, Condition: view.InView,
		Role: role, View: v, Leader: 1, Lease: view.LeaseRunning, LeaseLeft: 2900 * time.Millisecond, Heartbeat: 100 * time.Millisecond,
		Groups: []api.Guarantee{{Group: "data", Level: view.FenceWire}},
		Nodes: []api.Node{
			{Node: 1, Name: "n1", Member: "10.0.1.1:4841"}, {Node: 2, Name: "n2", Member: "10.0.1.2:4841"},
			{Node: 3, Name: "n3", Member: "10.0.1.3:4841"}, {Node: 4, Name: "n4", Member: "10.0.1.4:4841"},
		},
	}
}

func (f *fakeClusterd) Status(context.Context) (api.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status, nil
}

func (f *fakeClusterd) Init(_ context.Context, r api.InitRequest) (api.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.status.Cluster != "" {
		return api.Status{}, api.Refuse(api.NotAllowed, "plexus cluster leave takes it out", "init: this node is in cluster %s", f.status.Cluster)
	}
	f.enter(r.Name, 1)
	return f.status, nil
}

func (f *fakeClusterd) Join(_ context.Context, r api.JoinRequest) (api.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Token != "good-token" {
		return api.Status{}, api.Refuse(api.Failed, "plexus cluster token on a member prints one", "join: the token is not valid")
	}
	f.enter("n2", 2)
	return f.status, nil
}

func (f *fakeClusterd) Token(_ context.Context, r api.TokenRequest) (api.TokenReply, error) {
	return api.TokenReply{Token: strings.Repeat("good-", r.Uses) + "token"}, nil
}

func (f *fakeClusterd) Leave(ctx context.Context, r api.LeaveRequest) (api.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Cancel {
		f.status.Condition, f.status.Waiting = view.InView, nil
		close(f.cancel)
		return f.status, nil
	}
	if f.busy && !r.Force {
		f.status.Condition = view.Leaving
		f.status.Waiting = []api.Holder{{Volume: "data-vol1", PID: 4711, Holder: "postgres"}, {Volume: "data-vol2", Holder: "mount /srv"}}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-f.cancel:
		}
		f.mu.Lock()
		return api.Status{}, api.Refuse(api.Failed, "", "leave: taken back")
	}
	f.status.Condition, f.status.Role = view.Out, ""
	f.status.LastLeave = &api.Leave{Incarnation: f.status.Incarnation, Reason: view.ReasonUserStop, Words: view.ReasonUserStop.Words(), Drained: true}
	return f.status, nil
}
