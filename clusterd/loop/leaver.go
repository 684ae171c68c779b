// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"

	"github.com/plexus-cvm/plexus/bpf"
	"github.com/plexus-cvm/plexus/clusterd/fence"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
)

// NewLeaver returns the Leaver of this node.
func NewLeaver(g bpf.Gate, k dm.Kernel) Leaver { return leaver{fence.Linux(shutter{g}, k), k} }

type leaver struct {
	env    fence.Env
	kernel dm.Kernel
}

func (l leaver) Leave(ctx context.Context, sets []view.FenceSet, seq view.Seq) fence.Report {
	return fence.Run(ctx, l.env, fence.MakePlan(sets, seq))
}

func (l leaver) Return(ctx context.Context) error { return fence.Return(ctx) }

func (l leaver) Sweep() (int, error) {
	left, err := fence.Sweep(l.kernel)
	return len(left), err
}

// shutter is the one thing that a leave wants of the gate.
type shutter struct{ gate bpf.Gate }

func (s shutter) Shut() error { return s.gate.SetLease(bpf.Lease{State: bpf.LeaseFenced}) }
