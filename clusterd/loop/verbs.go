// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"cmp"
	"context"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/pki"
	"github.com/plexus-cvm/plexus/clusterd/pki/enroll"
	"github.com/plexus-cvm/plexus/clusterd/settings"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

const requestTimeout = 35 * time.Second // the machine gives up before

var _ api.Verbs = (*Loop)(nil)

// ask lets the cluster agree on an entry.
func (l *Loop) ask(ctx context.Context, e member.Entry) (view.NodeID, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	replies := make(chan member.Reply, 1)
	err := l.do(ctx, func() error {
		if l.machine == nil {
			return errNoCluster
		}
		l.request++
		l.requests[l.request] = func(r member.Reply) { replies <- r }
		l.step(member.Request{ID: l.request, Entry: e})
		return nil
	})
	if err != nil {
		return 0, err
	}
	select {
	case r := <-replies:
		return r.Node, r.Err
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-l.done:
		return 0, l.why()
	}
}

var errNoCluster = &api.Error{Code: api.NotAllowed, Message: "this node is in no cluster",
	Hint: "`plexus cluster init` founds one, `plexus cluster join TOKEN` joins one"}

// Status implements api.Verbs.
func (l *Loop) Status(ctx context.Context) (api.Status, error) {
	var s api.Status
	err := l.do(ctx, func() error { s = l.show(); return nil })
	return s, err
}

func (l *Loop) show() api.Status {
	m := l.status()
	s := api.Status{
		Cluster: m.Cluster, Node: m.Node, Name: m.Name, Incarnation: m.Incarnation, Condition: m.Condition, Role: m.Role,
		Stage: m.Stage, Waiting: []api.Holder{}, View: m.View, Leader: m.Leader, Voters: m.Voters, Lease: m.Lease.State, LeaseLeft: m.LeaseLeft,
		Heartbeat: l.times.Heartbeat, Holding: m.Held, Groups: []api.Guarantee{}, LastLeave: l.last, Nodes: l.nodes,
	}
	if l.identity == nil {
		s.Name, _ = l.name("")
	}
	sets := l.volumes.all()
	if l.away.closing {
		s.Waiting = append(s.Waiting, l.away.holders...)
		if l.configd == nil && len(sets) > 0 {
			s.Stage = "waiting for configd, which is not running, to take the volumes away"
		}
	}
	if m.Condition == view.Out && l.away.leaving {
		s.Stage = "finishing the leave of before"
	}
	for _, f := range sets {
		s.Groups = append(s.Groups, api.Guarantee{Group: f.Group, Level: f.Level})
	}
	if s.Nodes == nil {
		s.Nodes = []api.Node{}
	}
	return s
}

// Init implements api.Verbs.
func (l *Loop) Init(ctx context.Context, r api.InitRequest) (api.Status, error) {
	err := l.do(ctx, func() error {
		if err := l.free("found a cluster"); err != nil {
			return err
		}
		if c := l.disk.Meta.Cluster; c != "" {
			return api.Refuse(api.NotAllowed, "move "+l.cfg.StateDir+" away", "found a cluster: %s holds the log of cluster %s", l.cfg.StateDir, c)
		}
		name, err := l.name(r.Name)
		if err != nil {
			return err
		}
		return l.found(name)
	})
	if err != nil {
		return api.Status{}, err
	}
	return l.until(ctx, func(s member.Status) bool { return s.LeaseLeft > 0 })
}

// free refuses what only a node can do that is in no cluster and could be in one.
func (l *Loop) free(what string) error {
	switch {
	case l.identity != nil:
		return api.Refuse(api.NotAllowed, "leave it first, and move "+l.cfg.StateDir+" away", "%s: this node is %v", what, l.identity.Name)
	case l.away.leaving:
		return api.Refuse(api.NotAllowed, "`plexus cluster status` shows how far it is", "%s: this node is still leaving its shared disks", what)
	case !l.cfg.Settings.Interconnect.IsValid():
		return api.Refuse(api.NotAllowed, "put this node's address on the cluster's network there, then `systemctl restart plexus-clusterd plexus-configd`",
			"%s: interconnect is not set in %s", what, settings.Path)
	}
	return nil
}

const nameBytesMax = 64

// name returns what this node is to be called.
func (l *Loop) name(given string) (string, error) {
	name := cmp.Or(given, l.cfg.Settings.Name)
	if name == "" {
		name, _ = os.Hostname()
	}
	if name == "" || len(name) > nameBytesMax {
		return "", api.Refuse(api.BadRequest, "give one with --name, or in "+settings.Path, "name this node %q: a name has 1 to %d bytes", name, nameBytesMax)
	}
	return name, nil
}

// Join implements api.Verbs.
func (l *Loop) Join(ctx context.Context, r api.JoinRequest) (api.Status, error) {
	var known bool
	var attempt uint64 // how it goes is the answer
	err := l.do(ctx, func() error {
		known, attempt = l.identity != nil, l.joins
		c := l.status().Condition
		switch {
		case !l.out.IsZero() || l.away.wanted && c != view.InView:
			return api.Refuse(api.NotAllowed, "wait for its end, then `systemctl start plexus-clusterd`", "join: this node is leaving cluster %s", l.status().Cluster)
		case known && r.Token != "":
			return api.Refuse(api.NotAllowed, "`plexus cluster join` without a token joins it again", "join: this node is already %v", l.identity.Name)
		case !known && r.Token == "":
			return api.Refuse(api.BadRequest, "make one on a member with `plexus cluster token`", "join: this node needs a join token")
		case c == view.Out && known:
			attempt++
			l.rejoin = time.Now() // not before the disks are drained
		case c != view.Joining:
			attempt++
		}
		return nil
	})
	if err == nil && !known {
		err = l.askToken(ctx, r)
	}
	if err != nil {
		return api.Status{}, err
	}
	reason := view.ReasonNone
	s, err := l.until(ctx, func(s member.Status) bool {
		reason = s.Reason
		return s.Condition == view.InView || s.Condition == view.Out && l.joins >= attempt && !l.away.leaving
	})
	if err == nil && s.Condition != view.InView {
		return s, api.Refuse(api.Failed, "it is tried again by itself; `journalctl -u plexus-clusterd -u plexus-configd` says more",
			"join cluster %s: %s", s.Cluster, reason.Words())
	}
	return s, err
}

