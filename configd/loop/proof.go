// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"sync"
	"time"

	"github.com/plexus-cvm/plexus/bpf"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

const selfTestTimeout = 30 * time.Second

// tester is a gate that can be tried out; *bpf.Pinned is one.
type tester interface {
	SelfTest(ctx context.Context) []bpf.Finding
}

// proof is what the gate of this node was seen to refuse. Safe for concurrent use.
type proof struct {
	testing  sync.Mutex // one test at a time
	mu       sync.Mutex
	findings []bpf.Finding
}

// test tries the gate out, now.
func (p *proof) test(g bpf.Gate) []bpf.Finding {
	t, ok := g.(tester)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), selfTestTimeout)
	defer cancel()
	p.testing.Lock()
	defer p.testing.Unlock()
	found := t.SelfTest(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.findings = found
	return found
}

func (p *proof) wire() bpf.Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.findings {
		if f.Name == bpf.HookEgress.String() {
			return f.Answer
		}
	}
	return bpf.Unknown
}

// level returns what is proven for a group on these disks: wire, where every disk is behind a portal that is known and
// the hook on packets was seen to refuse; else nothing.
func (p *proof) level(disks []view.FenceDisk) view.FenceLevel {
	for _, d := range disks {
		if len(d.Portals) == 0 {
			return view.FenceNone
		}
	}
	if len(disks) == 0 || p.wire() != bpf.Yes {
		return view.FenceNone
	}
	return view.FenceWire
}
