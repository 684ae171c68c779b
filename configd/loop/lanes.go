// SPDX-License-Identifier: Apache-2.0

package loop

import "sync"

// lanes run work beside the loop: what is in one lane runs one after another in the order in which it was given, what is
// in different lanes side by side. There is a lane for each disk and one for the devices of each group, so a disk that
// hangs holds up nothing but itself. A lane's goroutine ends when its work is done.
type lanes struct {
	mu      sync.Mutex
	waiting map[string][]func()
	running sync.WaitGroup
}

func newLanes() *lanes { return &lanes{waiting: map[string][]func(){}} }

// run puts work at the end of a lane and returns at once. What waits is bounded by what the machine has under way.
func (l *lanes) run(lane string, work func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue, busy := l.waiting[lane]
	l.waiting[lane] = append(queue, work)
	if busy {
		return
	}
	l.running.Add(1)
	go l.drive(lane)
}

func (l *lanes) drive(lane string) {
	defer l.running.Done()
	for {
		l.mu.Lock()
		queue := l.waiting[lane]
		if len(queue) == 0 {
			delete(l.waiting, lane)
			l.mu.Unlock()
			return
		}
		work := queue[0]
		l.waiting[lane] = queue[1:]
		l.mu.Unlock()
		work()
	}
}

// wait returns when all lanes are empty.
func (l *lanes) wait() { l.running.Wait() }