// askToken gets this node an identity for a token, and begins to join.
func (l *Loop) askToken(ctx context.Context, r api.JoinRequest) error {
	token, err := pki.ParseToken(r.Token)
	if err != nil {
		return api.Refuse(api.BadRequest, "copy the whole line that `plexus cluster token` printed", "join: %v", err)
	}
	name, err := l.name(r.Name)
	if err != nil {
		return err
	}
	free := func() error {
		if c := l.disk.Meta.Cluster; c != "" && c != token.Cluster {
			return api.Refuse(api.NotAllowed, "move "+l.cfg.StateDir+" away", "join cluster %s: %s holds the log of cluster %s", token.Cluster, l.cfg.StateDir, c)
		}
		return l.free("join")
	}
	if err := l.do(ctx, free); err != nil {
		return err
	}
	key, err := l.key()
	if err != nil {
		return err
	}
	got, err := enroll.Ask(ctx, token, enroll.Joiner{Name: name, Addresses: l.addrs(), Key: key})
	if err != nil {
		return err
	}
	return l.do(ctx, func() error {
		if err := free(); err != nil { // another join was faster
			return err
		}
		if err := l.enrolled(got); err != nil {
			return err
		}
		l.join()
		return l.fatal
	})
}

// Token implements api.Verbs.
func (l *Loop) Token(ctx context.Context, r api.TokenRequest) (api.TokenReply, error) {
	if r.Uses == 0 {
		r.Uses = 1
	}
	if r.Uses < 0 || r.Uses > view.NodesMax {
		return api.TokenReply{}, api.Refuse(api.BadRequest, "", "make a join token for %d nodes: it can be for 1 to %d", r.Uses, view.NodesMax)
	}
	var addrs []netip.AddrPort
	err := l.do(ctx, func() error {
		if l.machine == nil {
			return errNoCluster
		}
		addrs = l.doors()
		return nil
	})
	if err != nil {
		return api.TokenReply{}, err
	}
	authority, err := pki.LoadAuthority(l.pkiDir())
	if err != nil {
		return api.TokenReply{}, err
	}
	token, err := authority.NewToken(addrs)
	if err != nil {
		return api.TokenReply{}, err
	}
	if _, err := l.ask(ctx, member.MakeToken{Hash: token.Secret.Hash(), Uses: r.Uses}); err != nil {
		return api.TokenReply{}, err
	}
	return api.TokenReply{Token: token.Text()}, nil
}

// doors lists where a joiner may ask, those first that are likely to answer: this node, the view, the others.
func (l *Loop) doors() []netip.AddrPort {
	v := l.status().View
	rank := func(n api.Node) int {
		_, in := v.Member(n.Node)
		switch {
		case n.Node == l.identity.Name.Node:
			return 0
		case in:
			return 1
		}
		return 2
	}
	nodes := slices.SortedStableFunc(slices.Values(l.nodes), func(a, b api.Node) int { return cmp.Compare(rank(a), rank(b)) })
	var list []netip.AddrPort
	for _, n := range nodes {
		if a, err := netip.ParseAddrPort(n.Member); err == nil && len(list) < pki.TokenAddressesMax {
			list = append(list, a)
		}
	}
	return list
}

// Leave implements api.Verbs.
func (l *Loop) Leave(ctx context.Context, r api.LeaveRequest) (api.Status, error) {
	err := l.do(ctx, func() error {
		switch {
		case l.machine == nil:
			return errNoCluster
		case r.Cancel && l.away.closing:
			l.away.closing, l.away.wanted, l.changed = false, false, true
			l.step(member.Cancel{})
		case r.Cancel: // too late, or there is none
		default:
			l.leaveAtWill(r.Force)
		}
		return nil
	})
	if err != nil || r.Cancel {
		s, _ := l.Status(ctx)
		return s, err
	}
	return l.until(ctx, func(s member.Status) bool {
		return s.Condition == view.Out && !l.away.leaving || s.Condition == view.InView
	})
}

// leaveAtWill takes this node out because a person wants it: it does not come back by itself.
func (l *Loop) leaveAtWill(force bool) {
	l.away.wanted, l.rejoin = true, time.Time{}
	switch {
	case l.status().Condition != view.Out:
		l.step(member.Stop{Force: force})
	case !l.away.leaving && l.out.IsZero():
		l.out = time.Now().Add(sayGoodbye)
	}
}

// until waits for the machine to get somewhere, and returns the status there.
func (l *Loop) until(ctx context.Context, is func(member.Status) bool) (api.Status, error) {
	ended := make(chan api.Status, 1)
	err := l.do(ctx, func() error {
		if is(l.status()) {
			ended <- l.show()
			return nil
		}
		l.waiting = append(l.waiting, waiter{is, ended})
		return nil
	})
	if err != nil {
		return api.Status{}, err
	}
	select {
	case s := <-ended:
		return s, nil
	case <-ctx.Done():
		l.post(func() {
			l.waiting = slices.DeleteFunc(l.waiting, func(w waiter) bool { return w.ended == ended })
		})
		return api.Status{}, ctx.Err()
	case <-l.done:
		return api.Status{}, l.why()
	}
}
