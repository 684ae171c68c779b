// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

func TestWorkOfALifeThatIsOverIsNotDone(t *testing.T) {
	l := &Loop{lanes: newLanes(), log: slog.New(slog.NewTextHandler(io.Discard, nil)), calls: make(chan func(), 8), done: make(chan struct{})}
	l.life.Store(3)
	hung := make(chan struct{})
	l.lanes.run(laneGroup("g"), func() { <-hung }) // a wait for a disk, say
	done := map[view.Incarnation]bool{}
	for _, inc := range []view.Incarnation{0, 3, 4} {
		l.finish(0, "g", "work", inc, func() (bool, error) { done[inc] = true; return false, nil })
	}
	l.life.Store(4) // this node has left and joined again meanwhile
	close(hung)
	l.lanes.wait()
	if !done[0] || done[3] || !done[4] {
		t.Fatalf("done: %v, want that of the private group and of incarnation 4", done)
	}
	if err := l.alive(3); err == nil || !strings.Contains(err.Error(), "incarnation 3") {
		t.Fatalf("got %v", err)
	}
}
