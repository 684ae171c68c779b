// SPDX-License-Identifier: Apache-2.0

package world

import (
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// driftMax keeps any two clocks within the drift that the membership times allow for.
const driftMax = 450 // parts per million

// clock is a host's CLOCK_BOOTTIME: it drifts, stands still while the host is paused, and begins anew at a boot.
type clock struct {
	w      *World
	ppm    int64
	base   view.Tick
	since  time.Duration
	paused bool
}

func newClock(w *World) *clock {
	c := &clock{w: w, ppm: w.rng.Int64N(2*driftMax) - driftMax}
	c.boot()
	return c
}

func (c *clock) boot() {
	c.base, c.since, c.paused = view.Tick(c.w.between(time.Second, time.Hour)), c.w.now, false
}

func (c *clock) now() view.Tick {
	if c.paused {
		return c.base
	}
	d := int64(c.w.now - c.since)
	return c.base + view.Tick(d+d/1000*c.ppm/1000)
}

func (c *clock) pause() { c.base, c.paused = c.now(), true }

func (c *clock) resume() { c.since, c.paused = c.w.now, false }
