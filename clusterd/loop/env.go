// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/plexus-cvm/plexus/bpf"
	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/fence"
	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/member/wire"
	"github.com/plexus-cvm/plexus/clusterd/peer"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// env carries the machine's actions out. Its methods run in the loop.
type env struct{ *Loop }

var _ member.Env = env{}

// Persist implements member.Env, as do the methods below.
func (l env) Persist(p member.Persist) error { return l.cfg.Save(p) }

func (l env) SetLease(lease view.Lease) error {
	// A renewal is no news in itself: configd has to know the deadline in time, not each time.
	renewed := bpf.LeaseState(lease.State) == l.lease.State
	l.changed = l.changed || !renewed || lease.Deadline.Sub(l.told) > l.times.Lease/4
	if err := l.setLease(lease); err != nil {
		return err
	}
	if l.lease.Running() {
		l.back()
	}
	return nil
}

// setLease tells the gate. A fenced lease is followed by none before anything else, so that a renewal can never follow it
// by mistake.
func (l *Loop) setLease(lease view.Lease) error {
	next := bpf.Lease{State: bpf.LeaseState(lease.State), Deadline: int64(lease.Deadline), Hold: int64(l.callsUntil(lease.Deadline))}
	if l.lease.State == bpf.LeaseFenced && next.Running() {
		if err := l.cfg.Gate.SetLease(bpf.Lease{}); err != nil {
			return err
		}
	}
	if !next.Running() {
		next.Hold = 0
	}
	if err := l.cfg.Gate.SetLease(next); err != nil {
		return err
	}
	l.lease = next
	return nil
}

// callsUntil is when the gate begins to refuse system calls on volumes: one heartbeat before the lease is over, so that what
// they began is off this node when the portals shut; or, while everything is suspended, when hope is given up.
func (l *Loop) callsUntil(deadline view.Tick) view.Tick {
	if l.held != 0 {
		return l.held
	}
	return max(0, deadline.Add(-l.times.Heartbeat))
}

// setHeld says until when system calls on volumes may wait in device-mapper, because everything there is suspended; zero
// ends that.
func (l *Loop) setHeld(until view.Tick) {
	l.held = until
	if !l.lease.Running() {
		return
	}
	l.lease.Hold = int64(l.callsUntil(view.Tick(l.lease.Deadline)))
	if err := l.cfg.Gate.SetLease(l.lease); err != nil {
		l.fatal = err
	}
}

func (l env) Send(to view.NodeID, msg member.Message) {
	data, err := wire.Marshal(msg)
	if err == nil {
		err = l.port.Send(to, memberKind, data)
	}
	if err != nil {
		l.log.Debug("message not sent", "to", to, "message", msg.String(), "error", err)
	}
}

func (l env) Hold() {
	l.log.Warn("no lease in time: holding the volumes")
	since := view.Tick(bpf.Now())
	var hold uint64
	hold = l.volumes.suspend(func(err error) {
		l.post(func() {
			switch {
			case !l.volumes.holds(hold): // released meanwhile
			case err != nil:
				l.log.Warn("volumes could not be held", "error", err)
			default:
				l.setHeld(since.Add(l.times.HoldTime))
				l.step(member.Held{})
			}
		})
	})
}

func (l env) Release() {
	l.log.Info("lease renewed: the volumes go on")
	l.setHeld(0)
	l.volumes.release(func(err error) {
		if err != nil {
			l.post(func() {
				l.log.Error("volumes could not go on", "error", err)
				l.step(member.Failed{Reason: view.ReasonReconfiguration})
			})
		}
	})
}

func (l env) Close() {
	l.changed = true
	l.away.closing = true
}

func (l env) Leave(reason view.Reason) {
	l.log.Error("leaving the cluster", "reason", reason.Words())
	l.changed = true
	s := l.status()
	l.leave(fence.Leave{Seq: s.View.Seq, Inc: s.Incarnation, Reason: reason})
}

func (l env) Stopped(reason view.Reason) {
	l.changed = true
	l.away.closing = false
	inc := l.status().Incarnation
	if l.last == nil || inc != 0 && inc != l.last.Incarnation {
		l.last = &api.Leave{Incarnation: inc, Reason: reason, Words: reason.Words(), At: time.Now(), Drained: true}
	}
	switch {
	case l.away.wanted:
		l.log.Info("left the cluster", "reason", reason.Words())
		l.out = time.Now().Add(sayGoodbye)
	case reason == view.ReasonRegistrationLimit:
		l.fatal = fmt.Errorf("join cluster %s: %s: no member answered on %s; is a majority of the nodes up and connected?",
			l.identity.Name.Cluster, reason.Words(), strings.Join(l.peerAddrs(), ", "))
	default:
		l.rejoin = time.Now().Add(rejoinAfter)
	}
}

func (l env) SetView(v view.View, _ uint64) {
	l.log.Info("view", "view", v.String())
	l.changed = true
}

func (l env) SetPeers(list []member.Record) {
	l.changed = true
	l.nodes = make([]api.Node, 0, len(list))
	for _, r := range list {
		n := api.Node{Node: r.Node, Name: r.Name, Witness: r.Witness}
		if len(r.Addrs) == 2 {
			n.Member, n.Config = r.Addrs[0], r.Addrs[1]
		}
		l.nodes = append(l.nodes, n)
	}
	l.port.SetPeers(l.peers())
	l.keepPeers()
}

func (l *Loop) peers() []peer.Peer {
	var list []peer.Peer
	for _, n := range l.nodes {
		addr, err := netip.ParseAddrPort(n.Member)
		if n.Node == l.identity.Name.Node || err != nil {
			continue
		}
		list = append(list, peer.Peer{Node: n.Node, Address: addr})
	}
	return list
}

func (l *Loop) peerAddrs() []string {
	var list []string
	for _, p := range l.peers() {
		list = append(list, p.Address.String())
	}
	return list
}

func (l env) ShowHome(h view.Home) {
	l.homes[h.GroupID] = h
	l.changed = true
}

// Preempt implements member.Env. Reservations are not used: the lease alone proves.
func (l env) Preempt(m view.Member, index uint64) {
	l.log.Info("condemned", "node", m.String(), "index", index)
}

func (l env) Reply(r member.Reply) {
	if f, ok := l.requests[r.ID]; ok {
		delete(l.requests, r.ID)
		f(r)
	}
}

func (l env) Note(text string) { l.log.Info(text) }

// pollGate tells the machine what the gate has refused for want of a lease.
func (l *Loop) pollGate() {
	if !l.lease.Running() {
		return
	}
	n, err := l.cfg.Gate.Lapsed()
	if err != nil {
		l.fatal = fmt.Errorf("read the gate's counters: %w", err)
		return
	}
	if n > 0 {
		l.step(member.Refused{Count: n})
	}
}

// sortedHomes returns the home records by group.
func (l *Loop) sortedHomes() []view.Home {
	list := make([]view.Home, 0, len(l.homes))
	for _, h := range l.homes {
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b view.Home) int { return strings.Compare(a.GroupID, b.GroupID) })
	return list
}
