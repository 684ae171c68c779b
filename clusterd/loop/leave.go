// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/fence"
	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
	"github.com/plexus-cvm/plexus/dm/holder"
)

const (
	leaveRetry   = 5 * time.Second // between two tries to drain what would not
	holdersEvery = time.Second
	sweepEvery   = 5 * time.Second
)

// Leaver takes this node's shared disks away, and finds the way back to them. Package fence has the real one.
type Leaver interface {
	// Leave cuts everything in the sets, from below upwards. It may be called again for what did not drain.
	Leave(ctx context.Context, sets []view.FenceSet, seq view.Seq) fence.Report
	// Return undoes what cut the disks, once the gate lets packets through again, and waits until they are there.
	Return(ctx context.Context) error
	// Sweep removes volumes of earlier leaves that nobody has open any more, and says how many are left.
	Sweep() (int, error)
}

// away is this node on its way out and back. It belongs to the loop; the workers only post.
type away struct {
	wanted  bool // by a person: the node stays away when it is out
	closing bool // a clean leave waits for the volumes
	holders []api.Holder
	looking bool // for holders
	looked  time.Time

	leaving bool        // the disks are not drained yet: no new life may begin
	mark    fence.Leave // of the leave
	retry   time.Time   // of one that did not drain; zero: none

	gone      bool // disks may be cut, and are not back
	returning bool // they are on their way back: a join is not shown to configd yet
	aside     bool // volumes of a leave may still be there
	sweeping  bool
	swept     time.Time

	workers sync.WaitGroup
}

func (a *away) wait() { a.workers.Wait() }

// leave takes the disks away. The report comes back as an event. It goes on when clusterd stops meanwhile: each stage has
// its limit.
func (l *Loop) leave(mark fence.Leave) {
	l.away.closing, l.away.leaving, l.away.mark, l.away.retry, l.held = false, true, mark, time.Time{}, 0
	if err := l.volumes.begin(mark); err != nil {
		l.log.Error("the leave could not be marked; a restart in its middle would not finish it", "error", err)
	}
	sets, began := l.volumes.all(), time.Now()
	l.away.workers.Go(func() {
		report := l.cfg.Leaver.Leave(context.Background(), sets, mark.Seq)
		l.post(func() { l.left(report, began) })
	})
}

// leaveFromBefore finishes the leave of an earlier clusterd, or leaves what it held when it ended. It was the last
// incarnation that this node knows of.
func (l *Loop) leaveFromBefore() {
	mark := fence.Leave{Reason: view.ReasonLeftBefore}
	if l.machine != nil {
		s := l.machine.State()
		mark.Seq = s.View.Seq
		if r := s.Node(l.identity.Name.Node); r != nil {
			mark.Inc = r.Inc
		}
	}
	if m := l.volumes.leaving(); m != nil {
		mark.Seq, mark.Inc = m.Seq, m.Inc
	}
	l.leave(mark)
}

// left has the report of a leave. Only what is drained is told to the others as gone.
func (l *Loop) left(r fence.Report, began time.Time) {
	l.changed = true
	why := l.away.mark.Reason
	l.last = &api.Leave{
		Incarnation: l.away.mark.Inc, Reason: why, Words: why.Words(), At: began, Drained: r.Drained(), Report: r.String(),
	}
	l.log.Info("leave", "reason", why.Words(), "drained", r.Drained(), "report", r.String())
	if !r.Drained() {
		l.away.retry = time.Now().Add(leaveRetry)
		return
	}
	if err := l.volumes.end(); err != nil {
		l.fatal = fmt.Errorf("end the leave: %w", err)
		return
	}
	l.away.leaving, l.away.gone, l.away.aside = false, true, true
	l.step(member.Drained{})
	if why == view.ReasonLeftBefore {
		l.joinAgain()
	}
}

func (l *Loop) retryLeave() {
	if !l.away.retry.IsZero() && time.Now().After(l.away.retry) {
		l.leave(l.away.mark)
	}
}

// back brings the disks of before back, now that the gate lets packets through for a new incarnation.
func (l *Loop) back() {
	if !l.away.gone || l.away.returning {
		return
	}
	ctx := l.running
	l.away.returning = true
	l.away.workers.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(l.cfg.Settings.RegistrationTimeout))
		defer cancel()
		err := l.cfg.Leaver.Return(ctx)
		l.post(func() {
			// A life that ended meanwhile had the gate shut: what came back under it is not to be trusted.
			l.away.returning, l.away.gone, l.changed = false, err != nil || !l.lease.Running(), true
			if err != nil {
				l.log.Error("the disks did not come back; this node leaves and tries again", "error", err)
				l.step(member.Failed{Reason: view.ReasonNoDisk})
			}
		})
	})
}

// sweep removes the volumes that went through a leave, as their last users close them.
func (l *Loop) sweep() {
	if !l.away.aside || l.away.sweeping || time.Since(l.away.swept) < sweepEvery {
		return
	}
	l.away.sweeping, l.away.swept = true, time.Now()
	l.away.workers.Go(func() {
		n, err := l.cfg.Leaver.Sweep()
		l.post(func() {
			l.away.sweeping, l.away.aside = false, n > 0 || err != nil
			if err != nil {
				l.log.Warn("volumes of an earlier leave not removed", "error", err)
			}
		})
	})
}

// finishClose ends a clean leave's wait once configd has taken the last volume away; until then it looks for who has
// them open.
func (l *Loop) finishClose() {
	if !l.away.closing {
		return
	}
	if l.volumes.close() {
		l.away.closing = false
		l.step(member.Closed{})
		return
	}
	if l.away.looking || time.Since(l.away.looked) < holdersEvery {
		return
	}
	l.away.looking, l.away.looked = true, time.Now()
	sets := l.volumes.all()
	l.away.workers.Go(func() {
		found := holders(l.cfg.Kernel, sets)
		l.post(func() { l.away.looking, l.away.holders = false, found })
	})
}

// holders says who has volumes of the sets open.
func holders(k dm.Kernel, sets []view.FenceSet) []api.Holder {
	list := []api.Holder{}
	for _, s := range sets {
		for _, v := range s.Volumes {
			info, err := k.Info(v.Name)
			if err != nil || info.OpenCount == 0 {
				continue
			}
			who := holder.System.Of(info.Dev.Major, info.Dev.Minor)
			if len(who) == 0 {
				list = append(list, api.Holder{Volume: v.Name, Holder: "unknown to /proc"})
			}
			for _, h := range who {
				list = append(list, api.Holder{Volume: v.Name, PID: h.PID, Holder: h.Name})
			}
		}
	}
	return list
}
