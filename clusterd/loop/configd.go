// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// registration is the configd of this node, as long as its connection stands.
type registration struct {
	start   uint64
	pid     int
	updates chan api.Update // of one place: the newest replaces one that was not taken yet
}

// Register implements api.Verbs. A new configd is let in only when the old one has hung up.
func (l *Loop) Register(ctx context.Context, r api.RegisterRequest, send func(api.Update) error) error {
	reg := &registration{pid: r.PID, updates: make(chan api.Update, 1)}
	defer l.post(func() { // also where the caller hung up before it was told
		if l.configd == reg {
			l.configd = nil
			l.log.Warn("configd hung up", "pid", r.PID, "start", reg.start)
		}
	})
	err := l.do(ctx, func() error {
		if l.configd != nil {
			return api.Refuse(api.NotAllowed, "stop the other one first", "register configd %d: configd %d is registered", r.PID, l.configd.pid)
		}
		start, err := l.cfg.Numbers.NextStart()
		if err != nil {
			return err
		}
		reg.start = start
		l.configd, l.changed = reg, true
		l.log.Info("configd registered", "pid", r.PID, "start", start)
		return nil
	})
	if err != nil {
		return err
	}
	for {
		select {
		case u := <-reg.updates:
			if err := send(u); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		case <-l.done:
			return l.why()
		}
	}
}

// publish tells the registered configd what has changed. A place in a view is not shown while the disks that a leave has
// cut are not back: configd would not find them.
func (l *Loop) publish() {
	s := l.now
	placed := s.Incarnation != 0 && (s.Condition == view.Joining || s.Condition == view.InView)
	if !l.changed || l.configd == nil || l.away.gone && placed {
		return
	}
	l.changed, l.told = false, view.Tick(l.lease.Deadline)
	u := api.Update{
		Start: l.configd.start, Condition: s.Condition, View: s.View, Homes: l.sortedHomes(), Nodes: l.nodes,
		Lease:     view.Lease{Deadline: view.Tick(l.lease.Deadline), State: view.LeaseState(l.lease.State)},
		Heartbeat: l.times.Heartbeat, Unload: l.away.closing,
	}
	if l.identity != nil {
		u.Cluster = l.identity.Name.Cluster
		u.Self = view.Member{Node: s.Node, Name: s.Name, Inc: s.Incarnation, Witness: s.Role == "witness"}
	}
	select {
	case <-l.configd.updates:
	default:
	}
	l.configd.updates <- u
}

// fromConfigd refuses what an older configd says.
func (l *Loop) fromConfigd(start uint64) error {
	if l.configd == nil || l.configd.start != start {
		return api.Refuse(api.NotAllowed, "", "this configd (start %d) is not the registered one", start)
	}
	return nil
}

// PutFence implements api.Verbs.
func (l *Loop) PutFence(ctx context.Context, r api.FenceRequest) (api.FenceReply, error) {
	err := l.do(ctx, func() error {
		if err := l.fromConfigd(r.Start); err != nil {
			return err
		}
		if c := l.status().Condition; c != view.Joining && c != view.InView && c != view.Leaving {
			return api.Refuse(api.NotAllowed, "", "take the fence set of group %s over: this node is %v", r.Set.Group, c)
		}
		return nil
	})
	if err != nil {
		return api.FenceReply{}, err
	}
	if r.Drop {
		err = l.volumes.drop(r.Set.GroupID)
		return api.FenceReply{}, err
	}
	holding, err := l.volumes.put(r.Set)
	if err != nil {
		return api.FenceReply{}, err
	}
	l.post(func() { l.step(l.reach()) })
	return api.FenceReply{Holding: holding}, nil
}

// In-flight terms: how long I/O that was under way when the gate shut can still reach a disk. Packets to a network disk
// are refused by the gate itself, so only what had been handed to the network device is left; other transports repeat
// a command for the SCSI time-out (30 s) times its retries (5), and once more.
const (
	termWire  = 3 * time.Second
	termOther = 180 * time.Second
)

// reach counts the shared disks of this node and finds the longest in-flight term among them.
func (l *Loop) reach() member.Disks {
	var d member.Disks
	for _, s := range l.volumes.all() {
		for _, disk := range s.Disks {
			d.Reach++
			term := termOther
			switch disk.Transport {
			case view.TransportISCSI, view.TransportNVMe, view.TransportNBD:
				term = termWire
			}
			d.InFlight = max(d.InFlight, term)
		}
	}
	return d
}

// Joined implements api.Verbs.
func (l *Loop) Joined(ctx context.Context, r api.JoinedRequest) (api.None, error) {
	return api.None{}, l.do(ctx, func() error {
		s := l.status()
		if s.Condition != view.Joining || r.View < l.seenIn {
			return nil // of an earlier incarnation, or too late
		}
		if r.Reason != view.ReasonNone {
			l.log.Error("configuration join refused", "reason", r.Reason.Words(), "why", r.Why)
		}
		l.step(member.ConfigJoined{Inc: s.Incarnation, Reason: r.Reason})
		return nil
	})
}

// PutHome implements api.Verbs.
func (l *Loop) PutHome(ctx context.Context, r api.HomeRequest) (api.HomeReply, error) {
	var stale bool
	err := l.do(ctx, func() error {
		if h, ok := l.homes[r.Record.GroupID]; ok && h != r.Expect && h != r.Record {
			stale = true
		}
		return nil
	})
	if err == nil && !stale {
		_, err = l.ask(ctx, member.SetHome{Home: r.Record})
	}
	var reply api.HomeReply
	if derr := l.do(ctx, func() error {
		reply.Current = l.homes[r.Record.GroupID]
		reply.Done = reply.Current == r.Record
		return nil
	}); derr != nil {
		return api.HomeReply{}, derr
	}
	if reply.Done || stale {
		err = nil
	}
	return reply, err
}

// Suspect implements api.Verbs.
func (l *Loop) Suspect(ctx context.Context, r api.SuspectRequest) (api.None, error) {
	return api.None{}, l.do(ctx, func() error {
		l.log.Warn("configd waits in vain", "node", r.Node, "why", r.Why)
		l.step(member.Suspect{Node: r.Node})
		return nil
	})
}

// Fail implements api.Verbs.
func (l *Loop) Fail(ctx context.Context, r api.FailRequest) (api.None, error) {
	return api.None{}, l.do(ctx, func() error {
		l.log.Error("configd cannot follow", "reason", r.Reason.Words(), "why", r.Why)
		l.step(member.Failed{Reason: r.Reason})
		return nil
	})
}
