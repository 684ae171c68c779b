// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net/netip"
	"os"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/pki"
	"github.com/plexus-cvm/plexus/clusterd/pki/enroll"
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
		return 0, errEnded
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
		Stage: m.Stage, Waiting: []api.Holder{}, View: m.View, Leader: m.Leader, Lease: m.Lease.State, LeaseLeft: m.LeaseLeft,
		Heartbeat: l.times.Heartbeat, Holding: m.Held, Groups: []api.Guarantee{}, LastLeave: l.last, Nodes: l.nodes,
	}
	if l.identity == nil {
		s.Name = l.name("")
	}
	if l.away.closing {
		s.Waiting = append(s.Waiting, l.away.holders...)
	}
	for _, f := range l.volumes.all() {
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
		if l.identity != nil {
			return api.Refuse(api.NotAllowed, "leave it first, and move "+l.cfg.StateDir+" away", "found a cluster: this node is %v", l.identity.Name)
		}
		authority, err := pki.NewAuthority(pki.NewClusterID())
		if err != nil {
			return err
		}
		id, err := authority.Identify(pki.Name{Cluster: authority.Cluster, Node: 1})
		if err != nil {
			return err
		}
		if err := pki.Save(l.pkiDir(), authority, id); err != nil {
			return err
		}
		l.identity = id
		if err := l.open(); err != nil {
			l.identity = nil
			return errors.Join(err, os.RemoveAll(l.pkiDir()))
		}
		l.step(member.Init{Cluster: authority.Cluster, Self: member.Record{
			Name: l.name(r.Name), Addrs: l.addrs(), Key: pki.KeyID(id.Certificate.Leaf.PublicKey.(ed25519.PublicKey)),
		}})
		return l.fatal
	})
	if err != nil {
		return api.Status{}, err
	}
	return l.until(ctx, func(s member.Status) bool { return s.LeaseLeft > 0 })
}

func (l *Loop) name(given string) string {
	if given != "" {
		return given
	}
	if l.cfg.Settings.Name != "" {
		return l.cfg.Settings.Name
	}
	host, _ := os.Hostname()
	return host
}

// Join implements api.Verbs.
func (l *Loop) Join(ctx context.Context, r api.JoinRequest) (api.Status, error) {
	var known bool
	err := l.do(ctx, func() error {
		known = l.identity != nil
		switch {
		case known && r.Token != "":
			return api.Refuse(api.NotAllowed, "`plexus cluster join` without a token joins it again", "join: this node is already %v", l.identity.Name)
		case !known && r.Token == "":
			return api.Refuse(api.BadRequest, "make one on a member with `plexus cluster token`", "join: this node needs a join token")
		case known && l.status().Condition == view.Out:
			l.rejoin = time.Now()
		}
		return nil
	})
	if err == nil && !known {
		err = l.askToken(ctx, r)
	}
	if err != nil {
		return api.Status{}, err
	}
	s, err := l.until(ctx, func(s member.Status) bool {
		return s.Condition == view.InView || s.Condition == view.Out && s.Reason != view.ReasonNone && l.rejoin.IsZero()
	})
	if err == nil && s.Condition != view.InView {
		return s, api.Refuse(api.Failed, "", "join cluster %s: %s", s.Cluster, s.LastLeave.Words)
	}
	return s, err
}

// askToken gets this node an identity for a token, and begins to join.
func (l *Loop) askToken(ctx context.Context, r api.JoinRequest) error {
	token, err := pki.ParseToken(r.Token)
	if err != nil {
		return api.Refuse(api.BadRequest, "copy the whole line that `plexus cluster token` printed", "join: %v", err)
	}
	key, err := l.key()
	if err != nil {
		return err
	}
	got, err := enroll.Ask(ctx, token, enroll.Joiner{Name: l.name(r.Name), Addresses: l.addrs(), Key: key})
	if err != nil {
		return err
	}
	return l.do(ctx, func() error {
		if l.identity != nil {
			return api.Refuse(api.NotAllowed, "", "join: another join was faster")
		}
		if err := pki.Save(l.pkiDir(), got.Authority, got.Identity); err != nil {
			return err
		}
		l.identity = got.Identity
		if err := l.open(); err != nil {
			l.fatal = err
			return err
		}
		var peers []view.NodeID
		for _, p := range got.Peers {
			n := api.Node{Node: p.Node, Name: p.Name}
			if len(p.Addresses) == 2 {
				n.Member, n.Config = p.Addresses[0], p.Addresses[1]
			}
			l.nodes, peers = append(l.nodes, n), append(peers, p.Node)
		}
		l.port.SetPeers(l.peers())
		l.step(member.Join{Cluster: got.Identity.Name.Cluster, Addrs: l.addrs(), Peers: peers})
		return l.fatal
	})
}

// Token implements api.Verbs.
func (l *Loop) Token(ctx context.Context, r api.TokenRequest) (api.TokenReply, error) {
	if r.Uses == 0 {
		r.Uses = 1
	}
	var addrs []netip.AddrPort
	err := l.do(ctx, func() error {
		if l.machine == nil {
			return errNoCluster
		}
		for _, n := range l.nodes {
			if a, err := netip.ParseAddrPort(n.Member); err == nil && len(addrs) < pki.TokenAddressesMax {
				addrs = append(addrs, a)
			}
		}
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

// Leave implements api.Verbs.
func (l *Loop) Leave(ctx context.Context, r api.LeaveRequest) (api.Status, error) {
	err := l.do(ctx, func() error {
		switch {
		case l.machine == nil:
			return errNoCluster
		case r.Cancel:
			l.away.closing, l.changed = false, true
			l.step(member.Cancel{})
		default:
			l.step(member.Stop{Force: r.Force})
		}
		return nil
	})
	if err != nil || r.Cancel {
		s, _ := l.Status(ctx)
		return s, err
	}
	return l.until(ctx, func(s member.Status) bool { return s.Condition == view.Out || s.Condition == view.InView })
}

// until waits for the machine to get somewhere, and returns the status then.
func (l *Loop) until(ctx context.Context, is func(member.Status) bool) (api.Status, error) {
	ended := make(chan struct{})
	err := l.do(ctx, func() error {
		if is(l.status()) {
			close(ended)
			return nil
		}
		l.waiting = append(l.waiting, waiter{is, ended})
		return nil
	})
	if err != nil {
		return api.Status{}, err
	}
	select {
	case <-ended:
	case <-ctx.Done():
		return api.Status{}, ctx.Err()
	case <-l.done:
	}
	return l.Status(ctx)
}
