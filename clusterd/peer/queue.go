// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"sync"

	"github.com/plexus-cvm/plexus/clusterd/peer/wire"
)

// queue holds the messages for one peer, the newest queueFramesMax of them and no more than queueBytesMax together.
// It is safe for concurrent use.
type queue struct {
	mu     sync.Mutex
	frames []*wire.Payload
	bytes  int
	ready  chan struct{} // holds a token while there may be something to pop
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

// push appends a message and returns how many old ones it pushed out.
func (q *queue) push(p *wire.Payload) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.frames = append(q.frames, p)
	q.bytes += len(p.Data)
	for len(q.frames) > queueFramesMax || q.bytes > queueBytesMax {
		q.bytes -= len(q.frames[0].Data)
		q.frames[0] = nil
		q.frames = q.frames[1:]
		dropped++
	}
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return dropped
}

// pop takes the oldest message, or returns nil.
func (q *queue) pop() *wire.Payload {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.frames) == 0 {
		q.frames = nil
		return nil
	}
	p := q.frames[0]
	q.frames[0] = nil
	q.frames = q.frames[1:]
	q.bytes -= len(p.Data)
	return p
}
