// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// qmpLineBytesMax bounds one message of QEMU's control protocol.
const qmpLineBytesMax = 1 << 20

// qmp speaks QEMU's control protocol (docs/interop/qmp-spec): lines of JSON, an answer for each command, events between.
type qmp struct {
	stream  io.ReadWriteCloser
	turn    sync.Mutex // one command at a time
	answers chan qmpAnswer
}

type qmpAnswer struct {
	Greeting json.RawMessage `json:"QMP"`
	Event    string          `json:"event"`
	ID       int             `json:"id"`
	Return   json.RawMessage `json:"return"`
	Error    *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
}

func newQMP(stream io.ReadWriteCloser) *qmp {
	q := &qmp{stream: stream, answers: make(chan qmpAnswer, 1)}
	go q.read()
	return q
}

// read passes answers on and drops events; nobody here waits for one.
func (q *qmp) read() {
	defer close(q.answers)
	scan := bufio.NewScanner(q.stream)
	scan.Buffer(nil, qmpLineBytesMax)
	for scan.Scan() {
		var a qmpAnswer
		if json.Unmarshal(scan.Bytes(), &a) == nil && (a.Return != nil || a.Error != nil) {
			q.answers <- a
		}
	}
}

// command runs one command; QEMU answers within milliseconds unless its process is stopped.
func (q *qmp) command(ctx context.Context, name string, arguments any) error {
	q.turn.Lock()
	defer q.turn.Unlock()
	message := map[string]any{"execute": name}
	if arguments != nil {
		message["arguments"] = arguments
	}
	b, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if _, err := q.stream.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("qmp %s: %w", name, err)
	}
	select {
	case a, ok := <-q.answers:
		switch {
		case !ok:
			return fmt.Errorf("qmp %s: QEMU has gone", name)
		case a.Error != nil:
			return fmt.Errorf("qmp %s: %s", name, a.Error.Desc)
		}
		return nil
	case <-ctx.Done():
		q.stream.Close() // the answer would be taken for that of the next command
		return fmt.Errorf("qmp %s: %w", name, ctx.Err())
	}
}
