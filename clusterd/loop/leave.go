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
	closing   bool // a clean leave waits for the volumes
	holders   []api.Holder
	looked    time.Time
	returning bool // the disks of before are on their way back: a join is not shown to configd yet
	gone      bool // disks were cut, and are not back
	aside     bool // volumes of a leave may still be there
	swept     time.Time
	retry     time.Time // of a leave that did not drain; zero: none
	why       view.Reason
	workers   sync.WaitGroup
}

func (a *away) wait() { a.workers.Wait() }

// leave takes the disks away. The report comes back as an event.
func (l *Loop) leave(ctx context.Context, why view.Reason) {
	s := l.status()
	l.away.closing, l.away.why, l.away.retry, l.held = false, why, time.Time{}, 0
	if err := l.volumes.begin(fence.Leave{Seq: s.View.Seq, Inc: s.Incarnation, Reason: why}); err != nil {
		l.log.Error("the leave could not be marked; a restart in its middle would not finish it", "error", err)
	}
	sets, began := l.volumes.all(), time.Now()
	l.away.workers.Add(1)
	go func() {
		defer l.away.workers.Done()
		report := l.cfg.Leaver.Leave(ctx, sets, s.View.Seq)
		l.post(func() { l.left(report, s.Incarnation, began) })
	}()
}

// left has the report of a leave. Only what is drained is told to the others as gone.
func (l *Loop) left(r fence.Report, inc view.Incarnation, began time.Time) {
	l.changed = true
	l.last = &api.Leave{
		Incarnation: inc, Reason: l.away.why, Words: l.away.why.Words(), At: began, Drained: r.Drained(), Report: r.String(),
	}
	l.log.Info("leave", "reason", l.away.why.Words(), "drained", r.Drained(), "report", r.String())
	if !r.Drained() {
		l.away.retry = time.Now().Add(leaveRetry)
		return
	}
	if err := l.volumes.end(); err != nil {
		l.fatal = fmt.Errorf("end the leave: %w", err)
		return
	}
	l.away.gone, l.away.aside = true, true
	l.step(member.Drained{})
	if l.away.why == view.ReasonLeftBefore && l.identity != nil {
		l.join()
	}
}

func (l *Loop) retryLeave(ctx context.Context) {
	if !l.away.retry.IsZero() && time.Now().After(l.away.retry) {
		l.leave(ctx, l.away.why)
	}
}

// back brings the disks of before back, now that the gate lets packets through for a new incarnation.
func (l *Loop) back() {
	if !l.away.gone || l.away.returning {
		return
	}
	l.away.returning = true
	l.away.workers.Add(1)
	go func() {
		defer l.away.workers.Done()
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(l.cfg.Settings.RegistrationTimeout))
		defer cancel()
		err := l.cfg.Leaver.Return(ctx)
		l.post(func() {
			l.away.returning, l.away.gone, l.changed = false, false, true
			if err != nil {
				l.log.Error("the disks did not come back; the configuration join will name them", "error", err)
			}
		})
	}()
}

// sweep removes the volumes that went through a leave, as their last users close them.
func (l *Loop) sweep() {
	if !l.away.aside || time.Since(l.away.swept) < sweepEvery {
		return
	}
	l.away.swept = time.Now()
	l.away.workers.Add(1)
	go func() {
		defer l.away.workers.Done()
		n, err := l.cfg.Leaver.Sweep()
		l.post(func() {
			l.away.aside = n > 0 || err != nil
			if err != nil {
				l.log.Warn("volumes of an earlier leave not removed", "error", err)
			}
		})
	}()
}

// finishClose ends a clean leave's wait once configd has taken the last volume away; until then it looks for who has
// them open.
func (l *Loop) finishClose() {
	if !l.away.closing {
		return
	}
	sets := l.volumes.all()
	if len(sets) == 0 {
		l.away.closing = false
		l.step(member.Closed{})
		return
	}
	if time.Since(l.away.looked) < holdersEvery {
		return
	}
	l.away.looked = time.Now()
	l.away.workers.Add(1)
	go func() {
		defer l.away.workers.Done()
		found := holders(l.cfg.Kernel, sets)
		l.post(func() { l.away.holders = found })
	}()
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
