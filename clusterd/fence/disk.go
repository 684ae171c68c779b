// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// drainPoll is how often a disk that drains is looked at; the kernel has no event for it.
const drainPoll = 20 * time.Millisecond

func (ShutGate) do(_ context.Context, env Env) (string, error) {
	if err := env.Shut(); err != nil {
		return "", err
	}
	return "the lease is " + view.LeaseFenced.String(), nil
}

func (a FailFast) do(ctx context.Context, env Env) (string, error) {
	if gone, err := isGone(env, a.Disk); gone || err != nil {
		return "the disk is gone already", err
	}
	return env.FailFast(ctx, a.Disk)
}

func (a Sever) do(ctx context.Context, env Env) (string, error) {
	n, err := env.Sever(ctx, a.Portals)
	return fmt.Sprintf("%d destroyed", n), err
}

func (a Delete) do(ctx context.Context, env Env) (string, error) {
	if gone, err := isGone(env, a.Disk); gone || err != nil {
		return "it is gone already", err
	}
	if err := env.Delete(ctx, a.Disk); err != nil {
		return "", err
	}
	return "deleted", nil
}

func isGone(env Env, d view.FenceDisk) (bool, error) {
	here, err := env.Here(d)
	return err == nil && !here, err
}

func (a Drain) do(ctx context.Context, env Env) (string, error) {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for {
		proof, drained, err := a.look(env)
		if drained {
			return proof, nil
		}
		select {
		case <-ctx.Done():
			return proof, errors.Join(err, errors.New("it did not drain in time"))
		case <-tick.C:
		}
	}
}

// look takes one look at a disk that drains.
func (a Drain) look(env Env) (proof string, drained bool, err error) {
	gone, err := isGone(env, a.Disk)
	if err != nil {
		return "", false, err
	}
	if gone {
		return "the device is gone", true, nil
	}
	n, err := env.InFlight(a.Disk)
	switch {
	case err != nil:
		return "", false, err
	case a.Cut:
		return fmt.Sprintf("the device is still there, %d in flight", n), false, nil
	case n > 0:
		return fmt.Sprintf("nothing can be cut on transport %s; %d in flight", a.Disk.Transport, n), false, nil
	}
	return fmt.Sprintf("nothing can be cut on transport %s; nothing is in flight", a.Disk.Transport), true, nil
}
