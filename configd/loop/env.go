// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/plexus-cvm/plexus/bpf"
	member "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/peer"
	"github.com/plexus-cvm/plexus/clusterd/settings"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/disk"
	"github.com/plexus-cvm/plexus/configd/txn"
	"github.com/plexus-cvm/plexus/configd/txn/wire"
)

// Lanes that are not those of a disk or a group.
const (
	laneScan     = "scan"
	laneClusterd = "clusterd"
	laneUnload   = "unload"
	laneHomes    = "homes" // of private groups: one file
	laneUser     = "user space"
)

func laneDisk(id string) string  { return "disk " + id }
func laneGroup(id string) string { return "group " + id }

// env carries the machine's actions out. Its methods run in the loop.
type env struct{ *Loop }

var _ txn.Env = env{}

// Scan implements txn.Env, as do the methods below.
func (l env) Scan(a txn.Scan) {
	inc := l.place.Self.Inc
	l.lanes.run(laneScan, func() { l.event(l.scan(a.Op, inc)) })
}

func (l env) Write(a txn.Write) {
	inc := l.place.Self.Inc
	l.lanes.run(laneDisk(a.Write.Disk), func() {
		err := l.write(a, inc)
		if err != nil {
			l.log.Error("label not written", "disk", a.Write.Disk, "what", a.What, "error", err)
		}
		l.event(txn.Written{Op: a.Op, Err: text(err)})
	})
}

func (l *Loop) write(a txn.Write, inc view.Incarnation) error {
	d, ok := l.seen.disk(a.Write.Disk)
	if !ok {
		return fmt.Errorf("write label %s: the disk was not found", a.Write.Disk)
	}
	if a.Shared {
		if err := errors.Join(l.alive(inc), l.mayWrite()); err != nil {
			return fmt.Errorf("write label of %s: %w", d.Name, err)
		}
	}
	h, err := l.cfg.Host.Open(d, disk.ForWrite)
	if err != nil {
		return err
	}
	return errors.Join(h.Write(a.Write), h.Close())
}

// mayWrite asks the gate itself: a disk that is about to become one of a group is not guarded yet, and what clusterd said
// last may be older than the turn of this write.
func (l *Loop) mayWrite() error {
	g, err := l.openGate()
	if err != nil {
		return err
	}
	lease, err := g.Lease()
	if err != nil {
		return err
	}
	if lease.State != bpf.LeaseRunning || int64(now()) >= lease.Deadline {
		return fmt.Errorf("this node has no lease: it is %v", lease.State)
	}
	return nil
}

// alive refuses what belongs to an incarnation that is over.
func (l *Loop) alive(inc view.Incarnation) error {
	if now := view.Incarnation(l.life.Load()); inc != 0 && inc != now {
		return fmt.Errorf("incarnation %d of this node is over", inc)
	}
	return nil
}

func (l env) PutHome(a txn.PutHome) {
	lane := laneHomes
	if a.Shared {
		lane = laneGroup("home " + a.Record.GroupID)
	}
	l.lanes.run(lane, func() {
		e := txn.HomePut{Op: a.Op}
		if a.Shared {
			r, err := l.cfg.Clusterd.PutHome(l.running, member.HomeRequest{Expect: a.Expect, Record: a.Record})
			e.Ok, e.Current, e.Err = r.Done, r.Current, text(err)
		} else {
			e.Ok, e.Current, e.Err = l.putPrivate(a)
		}
		l.event(e)
	})
}

func (l *Loop) putPrivate(a txn.PutHome) (bool, view.Home, string) {
	if h, _ := l.cfg.Homes.Get(a.Record.GroupID); h != a.Expect {
		return h == a.Record, h, ""
	}
	if err := l.cfg.Homes.Set(a.Record); err != nil {
		return false, view.Home{}, err.Error()
	}
	return true, a.Record, ""
}

func (l env) Send(a txn.Send) {
	if l.port == nil {
		return
	}
	if err := l.port.Send(a.To, txnKind, wire.Marshal(a.Message)); err != nil {
		l.log.Debug("message not sent", "to", a.To, "message", a.Message.String(), "error", err)
	}
}

// finish runs work in the lane of a group's devices and reports its end.
//
// What is done for a shared group is done in one incarnation of this node, inc; zero is a private group. Work whose turn
// comes after the end of that life is not done any more: its devices would stay, under names that the next life needs.
func (l *Loop) finish(op txn.Op, group, what string, inc view.Incarnation, work func() (holding bool, err error)) {
	l.lanes.run(laneGroup(group), func() {
		began := time.Now()
		var holding bool
		err := l.alive(inc)
		if err == nil {
			holding, err = work()
		}
		l.log.Info(what, "group", group, "took", time.Since(began).Round(time.Millisecond).String(), "error", text(err))
		l.event(txn.Finished{Op: op, Err: text(err), Holding: holding})
	})
}

