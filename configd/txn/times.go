// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Times are the durations of a transaction. They follow from those of membership; build them with TimesFrom.
type Times struct {
	Retry   time.Duration // without an answer for so long, ask again
	Vote    time.Duration // a proposal without all votes and texts for so long is given up
	Prepare time.Duration // a member's suspend before its ack; the master's wait for all acks is as long
	Hold    time.Duration // a member's suspend from its ack to the decision
	Decide  time.Duration // the master's wait for a majority: it leaves early enough for the next one to decide
	Join    time.Duration // a change waits so long for nodes that have not joined, a joiner so long for its master
}

// TimesFrom returns the times that belong to those of membership. Hold outlasts the eviction of a dead master and the
// recovery by the next one.
func TimesFrom(t view.Times) Times {
	hold := max(t.HoldTime, 200*t.Heartbeat)
	return Times{
		Retry:   5 * t.Heartbeat,
		Vote:    100 * t.Heartbeat,
		Prepare: 50 * t.Heartbeat,
		Hold:    hold,
		Decide:  hold / 2,
		Join:    max(10*time.Second, 200*t.Heartbeat),
	}
}

// Check refuses times under which a member could give up before a decision can have come.
func (t Times) Check() error {
	switch {
	case t.Retry <= 0 || t.Vote < 4*t.Retry || t.Prepare < 4*t.Retry || t.Join < 4*t.Retry:
		return fmt.Errorf("times %+v: vote, prepare and join must last at least four retries", t)
	case t.Decide < 4*t.Retry || t.Hold < 2*t.Decide || t.Hold < 2*t.Prepare:
		return fmt.Errorf("times %+v: hold must last at least two prepares and two decides", t)
	}
	return nil
}
