// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// Stats is what a Port has counted since it was opened.
type Stats struct {
	Sent     uint64          // messages handed to the kernel
	Received uint64          // messages
	Dropped  uint64          // messages pushed out of a full queue, or for nobody
	Connects uint64          // connections made, both ways
	Refused  map[Code]uint64 // by us and by peers
}

const (
	logEvery     = 30 * time.Second // at most one line about one peer and cause
	logCausesMax = 256              // remembered
)

// tally counts, and logs at a bounded rate. It is safe for concurrent use.
type tally struct {
	mu     sync.Mutex
	counts Stats
	log    *slog.Logger
	now    func() time.Time
	causes map[cause]*quiet
}

type cause struct{ peer, code string }

type quiet struct {
	since   time.Time
	skipped int
}

func newTally(log *slog.Logger) *tally {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &tally{counts: Stats{Refused: map[Code]uint64{}}, log: log, now: time.Now, causes: map[cause]*quiet{}}
}

func (t *tally) add(count func(*Stats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	count(&t.counts)
}

func (t *tally) stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.counts
	s.Refused = maps.Clone(s.Refused)
	return s
}

// lost counts and logs the end of a connection, or of an attempt to make one. Who is the peer without what changes
// from one attempt to the next, such as the port that it calls from.
func (t *tally) lost(who string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	why := cause{who, "network"}
	level := slog.LevelInfo
	var refusal *Refusal
	if errors.As(err, &refusal) {
		t.counts.Refused[refusal.Code]++
		why.code = string(refusal.Code)
		level = slog.LevelWarn
	}
	now := t.now()
	q := t.causes[why]
	if q != nil && now.Sub(q.since) < logEvery {
		q.skipped++
		return
	}
	skipped := 0
	if q != nil {
		skipped = q.skipped
	}
	if q == nil && len(t.causes) >= logCausesMax {
		clear(t.causes)
	}
	t.causes[why] = &quiet{since: now}
	t.log.Log(context.Background(), level, "peer link: "+err.Error(), "peer", who, "code", why.code, "not_logged", skipped)
}