func (l env) Guard(a txn.Guard) {
	l.finish(a.Op, a.Group, "disks guarded", l.place.Self.Inc, func() (bool, error) { return false, l.guard(a.Group, a.Disks) })
}

func (l env) Hand(a txn.Hand) {
	start, inc := l.place.Start, l.place.Self.Inc
	l.finish(a.Op, a.Fence.Group, "fence set handed over", inc, func() (bool, error) { return l.hand(start, inc, a.Fence) })
}

func (l env) Load(a txn.Load) {
	side := l.side(a.Want)
	l.finish(a.Op, a.Want.ID, "tables loaded", side.inc, func() (bool, error) {
		ctx, cancel := boottime(context.Background(), a.Deadline)
		defer cancel()
		if err := l.tables.load(ctx, a.Want, side); err != nil {
			return false, err
		}
		return false, l.guardVolumes(a.Want, side)
	})
}

func (l env) Resume(a txn.Resume) {
	side := l.side(a.Want)
	l.finish(a.Op, a.Want.ID, "tables resumed", side.inc, func() (bool, error) {
		defer l.follow()
		if err := l.tables.resume(a.Want, side, a.Holding); err != nil {
			return false, err
		}
		return false, l.settle(a.Want, side)
	})
}

func (l env) Clear(a txn.Clear) {
	side := l.side(a.Want)
	l.finish(a.Op, a.Want.ID, "tables cleared", side.inc, func() (bool, error) { return false, l.tables.clear(a.Want.ID, side) })
}

func (l env) Revive(a txn.Revive) {
	side := l.side(a.Want)
	l.finish(a.Op, a.Want.ID, "tables revived", side.inc, func() (bool, error) {
		defer l.follow()
		return false, l.tables.revive(a.Have, a.Want.ID, side, a.Holding)
	})
}

func (l env) Fail(a txn.Fail) {
	l.lanes.run(laneGroup(a.Group), func() {
		l.log.Error("volumes failed", "group", a.Group, "error", text(l.tables.fail(a.Group)))
	})
}

// tell says something to clusterd, in order, and again until it is heard: clusterd decides what becomes of this node.
func (l *Loop) tell(what string, f func(context.Context) error) {
	l.lanes.run(laneClusterd, func() {
		ctx, cancel := context.WithTimeout(l.running, time.Minute)
		defer cancel()
		for {
			err := f(ctx)
			if err == nil || ctx.Err() != nil {
				return
			}
			l.log.Warn("clusterd not told", "what", what, "error", err)
			select {
			case <-time.After(knockEvery):
			case <-ctx.Done():
				return
			}
		}
	})
}

func (l env) Leave(a txn.Leave) {
	l.log.Error("this node must leave", "reason", a.Reason.Words(), "why", a.Why)
	l.tell("leave", func(ctx context.Context) error {
		_, err := l.cfg.Clusterd.Fail(ctx, member.FailRequest{Reason: a.Reason, Why: a.Why})
		return err
	})
}

func (l env) Accuse(a txn.Accuse) {
	l.tell("accuse", func(ctx context.Context) error {
		_, err := l.cfg.Clusterd.Suspect(ctx, member.SuspectRequest{Node: a.Node, Why: a.Why})
		return err
	})
}

func (l env) ReportJoin(a txn.ReportJoin) {
	l.log.Info("configuration join", "view", a.View, "reason", a.Reason.Words(), "why", a.Why)
	l.tell("report", func(ctx context.Context) error {
		_, err := l.cfg.Clusterd.Joined(ctx, member.JoinedRequest{View: a.View, Reason: a.Reason, Why: a.Why})
		return err
	})
}

func (l env) Answer(a txn.Answer) {
	if c, ok := l.answers[a.ID]; ok {
		delete(l.answers, a.ID)
		c <- a
	}
}

func (l env) Arm(a txn.Arm) {
	if a.At == 0 {
		l.timer.Stop()
		return
	}
	l.timer.Reset(max(0, a.At.Sub(now())))
}

// side says which devices of a group are this life's.
func (l *Loop) side(g config.Group) side {
	if g.Shared {
		return side{shared: true, inc: l.place.Self.Inc}
	}
	return side{}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func parsePeer(n member.Node) (peer.Peer, error) {
	a, err := netip.ParseAddrPort(n.Config)
	return peer.Peer{Node: n.Node, Address: a}, err
}

func listenAt(s settings.Settings) (netip.AddrPort, error) {
	if !s.Interconnect.IsValid() {
		return netip.AddrPort{}, fmt.Errorf("interconnect is not set in %s", settings.Path)
	}
	return netip.AddrPortFrom(s.Interconnect, s.ConfigPort), nil
}
